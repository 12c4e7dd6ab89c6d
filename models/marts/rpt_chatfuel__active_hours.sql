with

hourly_events as (
    select
        *,
        {{ days_between(week_start('activity_date'), 'activity_date') }}
        + 1 as weekday,
    from {{ ref('int_chatfuel__hourly_events') }}
),

counted as (
    select
        bot_id,
        event_type,
        weekday,
        local_hour,
        sum(event_count) as event_count,
        min(activity_date) as first_date,
        max(activity_date) as last_date,
    from hourly_events
    group by bot_id, event_type, weekday, local_hour
),

final as (
    select
        {{ hash_key(['bot_id', 'event_type', 'weekday', 'local_hour']) }} as active_hour_key,
        bot_id,
        event_type,
        cast(weekday as {{ dbt.type_bigint() }}) as weekday,
        local_hour,
        cast(event_count as {{ dbt.type_bigint() }}) as event_count,
        {{ rate('event_count', 'sum(event_count) over (partition by bot_id, event_type)') }} as event_share,
        first_date,
        last_date,
    from counted
)

select * from final
