{#
  Stands between `as` and the bracket of a CTE that holds a large table and is read more than once. DuckDB would write
  such a CTE out, whole, before it reads it; inlined, it is read where it stands, only as far as it is needed. (In a view
  DuckDB forgets the word: there, one CTE for each use does the same.) BigQuery inlines every CTE.
#}
{% macro inlined() %}
    {{- return('not materialized' if target.type == 'duckdb' else '') -}}
{% endmacro %}

{#
  For the config `partition_by` of a table that grows with history: BigQuery keeps it by the day of a timestamp, and a
  comparison of that column with a constant reads those days alone. DuckDB needs no such thing.
#}
{% macro partition_by_day(column) %}
    {{ return({'field': column, 'data_type': 'timestamp', 'granularity': 'day'} if target.type == 'bigquery' else none) }}
{% endmacro %}

{#
  Keys are declared in the models' constraints for BigQuery, which plans joins by them and enforces nothing. DuckDB would
  enforce them, and refuses a row that one transaction deletes and adds again, as a rebuild does: columns only.
#}
{% macro duckdb__get_table_columns_and_constraints() -%}
    ({{ adapter.render_raw_columns_constraints(raw_columns=model['columns']) | join(', ') }})
{%- endmacro %}

{# Runs after everything else: on BigQuery, whoever chatfuel_readers names may read the dataset of the marts. #}
{% macro grant_readers() -%}
    {%- set readers = var('chatfuel_readers') -%}
    {%- if readers and target.type == 'bigquery' and flags.WHICH in ('build', 'run') -%}
    grant `roles/bigquery.dataViewer` on schema `{{ target.project }}`.`{{ target.dataset }}`
    to "{{ readers | join('", "') }}"
    {%- endif -%}
{%- endmacro %}

{# The same by the month of a date. #}
{% macro partition_by_month(column) %}
    {{ return({'field': column, 'data_type': 'date', 'granularity': 'month'} if target.type == 'bigquery' else none) }}
{% endmacro %}
