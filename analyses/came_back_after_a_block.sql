-- Who came back after a block, and how long were they gone? The windows of both events make it uncertain by some hours.
-- How to read: one line per block that ended. Who is still blocked is not here, so that the longest absences are
-- missing.
with

events as (
    select * from {{ ref('fct_chatfuel__user_events') }}
    where event_type in ('user_blocked', 'user_unblocked')
),

followed as (
    select
        bot_id,
        chatfuel_user_id,
        event_type,
        activity_date as blocked_date,
        broadcast_id as blocked_after_broadcast_id,
        lead(event_type) over (partition by bot_id, chatfuel_user_id order by observed_at) as next_event_type,
        lead(activity_date) over (partition by bot_id, chatfuel_user_id order by observed_at) as back_date,
    from events
)

select
    bot_id,
    chatfuel_user_id,
    blocked_date,
    back_date,
    {{ days_between('blocked_date', 'back_date') }} as days_gone,
    blocked_after_broadcast_id,
from followed
where
    event_type = 'user_blocked'
    and next_event_type = 'user_unblocked'
order by back_date desc, bot_id asc, chatfuel_user_id asc
