{#- No unique_key: what a run derives is new, so rows are added, and the table is not read for it. -#}
{{
    config(
        materialized='incremental',
        partition_by=chatfuel.partition_by_day('observed_at'),
        cluster_by=['bot_id', 'event_type', 'attribute_name', 'chatfuel_user_id'],
        on_schema_change='fail',
        pre_hook="{{ chatfuel.rewind('observed_at') }}",
    )
}}
{%- set processed = processed_through(['observed_at'], 'observed_at') %}
{%- set first_date = first_unprocessed_date(processed) %}

with

pulls as (
    select
        *,
        {{ is_unprocessed(processed, 'pulls') }} as is_unprocessed,
    from {{ ref('int_chatfuel__pulls') }} as pulls
),

versions as {{ inlined() }} (
    select * from {{ ref('int_chatfuel__attribute_versions') }}
    {%- if first_date is not none %}
        where settled_at is null or settled_at >= timestamp '{{ first_date }} 00:00:00'
    {%- endif %}
),

user_presence as (
    select * from {{ ref('int_chatfuel__user_presence') }}
),

user_visits as (
    select * from {{ ref('int_chatfuel__user_visits') }}
    {%- if first_date is not none %}
        where superseded_at is null or superseded_at >= timestamp '{{ first_date }} 00:00:00'
    {%- endif %}
),

users as (
    select * from {{ ref('stg_chatfuel__users') }}
    {%- if first_date is not none %}
        where pull_date >= date '{{ first_date }}'
    {%- endif %}
),

recipients as (
    select * from {{ ref('fct_chatfuel__broadcast_recipients') }}
    {%- if first_date is not none %}
        where known_at >= {{ earliest_sent_at(first_date) }}
    {%- endif %}
),

new_pulls as (
    select * from pulls
    where is_unprocessed
),

value_starts as (
    select
        versions.bot_id,
        versions.chatfuel_user_id,
        case
            when versions.attribute_name = 'status' and versions.attribute_value = 'blocked' then 'user_blocked'
            when
                versions.attribute_name = 'status'
                and versions.attribute_value = 'reachable'
                and versions.start_reason = 'changed'
                then 'user_unblocked'
            when versions.attribute_name = 'status' then null
            when versions.start_reason = 'changed' then 'attribute_changed'
            else 'attribute_set'
        end as event_type,
        versions.attribute_name,
        versions.previous_value as old_value,
        versions.attribute_value as new_value,
        versions.observed_after,
        new_pulls.pulled_at as observed_at,
        new_pulls.pull_id,
        cast(null as {{ dbt.type_timestamp() }}) as occurred_at,
        cast(null as {{ dbt.type_string() }}) as broadcast_id,
    from versions
    inner join new_pulls
        on
            versions.bot_id = new_pulls.bot_id
            and versions.started_pull_id = new_pulls.pull_id
    where versions.start_reason in ('user_appeared', 'set', 'changed')
),

value_ends as (
    select
        versions.bot_id,
        versions.chatfuel_user_id,
        'attribute_cleared' as event_type,
        versions.attribute_name,
        versions.attribute_value as old_value,
        cast(null as {{ dbt.type_string() }}) as new_value,
        -- the last pull that held the value, also where it was hidden since
        last_held.previous_pulled_at as observed_after,
        new_pulls.pulled_at as observed_at,
        new_pulls.pull_id,
        cast(null as {{ dbt.type_timestamp() }}) as occurred_at,
        cast(null as {{ dbt.type_string() }}) as broadcast_id,
    from versions
    inner join new_pulls
        on
            versions.bot_id = new_pulls.bot_id
            and coalesce(versions.hidden_until, versions.valid_to) = new_pulls.pulled_at
    inner join pulls as last_held
        on
            versions.bot_id = last_held.bot_id
            and versions.ended_pull_id = last_held.pull_id
    where
        versions.attribute_name <> 'status'
        and (versions.end_reason = 'cleared' or versions.hidden_end_reason = 'cleared')
),

appearances as (
    select
        user_presence.bot_id,
        user_presence.chatfuel_user_id,
        user_presence.start_reason,
        new_pulls.previous_pulled_at as observed_after,
        new_pulls.pulled_at as observed_at,
        new_pulls.pull_id,
    from user_presence
    inner join new_pulls
        on
            user_presence.bot_id = new_pulls.bot_id
            and user_presence.started_pull_id = new_pulls.pull_id
    where user_presence.start_reason <> 'baseline'
),

presence_events as (
    select
        bot_id,
        chatfuel_user_id,
        'user_appeared' as event_type,
        cast(null as {{ dbt.type_string() }}) as attribute_name,
        cast(null as {{ dbt.type_string() }}) as old_value,
        cast(null as {{ dbt.type_string() }}) as new_value,
        observed_after,
        observed_at,
        pull_id,
        cast(null as {{ dbt.type_timestamp() }}) as occurred_at,
        cast(null as {{ dbt.type_string() }}) as broadcast_id,
    from appearances
    union all
    select
        user_presence.bot_id,
        user_presence.chatfuel_user_id,
        'user_disappeared' as event_type,
        cast(null as {{ dbt.type_string() }}) as attribute_name,
        cast(null as {{ dbt.type_string() }}) as old_value,
        cast(null as {{ dbt.type_string() }}) as new_value,
        new_pulls.previous_pulled_at as observed_after,
        new_pulls.pulled_at as observed_at,
        new_pulls.pull_id,
        cast(null as {{ dbt.type_timestamp() }}) as occurred_at,
        cast(null as {{ dbt.type_string() }}) as broadcast_id,
    from user_presence
    inner join new_pulls
        on
            user_presence.bot_id = new_pulls.bot_id
            and user_presence.ended_pull_id = new_pulls.pull_id
),

-- Somebody who was in the first pull, left and came back did not sign up then.
sign_ups as (
    select
        appearances.bot_id,
        appearances.chatfuel_user_id,
        'user_signed_up' as event_type,
        cast(null as {{ dbt.type_string() }}) as attribute_name,
        cast(null as {{ dbt.type_string() }}) as old_value,
        cast(null as {{ dbt.type_string() }}) as new_value,
        appearances.observed_after,
        appearances.observed_at,
        appearances.pull_id,
        users.signed_up_at as occurred_at,
        cast(null as {{ dbt.type_string() }}) as broadcast_id,
    from appearances
    inner join users
        on
            appearances.bot_id = users.bot_id
            and appearances.pull_id = users.pull_id
            and appearances.chatfuel_user_id = users.chatfuel_user_id
    where appearances.start_reason = 'appeared'
),

visits as (
    select
        user_visits.bot_id,
        user_visits.chatfuel_user_id,
        'user_seen' as event_type,
        cast(null as {{ dbt.type_string() }}) as attribute_name,
        cast(null as {{ dbt.type_string() }}) as old_value,
        cast(null as {{ dbt.type_string() }}) as new_value,
        new_pulls.previous_pulled_at as observed_after,
        new_pulls.pulled_at as observed_at,
        new_pulls.pull_id,
        user_visits.last_seen_at as occurred_at,
        cast(null as {{ dbt.type_string() }}) as broadcast_id,
    from user_visits
    inner join new_pulls
        on
            user_visits.bot_id = new_pulls.bot_id
            and user_visits.pull_id = new_pulls.pull_id
    where new_pulls.pull_number > 1
),

receipts as (
    select
        recipients.bot_id,
        recipients.chatfuel_user_id,
        'broadcast_received' as event_type,
        cast(null as {{ dbt.type_string() }}) as attribute_name,
        cast(null as {{ dbt.type_string() }}) as old_value,
        cast(null as {{ dbt.type_string() }}) as new_value,
        new_pulls.previous_pulled_at as observed_after,
        new_pulls.pulled_at as observed_at,
        new_pulls.pull_id,
        recipients.sent_at as occurred_at,
        recipients.broadcast_id,
    from recipients
    inner join new_pulls
        on
            recipients.bot_id = new_pulls.bot_id
            and recipients.pull_id = new_pulls.pull_id
),

events as (
    select * from value_starts
    where event_type is not null
    union all
    select * from value_ends
    union all
    select * from presence_events
    union all
    select * from sign_ups
    union all
    select * from visits
    union all
    select * from receipts
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

broadcasts_before as (
    select
        users_with_events.bot_id,
        users_with_events.chatfuel_user_id,
        users_with_events.pull_id,
        recipients.broadcast_id,
        row_number() over (
            partition by users_with_events.bot_id, users_with_events.chatfuel_user_id, users_with_events.pull_id
            order by recipients.sent_at desc, recipients.broadcast_id desc
        ) as recency,
    from users_with_events
    inner join recipients
        on
            users_with_events.bot_id = recipients.bot_id
            and users_with_events.chatfuel_user_id = recipients.chatfuel_user_id
            and users_with_events.observed_at >= recipients.known_at
            and users_with_events.observed_at > recipients.sent_at
            and {{ days_before('users_with_events.observed_at', var('chatfuel_attribution_days')) }}
            <= recipients.sent_at
),

attributed as (
    select
        events.*,
        coalesce(events.broadcast_id, broadcasts_before.broadcast_id) as attributed_broadcast_id,
    from events
    left join broadcasts_before
        on
            events.bot_id = broadcasts_before.bot_id
            and events.chatfuel_user_id = broadcasts_before.chatfuel_user_id
            and events.pull_id = broadcasts_before.pull_id
            and broadcasts_before.recency = 1
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
        attributed_broadcast_id as broadcast_id,
    from attributed
)

select * from final
