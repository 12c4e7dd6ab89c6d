{{ config(enabled=var('chatfuel__using_dashboard') and var('chatfuel__using_kpis')) }}
-- How the base moves at the pace of the last whole weeks.
select
    bot_id,
    weeks,
    first_week,
    last_week,
    change_a_week,
    reachable_users_in_four_weeks,
from {{ ref('rpt_chatfuel__pace') }}
order by bot_id
