{#- No contract: a team chooses the columns, in chatfuel_kpi_columns. -#}
{{ config(contract={'enforced': false}) }}

with

kpi_values as (
    select * from {{ ref('fct_chatfuel__daily_kpi_values') }}
),

final as (
    select
        {{ hash_key(['bot_id', 'date']) }} as bot_day_key,
        bot_id,
        date,
        max(pull_count) as pull_count,
        {%- for kpi in setting('chatfuel_kpi_columns') %}
            max(case when kpi = '{{ kpi }}' then users end) as {{ kpi }},
        {%- endfor %}
        {%- for kpi in setting('chatfuel_kpi_columns') %}
            max(case when kpi = '{{ kpi }}' then total_users end) as {{ kpi }}_total,
        {%- endfor %}
    from kpi_values
    group by bot_id, date
)

select * from final
