{{
    config(
        materialized='pull_by_pull',
        on_schema_change='append_new_columns',
        partition_by=chatfuel.partition_by_day('observed_at'),
        cluster_by=['bot_id', 'event_type', 'attribute_name', 'chatfuel_user_id'],
        meta={'all_pulls_at_once': true, 'started_at': 'observed_at'},
    )
}}

-- One row per event: what the new pulls show to have happened to a user.
with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
    where {{ in_new_pulls() }}
),

attribute_events as (
    select * from {{ ref('int_chatfuel__attribute_events') }}
),

presence_events as (
    select * from {{ ref('int_chatfuel__presence_events') }}
),

user_visits as (
    select * from {{ ref('int_chatfuel__user_visits') }}
    where
        (superseded_at is null or superseded_at >= {{ first_new_pull_at() }})
        and {{ of_bots_with_new_pulls() }}
),

-- An event looks back chatfuel_attribution_days, and a broadcast may become known a week after it was sent.
recipients as (
    select *
    from {{ if_used('broadcasts', 'fct_chatfuel__broadcast_recipients', {
        'bot_id': 'string', 'chatfuel_user_id': 'string', 'broadcast_id': 'string', 'pull_id': 'string',
        'sent_at': 'timestamp', 'sent_after': 'timestamp', 'known_at': 'timestamp'
    }) }}
    where
        known_at >= {{ days_before(first_new_pull_at(), [setting('chatfuel_attribution_days'), 8] | max) }}
        and {{ of_bots_with_new_pulls() }}
),

previous_steps as (
    select *
    from {{ if_used('kpis', 'int_chatfuel__previous_steps', {
        'bot_id': 'string', 'chatfuel_user_id': 'string', 'pull_id': 'string', 'engagement_step': 'string'
    }) }}
),

visits as (
    select
        user_visits.bot_id,
        user_visits.chatfuel_user_id,
        'user_seen' as event_type,
        pulls.previous_pulled_at as observed_after,
        pulls.pulled_at as observed_at,
        pulls.pull_id,
        user_visits.last_seen_at as occurred_at,
        cast(null as {{ dbt.type_string() }}) as broadcast_id,
    from user_visits
    inner join pulls
        on
            user_visits.bot_id = pulls.bot_id
            and user_visits.pull_id = pulls.pull_id
    where pulls.previous_pulled_at is not null
),

receipts as (
    select
        recipients.bot_id,
        recipients.chatfuel_user_id,
        'broadcast_received' as event_type,
        pulls.previous_pulled_at as observed_after,
        pulls.pulled_at as observed_at,
        pulls.pull_id,
        case when recipients.sent_after is null then recipients.sent_at end as occurred_at,
        recipients.broadcast_id,
    from recipients
    inner join pulls
        on
            recipients.bot_id = pulls.bot_id
            and recipients.pull_id = pulls.pull_id
),

events_of_users as (
    select
        *,
        cast(null as {{ dbt.type_string() }}) as broadcast_id,
    from presence_events
    union all
    select * from visits
    union all
    select * from receipts
),

events as (
    select
        bot_id,
        chatfuel_user_id,
        event_type,
        attribute_name,
        old_value,
        new_value,
        observed_after,
        observed_at,
        pull_id,
        cast(null as timestamp) as occurred_at,
        cast(null as {{ dbt.type_string() }}) as broadcast_id,
    from attribute_events
    union all
    select
        bot_id,
        chatfuel_user_id,
        event_type,
        null as attribute_name,
        null as old_value,
        null as new_value,
        observed_after,
        observed_at,
        pull_id,
        occurred_at,
        broadcast_id,
    from events_of_users
),

-- All events of a user at one pull end their window together, so they share the last broadcast before it.
users_with_events as (
    select distinct
        bot_id,
        chatfuel_user_id,
        pull_id,
        observed_at,
    from events
),

last_broadcasts as (
    select
        users_with_events.bot_id,
        users_with_events.chatfuel_user_id,
        users_with_events.pull_id,
        recipients.broadcast_id,
    from users_with_events
    inner join recipients
        on
            users_with_events.bot_id = recipients.bot_id
            and users_with_events.chatfuel_user_id = recipients.chatfuel_user_id
            and users_with_events.observed_at >= recipients.known_at
            and users_with_events.observed_at > coalesce(recipients.sent_after, recipients.sent_at)
            and {{ days_before('users_with_events.observed_at', setting('chatfuel_attribution_days')) }}
            <= recipients.sent_at
    qualify
        row_number() over (
            partition by users_with_events.bot_id, users_with_events.chatfuel_user_id, users_with_events.pull_id
            order by recipients.sent_at desc, recipients.broadcast_id desc
        ) = 1
),

attributed as (
    select
        events.*,
        last_broadcasts.broadcast_id as last_broadcast_id,
        previous_steps.engagement_step,
    from events
    left join last_broadcasts using (bot_id, chatfuel_user_id, pull_id)
    left join previous_steps using (bot_id, chatfuel_user_id, pull_id)
),

final as (
    select
        {{ hash_key([
            'bot_id', 'chatfuel_user_id', 'event_type', 'coalesce(attribute_name, broadcast_id)', 'pull_id'
        ]) }} as event_key,
        bot_id,
        chatfuel_user_id,
        event_type,
        attribute_name,
        old_value,
        new_value,
        observed_after,
        observed_at,
        pull_id,
        occurred_at,
        {{ local_date('coalesce(occurred_at, ' ~ midpoint('observed_after', 'observed_at') ~ ')') }} as activity_date,
        coalesce(broadcast_id, last_broadcast_id) as broadcast_id,
        engagement_step,
    from attributed
)

select * from final
