{#
  dbt run-operation forget_user --args '{user_id: "7878746085532623", bot_id: "664f7b4bde6b580913861a89"}'

  Deletes a person from every table that has the columns chatfuel_user_id and bot_id: raw tables, history, snapshots,
  marts. Views follow by themselves. May be repeated, also after it was interrupted: it deletes what is left.
#}
{% macro forget_user(user_id, bot_id) %}
    {% for name, id in {'user_id': user_id, 'bot_id': bot_id}.items() %}
        {% if not id or not chatfuel.consists_of(id | string, '.-') or id is float or id is boolean %}
            {% do exceptions.raise_compiler_error(
                name ~ " is '" ~ id ~ "', which is no id. Write it in quotes: --args '{user_id: \"7878746085532623\", bot_id: \"664f7b4bde6b580913861a89\"}'."
            ) %}
        {% endif %}
    {% endfor %}
    {% set person = "bot_id = '" ~ bot_id ~ "' and chatfuel_user_id = '" ~ user_id ~ "'" %}
    {% set statements = chatfuel.corrections_of_ledger(user_id, bot_id) %}
    {% set removed = [] %}
    {% for relation in chatfuel.relations_about_users() %}
        {% set rows = run_query("select count(*) as person_rows from " ~ relation ~ " where " ~ person).rows[0]['person_rows'] %}
        {% if rows > 0 %}
            {% do statements.append("delete from " ~ relation ~ " where " ~ person) %}
        {% endif %}
        {% do removed.append((relation.schema ~ '.' ~ relation.identifier, rows)) %}
    {% endfor %}
    {% do chatfuel.drop_test_failures() %}
    {#- All of it or nothing. On DuckDB dbt began a transaction when it asked which tables there are. #}
    {% call statement('forget_user', auto_begin=false) %}
        {{ 'begin transaction;' if target.type != 'duckdb' }}
        {{ statements | join(';\n') }}{{ ';' if statements }}
        commit transaction;
    {% endcall %}
    {% do log(chatfuel.removed_in_words(user_id, bot_id, removed), info=true) %}
{% endmacro %}

{#
  Every table of the graph with the two columns, so also those of models that a team adds.
#}
{% macro relations_about_users() %}
    {% set tables = [] %}
    {% for node in graph.nodes.values() %}
        {% if node.resource_type == 'snapshot'
            or (node.resource_type == 'model' and node.config.materialized not in ('view', 'ephemeral')) %}
            {% do tables.append((node.database, node.schema, node.alias)) %}
        {% endif %}
    {% endfor %}
    {% for node in graph.sources.values() if node.package_name == 'chatfuel' %}
        {% do tables.append((node.database, node.schema, node.identifier)) %}
    {% endfor %}
    {% set relations = [] %}
    {% for database, schema, identifier in tables %}
        {% set relation = adapter.get_relation(database, schema, identifier) %}
        {% if relation is not none and not relation.is_view %}
            {% set columns = get_column_schema_from_query('select * from ' ~ relation) | map(attribute='name') | map('lower') | list %}
            {% if 'chatfuel_user_id' in columns and 'bot_id' in columns %}
                {% do relations.append(relation) %}
            {% endif %}
        {% endif %}
    {% endfor %}
    {{ return(relations) }}
{% endmacro %}

{# The ledger says how many rows a pull has in each raw table, and tests and the history rely on it: the counts of all others. #}
{% macro corrections_of_ledger(user_id, bot_id) %}
    {% set ledger = source('chatfuel', 'pulls') %}
    {% set statements = [] %}
    {% for table in ['users', 'user_attributes', 'broadcast_recipients'] %}
        {% set relation = load_relation(source('chatfuel', table)) %}
        {% if relation is not none %}
            {% do statements.append(
                "update " ~ ledger ~ " as ledger set " ~ table ~ "_rows = others.other_rows from ("
                ~ "select pull_id, sum(case when chatfuel_user_id = '" ~ user_id ~ "' then 0 else 1 end) as other_rows from "
                ~ relation ~ " where bot_id = '" ~ bot_id ~ "' group by pull_id"
                ~ " having max(case when chatfuel_user_id = '" ~ user_id ~ "' then 1 else 0 end) = 1) as others"
                ~ " where ledger.bot_id = '" ~ bot_id ~ "' and ledger.pull_id = others.pull_id"
            ) %}
        {% endif %}
    {% endfor %}
    {% set pulls = load_relation(ref('int_chatfuel__pulls')) %}
    {% if pulls is not none %}
        {% do statements.append(
            "update " ~ pulls ~ " as pulls set users_rows = ledger.users_rows from " ~ ledger ~ " as ledger"
            ~ " where pulls.bot_id = '" ~ bot_id ~ "' and ledger.bot_id = '" ~ bot_id ~ "' and pulls.pull_id = ledger.pull_id"
            ~ " and pulls.users_rows <> ledger.users_rows"
        ) %}
    {% endif %}
    {{ return(statements) }}
{% endmacro %}

{# Rows that a test kept because they failed may be the person's; the next run of the test writes them anew. #}
{% macro drop_test_failures() %}
    {% for node in graph.nodes.values() if node.resource_type == 'test' %}
        {% set relation = adapter.get_relation(node.database, node.schema, node.alias) %}
        {% if relation is not none %}
            {% do adapter.drop_relation(relation) %}
        {% endif %}
    {% endfor %}
{% endmacro %}

{# What was removed, as a table for people. #}
{% macro removed_in_words(user_id, bot_id, removed) %}
    {% set lines = [] %}
    {% set total = removed | sum(attribute=1) %}
    {% for table, rows in removed | sort %}
        {% do lines.append('%8d  %s' | format(rows, table)) %}
    {% endfor %}
    {% do lines.append('%8d  rows of user %s of bot %s removed' | format(total, user_id, bot_id)) %}
    {% if total == 0 %}
        {% do lines.append("Nobody was found. Ids are as Chatfuel spells them, in quotes; `--target` says in which warehouse.") %}
    {% endif %}
    {{ return(lines | join('\n')) }}
{% endmacro %}
