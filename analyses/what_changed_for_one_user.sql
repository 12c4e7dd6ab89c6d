-- What changed for one user? Here the one with most events; put an id in place of the sub-select.
select
    activity_date,
    event_type,
    attribute_name,
    old_value,
    new_value,
    observed_after,
    observed_at,
    occurred_at,
    broadcast_id,
from {{ ref('fct_chatfuel__user_events') }}
where
    chatfuel_user_id = (
        select chatfuel_user_id
        from {{ ref('dim_chatfuel__users') }}
        order by event_count desc, chatfuel_user_id
        limit 1
    )
order by observed_at, event_type, attribute_name
