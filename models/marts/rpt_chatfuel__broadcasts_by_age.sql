with

broadcasts as (
    select * from {{ ref('fct_chatfuel__broadcasts') }}
),

broadcast_metrics as (
    select * from {{ ref('fct_chatfuel__broadcast_metrics') }}
),

last_pulls as (
    select * from {{ ref('int_chatfuel__last_pulls') }}
),

ages as (
    {%- for age_days in [1, 2, 3, 7] %}
        select
            broadcast_key,
            bot_id,
            broadcast_id,
            sent_at,
            {{ age_days }} as age_days,
            {{ days_after('sent_at', age_days) }} as matures_at,
            {{ days_after('sent_at', age_days + 1) }} as next_day_at,
        from broadcasts
        {{ "union all" if not loop.last }}
    {%- endfor %}
),

-- The counters of the first pull of that day of its life; where there was none, nobody knows.
rated as (
    select
        ages.broadcast_key,
        ages.bot_id,
        ages.broadcast_id,
        ages.sent_at,
        ages.age_days,
        ages.matures_at,
        last_pulls.pulled_at >= ages.matures_at as is_mature,
        broadcast_metrics.pulled_at as observed_at,
        broadcast_metrics.recipients,
        broadcast_metrics.opened,
        broadcast_metrics.clicked,
        broadcast_metrics.failed,
        {{ rate('broadcast_metrics.opened', 'broadcast_metrics.recipients') }} as open_rate,
        {{ rate('broadcast_metrics.clicked', 'broadcast_metrics.recipients') }} as click_rate,
        {{ rate('broadcast_metrics.failed', 'broadcast_metrics.recipients') }} as failure_rate,
    from ages
    inner join last_pulls
        on ages.bot_id = last_pulls.bot_id
    left join broadcast_metrics
        on
            ages.broadcast_key = broadcast_metrics.broadcast_key
            and ages.matures_at <= broadcast_metrics.pulled_at
            and ages.next_day_at > broadcast_metrics.pulled_at
    qualify row_number() over (partition by ages.broadcast_key, ages.age_days order by broadcast_metrics.pulled_at) = 1
),

-- Each broadcast beside the twenty before it.
compared as (
    select
        rated.broadcast_key,
        rated.age_days,
        earlier.open_rate,
        earlier.click_rate,
    from rated
    inner join rated as earlier
        on
            rated.bot_id = earlier.bot_id
            and rated.age_days = earlier.age_days
            and rated.sent_at > earlier.sent_at
            and earlier.open_rate is not null
            and earlier.click_rate is not null
    qualify
        row_number() over (
            partition by rated.broadcast_key, rated.age_days
            order by earlier.sent_at desc, earlier.broadcast_key asc
        ) <= 20
),

ranked as (
    select
        *,
        row_number() over (partition by broadcast_key, age_days order by open_rate) as open_place,
        row_number() over (partition by broadcast_key, age_days order by click_rate) as click_place,
        count(*) over (partition by broadcast_key, age_days) as broadcasts,
    from compared
),

-- The median: the middle one, or the mean of the middle two.
usual as (
    select
        broadcast_key,
        age_days,
        count(*) as compared_broadcasts,
        avg(case when open_place * 2 between broadcasts and broadcasts + 2 then open_rate end) as usual_open_rate,
        avg(case when click_place * 2 between broadcasts and broadcasts + 2 then click_rate end) as usual_click_rate,
    from ranked
    group by broadcast_key, age_days
),

final as (
    select
        {{ hash_key(['rated.broadcast_key', 'rated.age_days']) }} as broadcast_age_key,
        rated.broadcast_key,
        rated.bot_id,
        rated.broadcast_id,
        rated.sent_at,
        cast(rated.age_days as {{ dbt.type_bigint() }}) as age_days,
        rated.matures_at,
        rated.is_mature,
        rated.observed_at,
        rated.recipients,
        rated.opened,
        rated.clicked,
        rated.failed,
        rated.open_rate,
        rated.click_rate,
        rated.failure_rate,
        coalesce(usual.compared_broadcasts, 0) as compared_broadcasts,
        usual.usual_open_rate,
        usual.usual_click_rate,
    from rated
    left join usual
        on
            rated.broadcast_key = usual.broadcast_key
            and rated.age_days = usual.age_days
)

select * from final
