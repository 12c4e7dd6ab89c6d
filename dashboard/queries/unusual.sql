{{ config(enabled=var('chatfuel__using_dashboard') and var('chatfuel__using_kpis')) }}
-- Days that were not as the same weekdays before them.
select
    bot_id,
    date,
    kpi,
    users,
    usual_users,
    expected_from,
    expected_to,
    spreads_off,
    compared_days,
    nearest_broadcast_key,
from {{ ref('rpt_chatfuel__unusual_days') }}
order by bot_id asc, date desc, abs(spreads_off) desc, kpi asc
