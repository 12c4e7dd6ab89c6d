-- The law, from the first pull on: the baseline and every event since, folded, are the last known values, neither more
-- nor less. Once a week; assert_events_fold_to_last_pull proves the last pull, every day.
-- (status has events of its own; assert_open_versions_are_the_last_pull looks after it.)
{{ config(tags=['weekly']) }}

with

default_sets as (
    select * from {{ ref('fct_chatfuel__user_events') }}
    where event_type = 'attribute_default_set'
),

-- Also what a default value of the team gave.
baseline as (
    select versions.*
    from {{ ref('int_chatfuel__attribute_versions') }} as versions
    left join default_sets
        on
            versions.bot_id = default_sets.bot_id
            and versions.valid_from = default_sets.observed_at
            and versions.attribute_name = default_sets.attribute_name
            and versions.attribute_value = default_sets.new_value
            and versions.start_reason in ('set', 'user_appeared')
    where
        (versions.start_reason = 'baseline' or default_sets.bot_id is not null)
        and versions.attribute_name <> 'status'
    -- a bot that moves to another surface has a baseline there too
    qualify
        row_number() over (
            partition by versions.bot_id, versions.chatfuel_user_id, versions.attribute_name
            order by versions.valid_from desc
        ) = 1
),

live_versions as (
    select * from {{ ref('int_chatfuel__attribute_versions') }}
    where
        settled_at is null
        and attribute_name <> 'status'
),

events as (
    select * from {{ ref('fct_chatfuel__user_events') }}
    where event_type in ('attribute_set', 'attribute_changed', 'attribute_cleared')
),

last_events as (
    select *
    from events
    qualify row_number() over (partition by bot_id, chatfuel_user_id, attribute_name order by observed_at desc) = 1
),

folded as (
    select
        coalesce(baseline.bot_id, last_events.bot_id) as bot_id,
        coalesce(baseline.chatfuel_user_id, last_events.chatfuel_user_id) as chatfuel_user_id,
        coalesce(baseline.attribute_name, last_events.attribute_name) as attribute_name,
        case
            when last_events.event_key is null or baseline.valid_from > last_events.observed_at
                then baseline.attribute_value
            else last_events.new_value
        end as attribute_value,
    from baseline
    full join last_events
        on
            baseline.bot_id = last_events.bot_id
            and baseline.chatfuel_user_id = last_events.chatfuel_user_id
            and baseline.attribute_name = last_events.attribute_name
),

known as (
    select * from folded
    where attribute_value is not null
)

select
    coalesce(known.bot_id, live_versions.bot_id) as bot_id,
    coalesce(known.chatfuel_user_id, live_versions.chatfuel_user_id) as chatfuel_user_id,
    coalesce(known.attribute_name, live_versions.attribute_name) as attribute_name,
    known.attribute_value as folded_value,
    live_versions.attribute_value as live_value,
from known
full join live_versions
    on
        known.bot_id = live_versions.bot_id
        and known.chatfuel_user_id = live_versions.chatfuel_user_id
        and known.attribute_name = live_versions.attribute_name
where known.attribute_value is distinct from live_versions.attribute_value
