{#- No unique_key: the months that a run counts are deleted before it adds them. -#}
{{
    config(
        materialized='incremental',
        on_schema_change='fail',
        cluster_by=['bot_id', 'chatfuel_user_id'],
        pre_hook="{{ chatfuel.delete_months_to_count() }}",
    )
}}
{%- set processed = processed_through(['last_observed_at']) %}
{%- set first_date = first_unprocessed_date(processed) %}

-- Asked for its dates only: depends_on: {{ ref('int_chatfuel__pulls') }}
with

events as {{ inlined() }} (
    select
        bot_id,
        chatfuel_user_id,
        event_type,
        broadcast_id,
        occurred_at,
        observed_at,
        cast({{ dbt.date_trunc('month', 'observed_at') }} as date) as observed_month,
    from {{ ref('fct_chatfuel__user_events') }}
    {%- if first_date is not none %}
        where observed_at >= timestamp '{{ first_date.replace(day=1) }} 00:00:00'
    {%- endif %}
),

counts as (
    select
        bot_id,
        chatfuel_user_id,
        observed_month,
        count(*) as event_count,
        sum(case when event_type = 'user_seen' then 1 else 0 end) as visit_count,
        sum(case when event_type in ('attribute_set', 'attribute_changed', 'attribute_cleared') then 1 else 0 end)
            as attribute_event_count,
        sum(case when event_type = 'broadcast_received' then 1 else 0 end) as broadcast_count,
        max(observed_at) as last_observed_at,
    from events
    group by bot_id, chatfuel_user_id, observed_month
),

last_broadcasts as (
    select
        bot_id,
        chatfuel_user_id,
        observed_month,
        broadcast_id,
        occurred_at,
    from events
    where event_type = 'broadcast_received'
    qualify
        row_number() over (
            partition by bot_id, chatfuel_user_id, observed_month
            order by occurred_at desc, broadcast_id desc
        ) = 1
),

final as (
    select
        {{ hash_key(['counts.bot_id', 'counts.chatfuel_user_id', 'counts.observed_month']) }} as user_month_key,
        counts.bot_id,
        counts.chatfuel_user_id,
        counts.observed_month,
        cast(counts.event_count as {{ dbt.type_bigint() }}) as event_count,
        cast(counts.visit_count as {{ dbt.type_bigint() }}) as visit_count,
        cast(counts.attribute_event_count as {{ dbt.type_bigint() }}) as attribute_event_count,
        cast(counts.broadcast_count as {{ dbt.type_bigint() }}) as broadcast_count,
        last_broadcasts.broadcast_id as last_broadcast_id,
        last_broadcasts.occurred_at as last_broadcast_at,
        counts.last_observed_at,
    from counts
    left join last_broadcasts
        on
            counts.bot_id = last_broadcasts.bot_id
            and counts.chatfuel_user_id = last_broadcasts.chatfuel_user_id
            and counts.observed_month = last_broadcasts.observed_month
)

select * from final
