{# A share of a whole, null where the whole is nothing. #}
{% macro rate(part, whole) -%}
    cast({{ part }} as {{ chatfuel.type_double() }}) / nullif({{ whole }}, 0)
{%- endmacro %}

{# A floating-point number of 64 bits: dbt's own type_float() is one of 32 on DuckDB. #}
{% macro type_double() %}
    {{- return(adapter.dispatch('type_double', 'chatfuel')()) -}}
{% endmacro %}

{% macro default__type_double() -%}
    double
{%- endmacro %}

{% macro bigquery__type_double() -%}
    float64
{%- endmacro %}
