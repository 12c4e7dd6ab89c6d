{#
  What a staging model reads: a raw table, or, where the loader has not been yet, no rows of its columns. So a warehouse
  without a pull has every table of this package, empty.
#}
{% macro raw_table(name) -%}
    {%- set table = source('chatfuel', name) -%}
    {%- if not execute or flags.WHICH not in ('build', 'run') or model.resource_type == 'unit_test' or load_relation(table) is not none -%}
    {{ table }}
    {%- else -%}
    {%- set columns = {} -%}
    {%- for column in graph.sources['source.chatfuel.chatfuel.' ~ name].columns.values() -%}
        {%- do columns.update({column.name: column.data_type}) -%}
    {%- endfor -%}
    {{ chatfuel.no_rows(columns) }}
    {%- endif -%}
{%- endmacro %}
