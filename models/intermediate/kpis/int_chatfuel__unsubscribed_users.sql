{{ config(materialized='ephemeral') }}

-- One row per new pull and user who was unsubscribed at that pull: left out of every KPI but `unsubscribed`.
with

standing_kpis as (
    select * from {{ ref('int_chatfuel__standing_kpis') }}
    where kpi = 'unsubscribed'
),

final as (
    select
        bot_id,
        pull_id,
        chatfuel_user_id,
    from standing_kpis
)

select * from final
