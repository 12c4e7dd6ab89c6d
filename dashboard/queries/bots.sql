{{ config(enabled=var('chatfuel__using_dashboard')) }}
-- What people call the bots.
select
    bot_id,
    bot_name,
from {{ ref('dim_chatfuel__bots') }}
order by bot_id
