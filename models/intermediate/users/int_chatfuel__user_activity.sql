{{
    config(
        materialized='pull_by_pull',
        unique_key='user_month_key',
        incremental_predicates=['observed_month >= ' ~ chatfuel.month_of(chatfuel.first_new_pull_at())],
        partition_by=chatfuel.partition_by_month('observed_month'),
        cluster_by=['bot_id', 'chatfuel_user_id'],
        meta={'all_pulls_at_once': true, 'started_at': 'last_observed_at', 'rebuilt_from': 'month'},
    )
}}

-- One row per user and month (UTC) of the pulls that told of the user: how much, and the last broadcast received.
with

{{ new_events() }},

known_activity as (
    select * from {{ this }}
    where observed_month >= {{ month_of(first_new_pull_at()) }}
),

monthly_events as (
    select
        *,
        {{ month_of('observed_at') }} as observed_month,
    from new_events
    where chatfuel_user_id is not null
),

new_activity as (
    select
        bot_id,
        chatfuel_user_id,
        observed_month,
        count(*) as event_count,
        sum(case when event_type = 'user_seen' then 1 else 0 end) as visit_count,
        sum(
            case when event_type in ('attribute_set', 'attribute_changed', 'attribute_cleared') then 1 else 0 end
        ) as attribute_event_count,
        sum(case when event_type = 'broadcast_received' then 1 else 0 end) as broadcast_count,
        max(observed_at) as last_observed_at,
    from monthly_events
    group by bot_id, chatfuel_user_id, observed_month
),

last_broadcasts as (
    select
        bot_id,
        chatfuel_user_id,
        observed_month,
        broadcast_id,
        -- a campaign that went out at once counts as sent when the pull saw it
        coalesce(occurred_at, observed_at) as sent_at,
    from monthly_events
    where event_type = 'broadcast_received'
    qualify
        row_number() over (
            partition by bot_id, chatfuel_user_id, observed_month
            order by coalesce(occurred_at, observed_at) desc, broadcast_id desc
        ) = 1
),

activity as (
    select
        new_activity.*,
        known_activity.event_count as known_event_count,
        known_activity.visit_count as known_visit_count,
        known_activity.attribute_event_count as known_attribute_event_count,
        known_activity.broadcast_count as known_broadcast_count,
        known_activity.last_broadcast_id as known_broadcast_id,
        known_activity.last_broadcast_at as known_broadcast_at,
        last_broadcasts.broadcast_id as new_broadcast_id,
        last_broadcasts.sent_at as new_broadcast_at,
        -- of two sent in the same second, the one with the higher id
        coalesce(
            last_broadcasts.sent_at > known_activity.last_broadcast_at
            or (
                last_broadcasts.sent_at = known_activity.last_broadcast_at
                and last_broadcasts.broadcast_id > known_activity.last_broadcast_id
            ),
            known_activity.last_broadcast_at is null
        ) as is_new_broadcast_last,
    from new_activity
    left join last_broadcasts
        on
            new_activity.bot_id = last_broadcasts.bot_id
            and new_activity.chatfuel_user_id = last_broadcasts.chatfuel_user_id
            and new_activity.observed_month = last_broadcasts.observed_month
    left join known_activity
        on
            new_activity.bot_id = known_activity.bot_id
            and new_activity.chatfuel_user_id = known_activity.chatfuel_user_id
            and new_activity.observed_month = known_activity.observed_month
),

final as (
    select
        {{ hash_key(['bot_id', 'chatfuel_user_id', 'observed_month']) }} as user_month_key,
        bot_id,
        chatfuel_user_id,
        observed_month,
        cast(event_count + coalesce(known_event_count, 0) as {{ dbt.type_bigint() }}) as event_count,
        cast(visit_count + coalesce(known_visit_count, 0) as {{ dbt.type_bigint() }}) as visit_count,
        cast(attribute_event_count + coalesce(known_attribute_event_count, 0) as {{ dbt.type_bigint() }})
            as attribute_event_count,
        cast(broadcast_count + coalesce(known_broadcast_count, 0) as {{ dbt.type_bigint() }}) as broadcast_count,
        case when is_new_broadcast_last then new_broadcast_id else known_broadcast_id end as last_broadcast_id,
        case when is_new_broadcast_last then new_broadcast_at else known_broadcast_at end as last_broadcast_at,
        last_observed_at,
    from activity
)

select * from final
