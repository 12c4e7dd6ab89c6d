{{ config(materialized='ephemeral') }}

-- One row per value that the new pulls show set, changed or cleared, and per status that became blocked or reachable.
with

-- The first pull of a bot is state, not news: its versions are the baseline.
pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
    where {{ in_new_pulls() }}
),

all_pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
),

versions as {{ inlined() }} (
    select * from {{ ref('int_chatfuel__attribute_versions') }}
    where
        (settled_at is null or settled_at >= {{ first_new_pull_at() }})
        and {{ of_bots_with_new_pulls() }}
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
        pulls.pulled_at as observed_at,
        pulls.pull_id,
    from versions
    inner join pulls
        on
            versions.bot_id = pulls.bot_id
            and versions.started_pull_id = pulls.pull_id
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
        pulls.pulled_at as observed_at,
        pulls.pull_id,
    from versions
    inner join pulls
        on
            versions.bot_id = pulls.bot_id
            and versions.settled_at = pulls.pulled_at
    inner join all_pulls as last_held
        on
            versions.bot_id = last_held.bot_id
            and versions.ended_pull_id = last_held.pull_id
    where
        versions.attribute_name <> 'status'
        and coalesce(versions.hidden_end_reason, versions.end_reason) = 'cleared'
),

final as (
    select * from value_starts
    where event_type is not null
    union all
    select * from value_ends
)

select * from final
