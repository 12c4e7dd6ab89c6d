{{ config(enabled=var('chatfuel__using_broadcasts')) }}
-- Which half of an A/B test did better? Broadcasts on one day whose audiences part the users by AB_Split.
with

broadcasts as (
    select
        *,
        count(*) over (partition by bot_id, sent_date) as halves,
    from {{ ref('fct_chatfuel__broadcasts') }}
    where
        lower(audience) like '%ab_split%'
        and recipients > 0
)

select
    sent_date,
    audience,
    message,
    recipients,
    open_rate,
    click_rate,
    {{ rate('followed_by_active_users', 'known_recipients') }} as active_rate,
    {{ rate('followed_by_moved_up', 'known_recipients') }} as moved_up_rate,
    row_number() over (partition by bot_id, sent_date order by click_rate desc, broadcast_key asc) = 1 as did_better,
from broadcasts
where halves > 1
order by sent_date desc, audience asc
