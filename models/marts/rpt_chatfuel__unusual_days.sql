with

-- Only days that stand for one day are judged, and judge others.
kpi_values as (
    select * from {{ ref('fct_chatfuel__daily_kpi_values') }}
    where
        platform = 'all'
        and users is not null
        and window_days >= 0.75
        and window_days <= 1.25
),

broadcasts as (
    select *
    from {{ if_used('broadcasts', 'fct_chatfuel__broadcasts', {
        'broadcast_key': 'string', 'bot_id': 'string', 'sent_at': 'timestamp', 'sent_date': 'date', 'recipients': 'int64'
    }) }}
    where coalesce(recipients, 1) > 0
),

-- Each day beside the same weekdays of the twelve weeks before it.
compared as (
    select
        kpi_values.kpi_value_key,
        earlier.users,
    from kpi_values
    inner join kpi_values as earlier
        on
            kpi_values.bot_id = earlier.bot_id
            and kpi_values.kpi = earlier.kpi
            and kpi_values.date > earlier.date
    where
        {{ days_between('earlier.date', 'kpi_values.date') }} <= 84
        and mod({{ days_between('earlier.date', 'kpi_values.date') }}, 7) = 0
),

ranked as (
    select
        *,
        row_number() over (partition by kpi_value_key order by users) as place,
        count(*) over (partition by kpi_value_key) as days,
    from compared
),

-- The median: the middle one, or the mean of the middle two.
medians as (
    select
        kpi_value_key,
        users,
        days,
        avg(case when place * 2 between days and days + 2 then users end) over (partition by kpi_value_key)
            as usual_users,
    from ranked
    where days >= 2
),

deviations as (
    select
        *,
        abs(users - usual_users) as deviation,
        row_number() over (partition by kpi_value_key order by abs(users - usual_users)) as place,
    from medians
),

-- 1.4826 median deviations are one standard deviation of what is normally spread; counts spread by their root at least.
spreads as (
    select
        kpi_value_key,
        usual_users,
        count(*) as compared_days,
        greatest(
            1.4826 * avg(case when place * 2 between days and days + 2 then deviation end), sqrt(usual_users), 1
        ) as spread,
    from deviations
    group by kpi_value_key, usual_users
),

judged as (
    select
        kpi_values.*,
        spreads.compared_days,
        spreads.usual_users,
        greatest(spreads.usual_users - 3 * spreads.spread, 0) as expected_from,
        spreads.usual_users + 3 * spreads.spread as expected_to,
        (kpi_values.users - spreads.usual_users) / spreads.spread as spreads_off,
    from kpi_values
    inner join spreads
        on kpi_values.kpi_value_key = spreads.kpi_value_key
),

-- Beside it the last broadcast sent on the day, or on one of the two days before it.
final as (
    select
        judged.kpi_value_key,
        judged.bot_id,
        judged.date,
        judged.kpi,
        judged.users,
        cast(judged.usual_users as {{ type_double() }}) as usual_users,
        round(cast(judged.expected_from as {{ type_double() }}), 1) as expected_from,
        round(cast(judged.expected_to as {{ type_double() }}), 1) as expected_to,
        round(cast(judged.spreads_off as {{ type_double() }}), 1) as spreads_off,
        judged.compared_days,
        broadcasts.broadcast_key as nearest_broadcast_key,
        broadcasts.sent_at as nearest_broadcast_at,
    from judged
    left join broadcasts
        on
            judged.bot_id = broadcasts.bot_id
            and judged.date >= broadcasts.sent_date
            and {{ days_between('broadcasts.sent_date', 'judged.date') }}
            <= 2
    where abs(judged.spreads_off) > 3
    qualify
        row_number() over (
            partition by judged.kpi_value_key
            order by broadcasts.sent_at desc, broadcasts.broadcast_key asc
        ) = 1
)

select * from final
