{# A share of a whole, null where the whole is nothing. #}
{% macro rate(part, whole) -%}
    cast({{ part }} as {{ dbt.type_float() }}) / nullif({{ whole }}, 0)
{%- endmacro %}
