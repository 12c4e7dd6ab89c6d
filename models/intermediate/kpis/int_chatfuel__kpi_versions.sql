{%- do check_kpi_rules() %}

with

-- Twice the same table: DuckDB would write a CTE that is read more than once out, whole, and in a view it forgets that
-- one should be inlined.
versions as (
    select * from {{ ref('int_chatfuel__attribute_versions') }}
),

status_versions as (
    select * from {{ ref('int_chatfuel__attribute_versions') }}
    where attribute_name = 'status' and attribute_value in ('reachable', 'blocked')
),

attribute_names as (
    select distinct attribute_name from {{ ref('int_chatfuel__attribute_presence') }}
),

rules as (
    select * from {{ ref('kpi_rules') }}
),

-- Names are few and versions are many: by the names as they are spelled, a warehouse reads only what rules ask for.
named_rules as (
    select
        attribute_names.attribute_name,
        rules.kpi,
        rules.match,
        rules.value,
    from attribute_names
    inner join rules
        on {{ normalise_name('attribute_names.attribute_name') }} = rules.attribute_name
),

-- Beside the rules of the team: the users whom the bot can reach, and those who blocked it.
matched as (
    select
        versions.*,
        named_rules.kpi,
    from versions
    inner join named_rules
        on
            versions.attribute_name = named_rules.attribute_name
            and {{ meets_rule('versions.attribute_value', 'named_rules') }}
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
