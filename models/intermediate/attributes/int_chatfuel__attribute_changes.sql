{{
    config(
        materialized='incremental',
        unique_key='attribute_change_key',
        on_schema_change='fail',
        pre_hook="{{ chatfuel.rewind('observed_at') }}",
    )
}}
{%- set processed = processed_through(['observed_at']) %}
{%- set first_date = first_unprocessed_date(processed) %}

with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }} as pulls
    where {{ is_unprocessed(processed, 'pulls') }}
),

events as (
    select * from {{ ref('fct_chatfuel__user_events') }}
    where
        attribute_name is not null
    {%- if first_date is not none %}
            and observed_at >= timestamp '{{ first_date }} 00:00:00'
        {%- endif %}
),

final as (
    select
        {{ hash_key(['events.bot_id', 'events.attribute_name', 'events.pull_id']) }} as attribute_change_key,
        events.bot_id,
        events.attribute_name,
        events.pull_id,
        events.observed_at,
        count(*) as change_count,
    from events
    inner join pulls
        on
            events.bot_id = pulls.bot_id
            and events.pull_id = pulls.pull_id
    group by events.bot_id, events.attribute_name, events.pull_id, events.observed_at
)

select * from final
