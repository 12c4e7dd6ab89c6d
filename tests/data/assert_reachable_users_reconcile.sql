{{ config(enabled=var('chatfuel__using_kpis')) }}
-- On every day, reachable at the start + who came - who went = reachable at the end; and a day starts where the last one
-- with a pull before it ended, across gaps too. (Not above: a person who was forgotten meanwhile is missing at the start.)
with

daily_kpis as (
    select * from {{ ref('rpt_chatfuel__daily_kpis') }}
    where pull_count > 0
),

days as (
    select
        *,
        lag(reachable_at_end) over (partition by bot_id order by date) as end_before,
    from daily_kpis
)

select
    bot_id,
    date,
    end_before,
    reachable_at_start,
    reachable_at_end,
from days
where
    reachable_at_start + reachable_appeared + reachable_returned + reachable_unblocked
    - reachable_blocked - reachable_disappeared <> reachable_at_end
    or reachable_at_start > end_before
