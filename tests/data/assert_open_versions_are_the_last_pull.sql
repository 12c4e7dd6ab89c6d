-- The versions that hold are the values of the last pull, status included, neither more nor less. Once a week: every day
-- the law compares the last pull with the history (assert_events_fold_to_last_pull), and the snapshot the status.
{{ config(tags=['weekly']) }}

with

last_pulls as (
    select * from {{ ref('int_chatfuel__last_pulls') }}
),

open_versions as (
    select * from {{ ref('int_chatfuel__attribute_versions') }}
    where
        settled_at is null
        and valid_to is null
),

observed_values as (
    select * from {{ ref('int_chatfuel__observed_values') }}
    where {{ is_of_last_pulls('pull_date') }}
),

pulled as (
    select observed_values.*
    from observed_values
    inner join last_pulls
        on
            observed_values.bot_id = last_pulls.bot_id
            and observed_values.pull_id = last_pulls.pull_id
)

select
    coalesce(open_versions.bot_id, pulled.bot_id) as bot_id,
    coalesce(open_versions.chatfuel_user_id, pulled.chatfuel_user_id) as chatfuel_user_id,
    coalesce(open_versions.attribute_name, pulled.attribute_name) as attribute_name,
    open_versions.attribute_value as held_value,
    pulled.attribute_value as pulled_value,
from open_versions
full join pulled
    on
        open_versions.bot_id = pulled.bot_id
        and open_versions.chatfuel_user_id = pulled.chatfuel_user_id
        and open_versions.attribute_name = pulled.attribute_name
where
    open_versions.attribute_value is null
    or pulled.attribute_value is null
    or open_versions.attribute_value <> pulled.attribute_value
