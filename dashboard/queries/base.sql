{{ config(enabled=var('chatfuel__using_dashboard') and var('chatfuel__using_kpis')) }}
-- Whom the bot can reach, day by day, and what made it so many; a day without a pull has no numbers.
select
    bot_id,
    date,
    pull_count,
    window_days,
    reachable_at_start,
    reachable_appeared,
    reachable_returned,
    reachable_unblocked,
    reachable_blocked,
    reachable_disappeared,
    reachable_at_end,
from {{ ref('rpt_chatfuel__daily_kpis') }}
order by bot_id, date
