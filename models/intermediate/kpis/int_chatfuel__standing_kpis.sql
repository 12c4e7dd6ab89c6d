{{ config(materialized='ephemeral') }}

-- One row per new pull, user and KPI whose rule the user met at that pull.
with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
    where {{ in_new_pulls() }}
),

kpi_versions as (
    select * from {{ ref('int_chatfuel__kpi_versions') }}
    where
        (settled_at is null or settled_at >= {{ first_new_pull_at() }})
        and {{ of_bots_with_new_pulls() }}
),

final as (
    select distinct
        pulls.bot_id,
        pulls.pull_id,
        kpi_versions.chatfuel_user_id,
        kpi_versions.kpi,
    from pulls
    inner join kpi_versions
        on
            pulls.bot_id = kpi_versions.bot_id
            and pulls.pulled_at >= kpi_versions.valid_from
            and pulls.pulled_at < {{ open_ended('kpi_versions.valid_to') }}
)

select * from final
