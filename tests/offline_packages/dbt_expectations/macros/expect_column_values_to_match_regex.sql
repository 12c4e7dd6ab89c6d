{#- Null passes. A match anywhere in the value passes. `is_raw` keeps BigQuery from reading backslashes; DuckDB never does. -#}
{% test expect_column_values_to_match_regex(
    model, column_name, regex, row_condition=none, is_raw=false, flags=''
) %}
    select *
    from {{ model }}
    where
        not ({{ dbt_expectations.matches_regex(column_name, regex, is_raw, flags) }})
        {%- if row_condition %}
        and ({{ row_condition }})
        {%- endif %}
{% endtest %}

{% macro matches_regex(column_name, regex, is_raw, flags) %}
    {{- return(adapter.dispatch('matches_regex', 'dbt_expectations')(column_name, regex, is_raw, flags)) -}}
{% endmacro %}

{% macro duckdb__matches_regex(column_name, regex, is_raw, flags) -%}
    regexp_matches({{ column_name }}, '{{ regex }}', '{{ flags }}')
{%- endmacro %}

{% macro bigquery__matches_regex(column_name, regex, is_raw, flags) -%}
    regexp_instr({{ column_name }}, {{ 'r' if is_raw }}'{{ '(?' ~ flags ~ ')' if flags }}{{ regex }}') > 0
{%- endmacro %}
