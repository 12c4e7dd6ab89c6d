-- Which attributes are dead? Listed and made by the team, but nobody has a value, or no value has changed for 90 days.
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
