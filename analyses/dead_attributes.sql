-- Which attributes are dead? Listed and made by the team, but nobody has a value, or no value has changed for 90 days.
-- How to read: candidates to clean up, the emptiest first. Days count from the first pull at the earliest: in the
-- first 90 days only empty ones are listed.
select
    attribute_name,
    users_with_value,
    distinct_values,
    change_count,
    last_changed_at,
    days_without_change,
from {{ ref('dim_chatfuel__attributes') }}
where
    attribute_type = 'custom'
    and not is_retired
    and (users_with_value = 0 or days_without_change >= 90)
order by users_with_value asc, days_without_change desc, attribute_name asc
