{#- No contract: a team chooses the columns, in chatfuel_kpi_columns. -#}
{{ config(contract={'enforced': false}) }}
{%- set of_day = '(partition by bot_id, activity_date)' %}
{%- set moves = ['appeared', 'returned', 'unblocked', 'blocked', 'disappeared'] %}

with

kpi_values as (
    select * from {{ ref('fct_chatfuel__daily_kpi_values') }}
    where platform = 'all'
),

reachable_changes as (
    select * from {{ ref('int_chatfuel__reachable_changes') }}
),

kpis as (
    select
        bot_id,
        date,
        pull_count,
        window_days,
        {%- for kpi in setting('chatfuel_kpi_columns') %}
            max(case when kpi = '{{ kpi }}' then users end) as {{ kpi }},
        {%- endfor %}
        {%- for kpi in setting('chatfuel_kpi_columns') %}
            max(case when kpi = '{{ kpi }}' then total_users end) as {{ kpi }}_total,
        {%- endfor %}
    from kpi_values
    group by bot_id, date, pull_count, window_days
),

-- Of several pulls of a day the first tells the start and the last the end; one without a status leaves them unknown.
base as (
    select
        bot_id,
        activity_date,
        first_value(reachable_before) over (partition by bot_id, activity_date order by pulled_at)
            as reachable_at_start,
        {%- for move in moves %}
            case
                when count(*) over {{ of_day }} = count({{ move }}) over {{ of_day }}
                    then cast(sum({{ move }}) over {{ of_day }} as {{ dbt.type_bigint() }})
            end as reachable_{{ move }},
        {%- endfor %}
        reachable_after as reachable_at_end,
    from reachable_changes
    qualify row_number() over (partition by bot_id, activity_date order by pulled_at desc) = 1
),

final as (
    select
        {{ hash_key(['kpis.bot_id', 'kpis.date']) }} as bot_day_key,
        kpis.bot_id,
        kpis.date,
        kpis.pull_count,
        kpis.window_days,
        base.reachable_at_start,
        {%- for move in moves %}
            base.reachable_{{ move }},
        {%- endfor %}
        base.reachable_at_end,
        {%- for kpi in setting('chatfuel_kpi_columns') %}
            kpis.{{ kpi }},
        {%- endfor %}
        {%- for kpi in setting('chatfuel_kpi_columns') %}
            kpis.{{ kpi }}_total,
        {%- endfor %}
    from kpis
    left join base
        on
            kpis.bot_id = base.bot_id
            and kpis.date = base.activity_date
)

select * from final
