{#
  For the config `partition_by` of a table that grows with history: BigQuery keeps it by the day of a timestamp, and a
  comparison of that column with a constant reads those days alone. DuckDB needs no such thing.
#}
{% macro partition_by_day(column) %}
    {{ return({'field': column, 'data_type': 'timestamp', 'granularity': 'day'} if target.type == 'bigquery' else none) }}
{% endmacro %}
