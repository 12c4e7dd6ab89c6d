{{ config(enabled=var('chatfuel__using_kpis')) }}
-- Whoever moved into a step counts in the KPI of that step on that day.
with

transitions as (
    select * from {{ ref('rpt_chatfuel__engagement_transitions') }}
),

kpi_values as (
    select * from {{ ref('fct_chatfuel__daily_kpi_values') }}
    where platform = 'all'
)

select
    transitions.bot_id,
    transitions.date,
    transitions.to_step,
    max(transitions.users) as moved_users,
    max(kpi_values.users) as kpi_users,
from transitions
inner join kpi_values
    on
        transitions.bot_id = kpi_values.bot_id
        and transitions.date = kpi_values.date
        and transitions.to_step = kpi_values.kpi
group by transitions.bot_id, transitions.date, transitions.to_step
having max(transitions.users) > max(kpi_values.users)
