-- The law: what was known before the last pull, plus the events of the last pull, is the last pull. Day by day this
-- proves the whole log; a row here is a value that the events say and the pull does not, or the other way round.
-- (status has events of its own; assert_open_versions_are_the_last_pull looks after it.)
with

last_pulls as (
    select *
    from {{ ref('int_chatfuel__pulls') }}
    qualify row_number() over (partition by bot_id order by pulled_at desc) = 1
),

versions as (
    select * from {{ ref('int_chatfuel__attribute_versions') }}
    where
        attribute_name <> 'status'
        and (settled_at is null or settled_at >= timestamp '{{ earliest_last_pull_date() }} 00:00:00')
),

events as (
    select * from {{ ref('fct_chatfuel__user_events') }}
    where
        observed_at >= timestamp '{{ earliest_last_pull_date() }} 00:00:00'
        and event_type in ('attribute_set', 'attribute_changed', 'attribute_cleared')
),

observed_values as (
    select * from {{ ref('int_chatfuel__observed_values') }}
    where
        pull_date >= date '{{ earliest_last_pull_date() }}'
        and attribute_name <> 'status'
),

observed_attributes as (
    select * from {{ ref('int_chatfuel__observed_attributes') }}
    where pull_date >= date '{{ earliest_last_pull_date() }}'
),

users as (
    select * from {{ ref('stg_chatfuel__users') }}
    where pull_date >= date '{{ earliest_last_pull_date() }}'
),

-- Also values that are hidden because the user or the attribute was away; at a bot's first pull, the baseline.
known_before as (
    select
        versions.bot_id,
        versions.chatfuel_user_id,
        versions.attribute_name,
        versions.attribute_value,
    from versions
    inner join last_pulls
        on versions.bot_id = last_pulls.bot_id
    where
        (versions.valid_from < last_pulls.pulled_at or versions.start_reason = 'baseline')
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

folded as (
    select
        coalesce(known_before.bot_id, last_events.bot_id) as bot_id,
        coalesce(known_before.chatfuel_user_id, last_events.chatfuel_user_id) as chatfuel_user_id,
        coalesce(known_before.attribute_name, last_events.attribute_name) as attribute_name,
        case
            when last_events.event_key is null then known_before.attribute_value else last_events.new_value
        end as attribute_value,
    from known_before
    full join last_events
        on
            known_before.bot_id = last_events.bot_id
            and known_before.chatfuel_user_id = last_events.chatfuel_user_id
            and known_before.attribute_name = last_events.attribute_name
),

last_users as (
    select
        users.bot_id,
        users.chatfuel_user_id,
    from users
    inner join last_pulls
        on
            users.bot_id = last_pulls.bot_id
            and users.pull_id = last_pulls.pull_id
),

last_attributes as (
    select
        observed_attributes.bot_id,
        observed_attributes.attribute_name,
    from observed_attributes
    inner join last_pulls
        on
            observed_attributes.bot_id = last_pulls.bot_id
            and observed_attributes.pull_id = last_pulls.pull_id
),

-- exists, for from joins alone DuckDB's planner may begin with all users times all attributes of a bot.
expected as (
    select * from folded
    where
        attribute_value is not null
        and exists (
            select 1
            from last_users
            where
                folded.bot_id = last_users.bot_id
                and folded.chatfuel_user_id = last_users.chatfuel_user_id
        )
        and exists (
            select 1
            from last_attributes
            where
                folded.bot_id = last_attributes.bot_id
                and folded.attribute_name = last_attributes.attribute_name
        )
),

actual as (
    select observed_values.*
    from observed_values
    inner join last_pulls
        on
            observed_values.bot_id = last_pulls.bot_id
            and observed_values.pull_id = last_pulls.pull_id
)

select
    coalesce(expected.bot_id, actual.bot_id) as bot_id,
    coalesce(expected.chatfuel_user_id, actual.chatfuel_user_id) as chatfuel_user_id,
    coalesce(expected.attribute_name, actual.attribute_name) as attribute_name,
    expected.attribute_value as folded_value,
    actual.attribute_value as pulled_value,
from expected
full join actual
    on
        expected.bot_id = actual.bot_id
        and expected.chatfuel_user_id = actual.chatfuel_user_id
        and expected.attribute_name = actual.attribute_name
where
    expected.attribute_value is null
    or actual.attribute_value is null
    or expected.attribute_value <> actual.attribute_value
