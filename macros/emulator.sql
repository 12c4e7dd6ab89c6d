{#
  What only the target `emulator` needs: the emulator of BigQuery that tests run on takes less SQL than BigQuery. On every
  other target these macros are what they override. tests/googlesql/test_statements.py proves that.
#}

{# The emulator takes no list of columns before `as select`; dbt has compared names and types by then. #}
{% macro bigquery__get_table_columns_and_constraints() -%}
    {%- if target.name == 'emulator' -%}
        {{ return('') }}
    {%- endif -%}
    {{ return(dbt.default__get_table_columns_and_constraints()) }}
{%- endmacro %}
