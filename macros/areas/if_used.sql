{#
  A model of an area that a project may leave out (chatfuel__using_<area>): itself, or no rows of the columns that are read
  of it, {name: type}.
#}
{% macro if_used(area, model_name, columns) -%}
    {%- if var('chatfuel__using_' ~ area) -%}
    {{ ref('chatfuel', model_name) }}
    {%- else -%}
    {{ chatfuel.no_rows(columns) }}
    {%- endif -%}
{%- endmacro %}

{% macro no_rows(columns) -%}
    (
        select
            {%- for name, type in columns.items() %}
            cast(null as {{ type }}) as {{ name }}{{ "," if not loop.last }}
            {%- endfor %}
        limit 0
    )
{%- endmacro %}
