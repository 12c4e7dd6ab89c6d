-- What changed for one user? Here the one with most events; put another id in place of the CTE.
-- How to read: oldest first. It happened between `observed_after` and `observed_at`; at `occurred_at` where Chatfuel
-- tells the time.
with

chosen_user as (
    select
        bot_id,
        chatfuel_user_id,
    from {{ ref('dim_chatfuel__users') }}
    order by event_count desc, bot_id asc, chatfuel_user_id asc
    limit 1
)

select
    events.activity_date,
    events.event_type,
    events.attribute_name,
    events.old_value,
    events.new_value,
    events.observed_after,
    events.observed_at,
    events.occurred_at,
    events.broadcast_id,
from {{ ref('fct_chatfuel__user_events') }} as events
inner join chosen_user
    on
        events.bot_id = chosen_user.bot_id
        and events.chatfuel_user_id = chosen_user.chatfuel_user_id
order by events.observed_at, events.event_type, events.attribute_name
