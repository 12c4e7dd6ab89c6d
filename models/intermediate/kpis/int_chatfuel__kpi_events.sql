{#- No unique_key: what a run derives is new, so rows are added, and the table is not read for it. -#}
{{
    config(
        materialized='incremental',
        partition_by=chatfuel.partition_by_day('observed_at'),
        cluster_by=['bot_id', 'kpi', 'chatfuel_user_id'],
        pre_hook="{{ chatfuel.rewind('observed_at') }}",
    )
}}
{%- set processed = processed_through(['observed_at'], 'observed_at') %}
{%- set first_date = first_unprocessed_date(processed) %}

with

pulls as (
    select
        *,
        {{ is_unprocessed(processed, 'pulls') }} as is_unprocessed,
    from {{ ref('int_chatfuel__pulls') }} as pulls
),

events as (
    select * from {{ ref('fct_chatfuel__user_events') }}
    {%- if first_date is not none %}
        where observed_at >= timestamp '{{ first_date }} 00:00:00'
    {%- endif %}
),

kpi_versions as (
    select * from {{ ref('int_chatfuel__kpi_versions') }}
    where
        kpi in ('new_subscribers', 'unsubscribed')
    {%- if first_date is not none %}
            and (settled_at is null or settled_at >= timestamp '{{ first_date }} 00:00:00')
        {%- endif %}
),

rules as (
    select * from {{ ref('kpi_rules') }}
),

new_events as (
    select events.*
    from events
    inner join pulls
        on
            events.bot_id = pulls.bot_id
            and events.pull_id = pulls.pull_id
    where pulls.is_unprocessed
),

counted as (
    select
        new_events.*,
        rules.kpi,
    from new_events
    inner join rules
        on
            {{ normalise_name('new_events.attribute_name') }} = rules.attribute_name
            and {{ meets_rule('new_events.new_value', 'rules') }}
    where new_events.event_type in ('attribute_set', 'attribute_changed')
    union all
    select
        *,
        'blocked' as kpi,
    from new_events
    where event_type = 'user_blocked'
    union all
    select
        new_events.*,
        kpi_versions.kpi,
    from new_events
    inner join kpi_versions
        on
            new_events.bot_id = kpi_versions.bot_id
            and new_events.chatfuel_user_id = kpi_versions.chatfuel_user_id
            and new_events.observed_at >= kpi_versions.valid_from
            and new_events.observed_at < {{ open_ended('kpi_versions.valid_to') }}
    where new_events.event_type = 'user_signed_up' and kpi_versions.kpi = 'new_subscribers'
),

unsubscribed as (
    select distinct counted.event_key
    from counted
    inner join kpi_versions
        on
            counted.bot_id = kpi_versions.bot_id
            and counted.chatfuel_user_id = kpi_versions.chatfuel_user_id
            and counted.observed_at >= kpi_versions.valid_from
            and counted.observed_at < {{ open_ended('kpi_versions.valid_to') }}
    where kpi_versions.kpi = 'unsubscribed'
),

final as (
    select distinct
        {{ hash_key(['counted.event_key', 'counted.kpi']) }} as kpi_event_key,
        counted.event_key,
        counted.bot_id,
        counted.chatfuel_user_id,
        counted.kpi,
        counted.broadcast_id,
        counted.activity_date,
        counted.observed_at,
        counted.pull_id,
    from counted
    left join unsubscribed
        on counted.event_key = unsubscribed.event_key
    where counted.kpi = 'unsubscribed' or unsubscribed.event_key is null
)

select * from final
