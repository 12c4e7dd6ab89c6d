{%- set moves = ['appeared', 'returned', 'unblocked', 'blocked', 'disappeared'] %}
with

reachable_changes as (
    select
        *,
        cast({{ week_start('activity_date') }} as date) as week,
        {{ window_days('previous_pulled_at', 'pulled_at') }} as window_days,
    from {{ ref('int_chatfuel__reachable_changes') }}
),

bots as (
    select
        bot_id,
        max(activity_date) as last_date,
    from reachable_changes
    group by bot_id
),

last_known as (
    select
        bot_id,
        pulled_at,
        reachable_after,
    from reachable_changes
    where reachable_after is not null
    qualify row_number() over (partition by bot_id order by pulled_at desc) = 1
),

whole_weeks as (
    select
        bot_id,
        week,
        {%- for move in moves %}
            sum({{ move }}) as {{ move }},
        {%- endfor %}
    from reachable_changes
    group by bot_id, week
    -- a week is whole if the windows of its pulls are about seven days, and each pull tells what moved
    having
        sum(window_days) between 6.5 and 7.5
        and count(*) = count(reachable_changes.appeared)
),

-- Of the last four weeks that are over, those that are whole.
paces as (
    select
        past.bot_id,
        count(*) as weeks,
        min(past.week) as first_week,
        max(past.week) as last_week,
        {%- for move in moves %}
            cast(sum(past.{{ move }}) as {{ type_double() }}) / count(*) as {{ move }}_a_week,
        {%- endfor %}
        cast(
            sum(
                past.appeared + past.returned + past.unblocked
                - past.blocked - past.disappeared
            )
            as {{ type_double() }}
        ) / count(*) as change_a_week,
    from whole_weeks as past
    inner join bots
        on past.bot_id = bots.bot_id
    where
        {{ days_between('past.week', 'bots.last_date') }} >= 6
        and {{ days_between('past.week', 'bots.last_date') }} < 34
    group by past.bot_id
),

final as (
    select
        bots.bot_id,
        last_known.reachable_after as reachable_users,
        last_known.pulled_at as reachable_observed_at,
        paces.weeks,
        paces.first_week,
        paces.last_week,
        {%- for move in moves %}
            paces.{{ move }}_a_week,
        {%- endfor %}
        paces.change_a_week,
        case
            when paces.change_a_week is not null
                then greatest(last_known.reachable_after + 4 * paces.change_a_week, 0)
        end as reachable_users_in_four_weeks,
    from bots
    left join last_known
        on bots.bot_id = last_known.bot_id
    left join paces
        on bots.bot_id = paces.bot_id
)

select * from final
