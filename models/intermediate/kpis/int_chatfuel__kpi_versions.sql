{{
    config(
        materialized='pull_by_pull',
        unique_key='kpi_version_key',
        incremental_predicates=['(settled_at is null or settled_at >= ' ~ chatfuel.first_new_pull_at() ~ ')'],
        partition_by=chatfuel.partition_by_day('settled_at'),
        cluster_by=['bot_id', 'kpi', 'chatfuel_user_id'],
        meta={
            'all_pulls_at_once': true,
            'rules': var('chatfuel_kpi_rules'),
            'started_at': 'valid_from',
            'reopened': {'valid_to': ['valid_to', 'settled_at'], 'settled_at': ['settled_at']},
        },
    )
}}
{%- do check_kpi_rules() %}
-- depends_on: {{ ref('int_chatfuel__pulls') }}

-- One row per version of an attribute and KPI whose rule its value meets. A step takes the versions that the new pulls
-- started, ended or settled.
with

versions as (
    select * from {{ ref('int_chatfuel__attribute_versions') }}
    where
        (settled_at is null or settled_at >= {{ first_new_pull_at() }})
        and {{ of_bots_with_new_pulls() }}
        and (
            valid_from >= {{ first_new_pull_at() }}
            or valid_to >= {{ first_new_pull_at() }}
            or settled_at >= {{ first_new_pull_at() }}
        )
),

attribute_names as (
    select distinct attribute_name from {{ ref('int_chatfuel__attribute_presence') }}
),

rules as (
    select * from {{ ref(setting('chatfuel_kpi_rules')) }}
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
    union all
    -- beside the rules of the team: the users whom the bot can reach, those who blocked it, and those on Instagram
    select
        'status' as attribute_name,
        'new_subscribers' as kpi,
        'equals' as match,
        'reachable' as value,
    union all
    select
        'status' as attribute_name,
        'blocked' as kpi,
        'equals' as match,
        'blocked' as value,
    {%- for field in ['instagram name', 'instagram handle'] %}
        union all
        select
            '{{ field }}' as attribute_name,
            'on instagram' as kpi,
            'matches' as match,
            '' as value,
    {%- endfor %}
),

-- One value may meet several rules of one KPI.
matched as (
    select distinct
        versions.version_key,
        versions.bot_id,
        versions.chatfuel_user_id,
        named_rules.kpi,
        versions.start_reason,
        versions.valid_from,
        versions.valid_to,
        versions.started_pull_id,
        versions.settled_at,
    from versions
    inner join named_rules
        on
            versions.attribute_name = named_rules.attribute_name
            and {{ meets_rule('versions.attribute_value', 'named_rules') }}
),

final as (
    select
        {{ hash_key(['version_key', 'kpi']) }} as kpi_version_key,
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
