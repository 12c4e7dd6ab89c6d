{{ config(enabled=var('chatfuel__using_broadcasts') and var('chatfuel__using_kpis')) }}
-- Which broadcasts cost us most subscribers? For each 1,000 known recipients, how many unsubscribed or blocked the bot.
-- How to read: a user who leaves counts once, at first leaving, for the last broadcast before it. Only broadcasts
-- whose window is over are compared. After is not because: beside 5 of 1,000 who leave anyway, 6 are no cost.
with

outcomes as (
    select * from {{ ref('fct_chatfuel__recipient_outcomes') }}
    where
        is_left_last_touch
        and is_mature
),

first_leavings as (
    select
        bot_id,
        broadcast_id,
    from outcomes
    qualify row_number() over (partition by bot_id, chatfuel_user_id order by left_observed_at, recipient_key) = 1
),

leavers as (
    select
        bot_id,
        broadcast_id,
        count(*) as left_users,
    from first_leavings
    group by bot_id, broadcast_id
),

broadcasts as (
    select * from {{ ref('fct_chatfuel__broadcasts') }}
    where
        known_recipients > 0
        and is_mature
)

select
    broadcasts.sent_date,
    broadcasts.message,
    broadcasts.audience,
    broadcasts.known_recipients,
    coalesce(leavers.left_users, 0) as left_users,
    1000 * {{ rate('coalesce(leavers.left_users, 0)', 'broadcasts.known_recipients') }} as left_per_thousand,
from broadcasts
left join leavers
    on
        broadcasts.bot_id = leavers.bot_id
        and broadcasts.broadcast_id = leavers.broadcast_id
order by left_per_thousand desc, broadcasts.sent_date desc, broadcasts.broadcast_key asc
limit 20
