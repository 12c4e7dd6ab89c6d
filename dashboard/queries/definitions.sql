{{ config(enabled=var('chatfuel__using_dashboard')) }}
-- What the numbers of the page mean: the descriptions of their columns, and of the marts that rows are counted in.
{%- set shown = {
    'ages': 'rpt_chatfuel__broadcasts_by_age',
    'attributes': 'dim_chatfuel__attributes',
    'broadcasts': 'fct_chatfuel__broadcasts',
    'cohorts': 'rpt_chatfuel__signup_cohorts',
    'hours': 'rpt_chatfuel__active_hours',
    'kpis': 'rpt_chatfuel__daily_kpis',
    'pace': 'rpt_chatfuel__pace',
    'pulls': 'rpt_chatfuel__pulls',
    'transitions': 'rpt_chatfuel__engagement_transitions',
    'unusual': 'rpt_chatfuel__unusual_days',
    'values': 'fct_chatfuel__daily_kpi_values',
} %}
{%- set definitions = {} %}
{%- for name, model in shown.items() if execute and 'model.chatfuel.' ~ model in graph.nodes %}
    {%- set node = graph.nodes['model.chatfuel.' ~ model] %}
    {%- do definitions.update({name: node.description}) %}
    {%- for column in node.columns.values() %}
        {%- do definitions.update({name ~ '.' ~ column.name: column.description}) %}
    {%- endfor %}
{%- endfor %}
{%- for name, description in definitions.items() %}
select
    '{{ name }}' as name,
    '{{ dbt.escape_single_quotes(description.split() | join(" ")) }}' as description,
{{ "union all" if not loop.last }}
{%- else %}
select
    '' as name,
    '' as description,
{%- endfor %}
order by name
