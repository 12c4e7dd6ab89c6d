{{ config(enabled=var('chatfuel__using_dashboard') and var('chatfuel__using_broadcasts')) }}
-- Every broadcast that was sent, with its counters and what followed among its recipients, and whether both are final.
with

last_pulls as (
    select
        bot_id,
        {{ local_date('max(pulled_at)') }} as last_pull_date,
    from {{ ref('int_chatfuel__pulls') }}
    group by bot_id
)

select
    broadcasts.bot_id,
    broadcasts.broadcast_key,
    broadcasts.sent_at,
    broadcasts.sent_date as date,
    broadcasts.message,
    broadcasts.audience,
    broadcasts.recipients,
    broadcasts.opened,
    broadcasts.clicked,
    broadcasts.failed,
    broadcasts.open_rate,
    broadcasts.click_rate,
    broadcasts.failure_rate,
    broadcasts.known_recipients,
    {{ suppress_small('broadcasts.followed_by_active_users') }} as followed_by_active_users,
    {{ suppress_small('broadcasts.followed_by_phone_numbers') }} as followed_by_phone_numbers,
    {{ suppress_small('broadcasts.followed_by_emails') }} as followed_by_emails,
    {{ suppress_small('broadcasts.followed_by_moved_up') }} as followed_by_moved_up,
    {{ suppress_small('broadcasts.followed_by_unsubscribed') }} as followed_by_unsubscribed,
    {{ suppress_small('broadcasts.followed_by_blocked') }} as followed_by_blocked,
    {{ days_between('broadcasts.sent_date', 'last_pulls.last_pull_date') }}
    > {{ setting('chatfuel_attribution_days') }} as is_mature,
from {{ ref('fct_chatfuel__broadcasts') }} as broadcasts
inner join last_pulls
    on broadcasts.bot_id = last_pulls.bot_id
where broadcasts.recipients > 0
order by broadcasts.bot_id asc, broadcasts.sent_at desc, broadcasts.broadcast_key asc
