{#
  What a staging model reads: a raw table; with nulls for the columns that a newer loader has not added yet; or, where the
  loader has not been yet, no rows of its columns. So a warehouse without a pull has every table of this package, empty.
#}
{% macro raw_table(name) -%}
    {%- set table = source('chatfuel', name) -%}
    {%- if not execute or flags.WHICH not in ('build', 'run') or model.resource_type == 'unit_test' -%}
    {{- return(table) -}}
    {%- endif -%}
    {%- set columns = {} -%}
    {%- for column in graph.sources['source.chatfuel.chatfuel.' ~ name].columns.values() -%}
        {%- do columns.update({column.name: column.data_type}) -%}
    {%- endfor -%}
    {%- if load_relation(table) is none -%}
    {{- return(chatfuel.no_rows(columns)) -}}
    {%- endif -%}
    {%- set there = adapter.get_columns_in_relation(table) | map(attribute='name') | map('lower') | list -%}
    {%- if columns.keys() | reject('in', there) | list == [] -%}
    {{- return(table) -}}
    {%- endif -%}
    (
        select
            {%- for column, type in columns.items() %}
            {{ column if column in there else 'cast(null as ' ~ type ~ ') as ' ~ column }},
            {%- endfor %}
        from {{ table }}
    )
{%- endmacro %}
