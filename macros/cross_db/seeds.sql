{#
  dbt-bigquery 1.11 makes no table of a seed without rows, and drops the one that there is (dbt-adapters issue 1959, mended in
  1.12): these two go when that version comes.
#}
{% macro bigquery__create_csv_table(model, agate_table) %}
    {% if agate_table.rows | length == 0 %}
        {{ return(dbt.default__create_csv_table(model, agate_table)) }}
    {% endif %}
{% endmacro %}

{% macro bigquery__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
    {% do adapter.drop_relation(old_relation) %}
    {% do chatfuel.bigquery__create_csv_table(model, agate_table) %}
{% endmacro %}
