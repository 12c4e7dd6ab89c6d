{{
    config(
        materialized='pull_by_pull',
        meta={'all_pulls_at_once': true, 'started_at': 'observed_at'},
    )
}}

-- One row per pull, event type, local day and hour: events of users whose time is known.
with

{{ new_events() }},

-- A broadcast's time is when it was sent: no user did anything then.
timed_events as (
    select
        *,
        cast({{ local_hour('occurred_at') }} as {{ dbt.type_bigint() }}) as local_hour,
    from new_events
    where
        occurred_at is not null
        and event_type <> 'broadcast_received'
),

final as (
    select
        {{ hash_key(['bot_id', 'pull_id', 'event_type', 'activity_date', 'local_hour']) }} as hourly_event_key,
        bot_id,
        pull_id,
        observed_at,
        event_type,
        activity_date,
        local_hour,
        count(*) as event_count,
    from timed_events
    group by bot_id, pull_id, observed_at, event_type, activity_date, local_hour
)

select * from final
