-- A user has at most one value of an attribute at a time: all of them, once a week.
{{ config(tags=['weekly']) }}

with

open_versions as (
    select * from {{ ref('int_chatfuel__attribute_versions') }}
    where
        settled_at is null
        and valid_to is null
)

select
    bot_id,
    chatfuel_user_id,
    attribute_name,
    count(*) as open_versions,
from open_versions
group by bot_id, chatfuel_user_id, attribute_name
having count(*) > 1
