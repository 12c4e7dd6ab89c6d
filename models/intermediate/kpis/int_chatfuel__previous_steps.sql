{{ config(materialized='ephemeral') }}

-- One row per new pull and user who stood on a step of engagement just before it: the highest.
with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
    where {{ in_new_pulls() }}
),

step_versions as (
    select * from {{ ref('int_chatfuel__kpi_versions') }}
    where
        kpi in ({{ string_literals(setting('chatfuel_engagement_steps')) }})
        and (settled_at is null or settled_at >= {{ first_new_pull_at() }})
        and {{ of_bots_with_new_pulls() }}
),

final as (
    select
        pulls.bot_id,
        pulls.pull_id,
        step_versions.chatfuel_user_id,
        {{ first_of_kpis(setting('chatfuel_engagement_steps') | reverse) }} as engagement_step,
    from pulls
    inner join step_versions
        on
            pulls.bot_id = step_versions.bot_id
            and pulls.pulled_at > step_versions.valid_from
            and pulls.pulled_at <= {{ open_ended('step_versions.valid_to') }}
    group by pulls.bot_id, pulls.pull_id, step_versions.chatfuel_user_id
)

select * from final
