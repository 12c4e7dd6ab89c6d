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

{# The same by the month of a date. #}
{% macro partition_by_month(column) %}
    {{ return({'field': column, 'data_type': 'date', 'granularity': 'month'} if target.type == 'bigquery' else none) }}
{% endmacro %}
