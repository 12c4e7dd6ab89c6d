-- The law: what was known before the last pull, plus the events of the last pull, is the last pull. Day by day this proves
-- the whole log. A row here is a value that the events say and the pull does not, or the other way round; or an event whose
-- value before is not the one that was known.
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

users as (
    select * from {{ ref('stg_chatfuel__users') }}
    where {{ is_of_last_pulls('pull_date') }}
),

-- Also values that are hidden because the user or the attribute was away; at a bot's first pull, the baseline.
known_before as (
    select versions.*
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

-- An event takes the value before it away and puts the new one in its place.
folded as (
    select
        bot_id,
        chatfuel_user_id,
        attribute_name,
        known_before.attribute_value as known_value,
        last_events.old_value,
        last_events.event_key is not null as has_event,
        case
            when last_events.event_key is null then known_before.attribute_value
            else last_events.new_value
        end as folded_value,
    from known_before
    full join last_events using (bot_id, chatfuel_user_id, attribute_name)
),

pulled as (
    select observed_values.*
    from observed_values
    inner join last_pulls
        on
            observed_values.bot_id = last_pulls.bot_id
            and observed_values.pull_id = last_pulls.pull_id
),

differences as (
    select
        bot_id,
        chatfuel_user_id,
        attribute_name,
        folded.known_value,
        folded.old_value,
        folded.folded_value,
        pulled.attribute_value as pulled_value,
    from folded
    full join pulled using (bot_id, chatfuel_user_id, attribute_name)
    where
        folded.folded_value is distinct from pulled.attribute_value
        or (folded.has_event and folded.old_value is distinct from folded.known_value)
),

final as (
    select differences.*
    from differences
    inner join last_pulls using (bot_id)
    -- of users and attributes that are away, nothing is known but what was
    inner join users using (bot_id, pull_id, chatfuel_user_id)
    inner join observed_attributes using (bot_id, pull_id, attribute_name)
)

select * from final
