{{ config(enabled=var('chatfuel__using_dashboard') and var('chatfuel__using_kpis')) }}
-- Every KPI of every day, of all users and by platform; a day without a pull has no numbers.
select
    bot_id,
    date,
    kpi,
    platform,
    pull_count,
    users,
    total_users,
from {{ ref('fct_chatfuel__daily_kpi_values') }}
order by bot_id, kpi, platform, date
