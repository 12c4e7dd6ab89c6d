-- One row per event of a subscriber.
select
    event_key,
    event_type,
    activity_date,
from {{ ref('chatfuel', 'fct_chatfuel__user_events') }}
