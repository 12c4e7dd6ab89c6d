{{
    config(
        materialized='incremental',
        unique_key='kpi_total_key',
        pre_hook="{{ chatfuel.rewind('pulled_at') }}",
    )
}}
{%- set processed = processed_through(['pulled_at']) %}
{%- set first_date = first_unprocessed_date(processed) %}

with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }} as pulls
    where {{ is_unprocessed(processed, 'pulls') }}
),

kpi_versions as (
    select * from {{ ref('int_chatfuel__kpi_versions') }}
    {%- if first_date is not none %}
        where settled_at is null or settled_at >= timestamp '{{ first_date }} 00:00:00'
    {%- endif %}
),

kpis as (
    select distinct kpi from {{ ref('kpi_rules') }}
    union distinct
    select 'new_subscribers' as kpi
    union distinct
    select 'blocked' as kpi
),

standing as (
    select
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
),

unsubscribed as (
    select distinct
        bot_id,
        pull_id,
        chatfuel_user_id,
    from standing
    where kpi = 'unsubscribed'
),

totals as (
    select
        standing.bot_id,
        standing.pull_id,
        standing.kpi,
        count(distinct standing.chatfuel_user_id) as total_users,
    from standing
    left join unsubscribed
        on
            standing.bot_id = unsubscribed.bot_id
            and standing.pull_id = unsubscribed.pull_id
            and standing.chatfuel_user_id = unsubscribed.chatfuel_user_id
    where standing.kpi = 'unsubscribed' or unsubscribed.chatfuel_user_id is null
    group by standing.bot_id, standing.pull_id, standing.kpi
),

final as (
    select
        {{ hash_key(['pulls.bot_id', 'pulls.pull_id', 'kpis.kpi']) }} as kpi_total_key,
        pulls.bot_id,
        pulls.pull_id,
        pulls.pulled_at,
        pulls.activity_date,
        kpis.kpi,
        coalesce(totals.total_users, 0) as total_users,
    from pulls
    cross join kpis
    left join totals
        on
            pulls.bot_id = totals.bot_id
            and pulls.pull_id = totals.pull_id
            and kpis.kpi = totals.kpi
)

select * from final
