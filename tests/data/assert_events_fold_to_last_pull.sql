-- The law: what was known before the last pull, plus the events of the last pull, is the last pull. Day by day this proves
-- the whole log. A row here is a value that differs from what was known before without the event that says so, or an event
-- that says something else.
-- (status has events of its own; assert_open_versions_are_the_last_pull looks after it.)
with

last_pulls as (
    select * from {{ ref('int_chatfuel__last_pulls') }}
),

versions as (
    select * from {{ ref('int_chatfuel__attribute_versions') }}
    where
        attribute_name <> 'status'
        and (settled_at is null or {{ is_of_last_pulls('settled_at') }})
),

events as (
    select * from {{ ref('fct_chatfuel__user_events') }}
    where
        {{ is_of_last_pulls('observed_at') }}
        and event_type in ('attribute_set', 'attribute_changed', 'attribute_cleared')
),

default_sets as (
    select * from {{ ref('fct_chatfuel__user_events') }}
    where
        {{ is_of_last_pulls('observed_at') }}
        and event_type = 'attribute_default_set'
),

observed_values as (
    select * from {{ ref('int_chatfuel__observed_values') }}
    where
        {{ is_of_last_pulls('pull_date') }}
        and attribute_name <> 'status'
),

observed_attributes as (
    select * from {{ ref('int_chatfuel__observed_attributes') }}
    where {{ is_of_last_pulls('pull_date') }}
),

attribute_presence as (
    select * from {{ ref('int_chatfuel__attribute_presence') }}
    where valid_to is null
),

users as (
    select * from {{ ref('stg_chatfuel__users') }}
    where {{ is_of_last_pulls('pull_date') }}
),

-- Also values that are hidden because the user or the attribute was away; at a bot's first pull the baseline, and what a
-- default value of the team gave.
known_before as (
    select versions.*
    from versions
    inner join last_pulls
        on versions.bot_id = last_pulls.bot_id
    left join default_sets
        on
            versions.bot_id = default_sets.bot_id
            and versions.valid_from = default_sets.observed_at
            and versions.attribute_name = default_sets.attribute_name
            and versions.attribute_value = default_sets.new_value
            and versions.start_reason in ('set', 'user_appeared')
    where
        (
            versions.valid_from < last_pulls.pulled_at
            or versions.start_reason = 'baseline'
            or default_sets.bot_id is not null
        )
        and (
            versions.valid_to is null
            or versions.valid_to >= last_pulls.pulled_at
            or versions.end_reason in ('user_disappeared', 'retired')
        )
        and (versions.hidden_until is null or versions.hidden_until >= last_pulls.pulled_at)
),

last_events as (
    select events.*
    from events
    inner join last_pulls
        on
            events.bot_id = last_pulls.bot_id
            and events.pull_id = last_pulls.pull_id
),

pulled_values as (
    select observed_values.*
    from observed_values
    inner join last_pulls
        on
            observed_values.bot_id = last_pulls.bot_id
            and observed_values.pull_id = last_pulls.pull_id
),

-- On the panel also attributes that it lists no more, because nobody has a value.
attributes_of_last_pulls as (
    select
        bot_id,
        pull_id,
        attribute_name,
    from observed_attributes
    union distinct
    select
        last_pulls.bot_id,
        last_pulls.pull_id,
        attribute_presence.attribute_name,
    from last_pulls
    inner join attribute_presence using (bot_id)
),

-- Nearly all values are what they were, and only what is not needs an event.
differences as (
    select
        bot_id,
        chatfuel_user_id,
        attribute_name,
        known_before.attribute_value as known_value,
        pulled_values.attribute_value as pulled_value,
    from known_before
    full join pulled_values using (bot_id, chatfuel_user_id, attribute_name)
    where known_before.attribute_value is distinct from pulled_values.attribute_value
),

-- Of users and attributes that are away, nothing is known but what was. They are looked up, not joined: DuckDB may join
-- users and attributes first, all with all.
news as (
    select differences.*
    from differences
    inner join last_pulls using (bot_id)
    where
        exists (
            select 1
            from users
            where
                users.bot_id = differences.bot_id
                and users.pull_id = last_pulls.pull_id
                and users.chatfuel_user_id = differences.chatfuel_user_id
        )
        and exists (
            select 1
            from attributes_of_last_pulls
            where
                attributes_of_last_pulls.bot_id = differences.bot_id
                and attributes_of_last_pulls.pull_id = last_pulls.pull_id
                and attributes_of_last_pulls.attribute_name = differences.attribute_name
        )
),

final as (
    select
        bot_id,
        chatfuel_user_id,
        attribute_name,
        news.known_value,
        last_events.old_value,
        last_events.new_value,
        news.pulled_value,
    from news
    full join last_events using (bot_id, chatfuel_user_id, attribute_name)
    where
        last_events.old_value is distinct from news.known_value
        or last_events.new_value is distinct from news.pulled_value
)

select * from final
