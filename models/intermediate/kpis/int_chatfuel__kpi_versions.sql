{%- do check_kpi_rules() %}

with

versions as (
    select * from {{ ref('int_chatfuel__attribute_versions') }}
),

-- Apart: DuckDB would keep all versions in memory for a CTE that is read twice.
status_versions as (
    select * from {{ ref('int_chatfuel__attribute_versions') }}
    where attribute_name = 'status' and attribute_value in ('reachable', 'blocked')
),

rules as (
    select * from {{ ref('kpi_rules') }}
),

-- Beside the rules of the team: the users whom the bot can reach, and those who blocked it.
matched as (
    select
        versions.*,
        rules.kpi,
    from versions
    inner join rules
        on
            {{ normalise_name('versions.attribute_name') }} = rules.attribute_name
            and {{ meets_rule('versions.attribute_value', 'rules') }}
    union all
    select
        *,
        case attribute_value when 'reachable' then 'new_subscribers' else 'blocked' end as kpi,
    from status_versions
),

-- One value may meet several rules of one KPI.
final as (
    select distinct
        version_key,
        bot_id,
        chatfuel_user_id,
        kpi,
        start_reason,
        valid_from,
        valid_to,
        started_pull_id,
        settled_at,
    from matched
)

select * from final
