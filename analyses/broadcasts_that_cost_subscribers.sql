{{ config(enabled=var('chatfuel__using_broadcasts')) }}
-- Which broadcasts cost us most subscribers? Recipients who left within the attribution window, for each 1,000 of them.
select
    sent_date,
    message,
    audience,
    known_recipients,
    followed_by_unsubscribed,
    followed_by_blocked,
    1000 * {{ rate('(followed_by_unsubscribed + followed_by_blocked)', 'known_recipients') }} as lost_per_thousand,
from {{ ref('fct_chatfuel__broadcasts') }}
where known_recipients > 0
order by lost_per_thousand desc, sent_date desc
limit 20
