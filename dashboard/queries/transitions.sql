{{ config(enabled=var('chatfuel__using_dashboard') and var('chatfuel__using_kpis')) }}
-- Who moved from step to step, day by day.
select
    bot_id,
    date,
    from_step,
    to_step,
    {{ suppress_small('users') }} as users,
from {{ ref('rpt_chatfuel__engagement_transitions') }}
order by bot_id, date, from_step, to_step
