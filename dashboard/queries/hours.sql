{{ config(enabled=var('chatfuel__using_dashboard')) }}
-- When in the week users are there.
select
    bot_id,
    weekday,
    local_hour,
    {{ suppress_small('event_count') }} as event_count,
from {{ ref('rpt_chatfuel__active_hours') }}
where event_type = 'user_seen'
order by bot_id, weekday, local_hour
