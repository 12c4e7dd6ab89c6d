{{ config(materialized='ephemeral') }}

-- One row per value that the new pulls show set, changed or cleared, per status that became blocked or reachable, and
-- per attribute that got a default value.
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

defaults as (
    select
        bot_id,
        pull_id,
        attribute_name,
        default_value,
    from {{ ref('stg_chatfuel__attributes') }}
    where
        default_value is not null
        and {{ in_new_pulls() }}
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
        defaults.bot_id is not null as is_default,
    from versions
    inner join pulls
        on
            versions.bot_id = pulls.bot_id
            and versions.started_pull_id = pulls.pull_id
    left join defaults
        on
            versions.bot_id = defaults.bot_id
            and versions.started_pull_id = defaults.pull_id
            and versions.attribute_name = defaults.attribute_name
            and versions.attribute_value = defaults.default_value
            and versions.start_reason <> 'changed'
    where versions.start_reason in ('user_appeared', 'set', 'changed')
),

-- On the panel whoever has no value reads as having the default. Where more than half gain it at once, the team set it.
default_sets as (
    select
        value_starts.bot_id,
        value_starts.attribute_name,
        value_starts.new_value,
        pulls.previous_pulled_at,
        pulls.pulled_at,
        pulls.pull_id,
    from value_starts
    inner join pulls
        on
            value_starts.bot_id = pulls.bot_id
            and value_starts.pull_id = pulls.pull_id
    where value_starts.is_default
    group by
        value_starts.bot_id,
        value_starts.attribute_name,
        value_starts.new_value,
        pulls.previous_pulled_at,
        pulls.pulled_at,
        pulls.pull_id,
        pulls.users_rows
    having 2 * count(*) > pulls.users_rows
),

starts_by_users as (
    select value_starts.*
    from value_starts
    left join default_sets
        on
            value_starts.bot_id = default_sets.bot_id
            and value_starts.pull_id = default_sets.pull_id
            and value_starts.attribute_name = default_sets.attribute_name
    where
        value_starts.event_type is not null
        and not (value_starts.is_default and default_sets.bot_id is not null)
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
    from starts_by_users
    union all
    select * from value_ends
    union all
    select
        bot_id,
        cast(null as {{ dbt.type_string() }}) as chatfuel_user_id,
        'attribute_default_set' as event_type,
        attribute_name,
        cast(null as {{ dbt.type_string() }}) as old_value,
        new_value,
        previous_pulled_at as observed_after,
        pulled_at as observed_at,
        pull_id,
    from default_sets
)

select * from final
