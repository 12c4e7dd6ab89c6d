{{ config(enabled=var('chatfuel__using_dashboard') and var('chatfuel__using_kpis')) }}
-- Every KPI of every day; a day without a pull has no numbers.
select
    bot_id,
    date,
    kpi,
    pull_count,
    users,
    total_users,
from {{ ref('fct_chatfuel__daily_kpi_values') }}
where platform = 'all'
order by bot_id, kpi, date
