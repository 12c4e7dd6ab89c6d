{#
  dbt run-operation expire_raw: deletes the raw rows of pulls that are chatfuel_raw_retention_days older than the last
  pull of their bot. The ledger and the newest pull stay. On BigQuery partition expiry does the same by itself.
#}
{% macro expire_raw() %}
    {% set days = var('chatfuel_raw_retention_days') %}
    {% if days is not integer or days < 1 %}
        {% do chatfuel.refuse_variable('chatfuel_raw_retention_days', "the days that raw rows are kept, 1 or more") %}
    {% endif %}
    {% set pulls = source('chatfuel', 'pulls') %}
    {% set first_date = dbt.cast(dbt.dateadd('day', -days, 'max(pull_date)'), 'date') %}
    {% for row in run_query("select bot_id, cast(" ~ first_date ~ " as string) as first_date from " ~ pulls ~ " group by bot_id").rows %}
        {% set first_kept = row['first_date'] %}
        {% for node in graph.sources.values() if node.source_name == 'chatfuel' and node.name != 'pulls' %}
            {% do run_query(
                "delete from " ~ node.relation_name ~ " where bot_id = '" ~ row['bot_id'] ~ "' and pull_date < date '" ~ first_kept ~ "'"
            ) %}
        {% endfor %}
        {% do log("bot " ~ row['bot_id'] ~ ": raw rows before " ~ first_kept ~ " deleted", info=true) %}
    {% endfor %}
{% endmacro %}
