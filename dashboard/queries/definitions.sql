{{ config(enabled=var('chatfuel__using_dashboard')) }}
-- What the numbers of the page mean: the descriptions of their columns.
{%- set shown = ['rpt_chatfuel__daily_kpis', 'fct_chatfuel__broadcasts', 'rpt_chatfuel__unusual_days'] %}
{%- set definitions = {} %}
{%- for model in shown if execute and 'model.chatfuel.' ~ model in graph.nodes %}
    {%- for name, column in graph.nodes['model.chatfuel.' ~ model].columns.items() if name not in definitions %}
        {%- do definitions.update({name: column.description}) %}
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
