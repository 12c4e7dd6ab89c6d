{{ config(enabled=var('chatfuel__using_dashboard') and var('chatfuel__using_broadcasts')) }}
-- Broadcasts at equal age, beside what is usual at that age.
select
    bot_id,
    broadcast_key,
    age_days,
    matures_at,
    is_mature,
    recipients,
    open_rate,
    click_rate,
    compared_broadcasts,
    usual_open_rate,
    usual_click_rate,
from {{ ref('rpt_chatfuel__broadcasts_by_age') }}
order by bot_id, broadcast_key, age_days
