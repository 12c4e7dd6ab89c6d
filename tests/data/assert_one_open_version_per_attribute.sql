-- A user has at most one value of an attribute at a time. Once a week, for all; assert_versions_do_not_overlap looks at
-- what the last pulls brought, every day.
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
