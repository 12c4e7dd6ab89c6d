{{
    config(
        materialized='incremental',
        unique_key='event_key',
        on_schema_change='fail',
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
    where
        event_type in ('attribute_set', 'attribute_changed', 'attribute_cleared')
    {%- if first_date is not none %}
            and observed_at >= timestamp '{{ first_date }} 00:00:00'
        {%- endif %}
),

kpi_versions as (
    select * from {{ ref('int_chatfuel__kpi_versions') }}
    where
        kpi = 'unsubscribed'
    {%- if first_date is not none %}
            and (settled_at is null or settled_at >= timestamp '{{ first_date }} 00:00:00')
        {%- endif %}
),

step_rules as (
    select
        *,
        case kpi
            {%- for step in var('chatfuel_engagement_steps') %}
                when '{{ step }}' then {{ loop.index }}
            {%- endfor %}
        end as step_number,
    from {{ ref('kpi_rules') }}
    where
        kpi in (
            {%- for step in var('chatfuel_engagement_steps') %}
                '{{ step }}'{{ "," if not loop.last }}
            {%- endfor %}
        )
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

-- A value that meets the rules of two steps stands for the higher one.
judged as (
    select
        new_events.event_key,
        coalesce(
            max(
                case
                    when {{ meets_rule('new_events.old_value', 'step_rules') }}
                        then step_rules.step_number
                end
            ),
            0
        ) as from_step_number,
        coalesce(
            max(
                case
                    when {{ meets_rule('new_events.new_value', 'step_rules') }}
                        then step_rules.step_number
                end
            ),
            0
        ) as to_step_number,
    from new_events
    inner join step_rules
        on {{ normalise_name('new_events.attribute_name') }} = step_rules.attribute_name
    group by new_events.event_key
),

unsubscribed as (
    select distinct new_events.event_key
    from new_events
    inner join kpi_versions
        on
            new_events.bot_id = kpi_versions.bot_id
            and new_events.chatfuel_user_id = kpi_versions.chatfuel_user_id
            and new_events.observed_at >= kpi_versions.valid_from
            and new_events.observed_at < {{ open_ended('kpi_versions.valid_to') }}
),

final as (
    select
        new_events.event_key,
        new_events.bot_id,
        new_events.chatfuel_user_id,
        {%- for side in ['from', 'to'] %}
            case judged.{{ side }}_step_number
                {%- for step in var('chatfuel_engagement_steps') %}
                    when {{ loop.index }} then '{{ step }}'
                {%- endfor %}
                else 'none'
            end as {{ side }}_step,
        {%- endfor %}
        judged.to_step_number > judged.from_step_number as is_up,
        new_events.broadcast_id,
        new_events.activity_date,
        new_events.observed_at,
        new_events.pull_id,
    from new_events
    inner join judged
        on new_events.event_key = judged.event_key
    left join unsubscribed
        on new_events.event_key = unsubscribed.event_key
    where
        judged.from_step_number <> judged.to_step_number
        and unsubscribed.event_key is null
)

select * from final
