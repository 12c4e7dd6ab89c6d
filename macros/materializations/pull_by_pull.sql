{#
  A table that is derived from pulls, one step after the other, oldest first. The model's SQL knows one step: it reads what
  holds in {{ this }}, reads what the new pulls show (macros/history/new_pulls.sql), and returns the rows to write. A step
  writes its rows and the record of its pulls in one transaction: it is done, or it left nothing. Which steps are done is
  recorded beside the table, in <table>__steps; nothing is guessed from the rows.

  Configuration, beside contract, partition_by, cluster_by, labels, grants, hooks, full_refresh, on_schema_change (fail or
  append_new_columns):
    unique_key              rows of this key are replaced; without it, a step only adds rows
    incremental_predicates  which rows a step may replace, so that BigQuery looks at no others
  and under meta:
    all_pulls_at_once       a step takes as many new pulls as hold a million users, for a model that needs no state of its own
    pulls                   the model that lists the pulls, if it is not int_chatfuel__pulls
    started_at              the column whose rows did not exist before a rebuild (macros/history/rebuild.sql)
    reopened                {the column that closed a row: the columns to empty again}
    rules                   a seed whose rules decide what is in the table: when they change, it is derived anew
#}
{% materialization pull_by_pull, default %}
    {% set meta = config.get('meta', {}) %}
    {% set steps = this.incorporate(path={'identifier': this.identifier ~ '__steps'}, type='table') %}
    {% set pulls = ref('chatfuel', meta.get('pulls', 'int_chatfuel__pulls')) %}
    {% set existing = load_cached_relation(this) %}
    {% set rules = chatfuel.fingerprint(ref(meta['rules'])) if 'rules' in meta and not flags.EMPTY else '' %}
    {% set starts_anew = existing is none or existing.is_view or should_full_refresh() or chatfuel.has_other_rules(steps, rules) %}

    {% do chatfuel.run_hooks_in_order(pre_hooks) %}

    {% if starts_anew %}
        {% do chatfuel.make_empty(existing, steps, rules) %}
    {% else %}
        {% do chatfuel.follow_contract(existing) %}
        {% if load_cached_relation(steps) is none %}
            {% do chatfuel.take_over(pulls, steps, meta) %}
        {% endif %}
        {% if var('chatfuel_rebuild_from') %}
            {% do chatfuel.rewind(steps, meta) %}
        {% endif %}
    {% endif %}

    {% set new_steps = [] if flags.EMPTY else chatfuel.new_steps(pulls, steps, meta.get('all_pulls_at_once', false)) %}
    {% for step in new_steps %}
        {% call statement('main', auto_begin=false) %}
            {{ chatfuel.step_script(sql, step, steps, rules, is_first=starts_anew and loop.first) }}
        {% endcall %}
    {% endfor %}
    {% if not new_steps %}
        {#- dbt asks every materialization for a result named main #}
        {% do store_raw_result('main', message='no new pull', code='no new pull', rows_affected='0') %}
    {% endif %}

    {% do chatfuel.run_hooks_in_order(post_hooks) %}
    {% set target_relation = this.incorporate(type='table') %}
    {% do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(existing, full_refresh_mode=starts_anew)) %}
    {% do persist_docs(target_relation, model) %}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{# Hooks, each on its own: a transaction that dbt opens for them would hold the steps too. #}
{% macro run_hooks_in_order(hooks) %}
    {% for hook in hooks %}
        {% set rendered = render(hook.get('sql')) | trim %}
        {% if rendered %}
            {% call statement(auto_begin=false) %}{{ rendered }}{% endcall %}
        {% endif %}
    {% endfor %}
{% endmacro %}

{#
  The empty table, made from the contract, and its steps. Killed in between, this leaves a table without steps, which the
  next build takes over.
#}
{% macro make_empty(existing, steps, rules) %}
    {% if not config.get('contract').enforced %}
        {% do exceptions.raise_compiler_error(
            this.identifier ~ " is derived pull by pull, so its contract must be enforced: its table is made from it."
        ) %}
    {% endif %}
    {% do adapter.drop_relation(steps) %}
    {% if existing is not none and (target.type == 'duckdb' or existing.is_view) %}
        {% do adapter.drop_relation(existing) %}
    {% elif existing is not none and not adapter.is_replaceable(
        existing, adapter.parse_partition_by(config.get('partition_by')), config.get('cluster_by')
    ) %}
        {% do adapter.drop_relation(existing) %}
    {% endif %}
    {% set no_rows = get_empty_schema_sql(model['columns']) ~ ' limit 0' %}
    {% call statement('make_empty', auto_begin=false) %}
        {#- DuckDB would enforce keys, and refuses a row that one transaction deletes and adds again #}
        {{ 'create table ' ~ this ~ ' as ' ~ no_rows if target.type == 'duckdb' else create_table_as(false, this, no_rows) }}
    {% endcall %}
    {#- now that {{ this }} can be read: the SQL has the columns of the contract #}
    {% do get_assert_columns_equivalent(sql) %}
    {% do chatfuel.make_steps(steps, chatfuel.no_step(rules)) %}
{% endmacro %}

{# The row of no bot: two builds at once conflict on it. In place of a pull it has the rules that the table is made by. #}
{% macro no_step(rules='') -%}
    select '' as bot_id, '{{ rules }}' as pull_id, timestamp '1970-01-01 00:00:00' as pulled_at
{%- endmacro %}

{% macro make_steps(steps, rows) %}
    {% call statement('make_steps', auto_begin=false) %}
        create table if not exists {{ steps }} as {{ rows }}
    {% endcall %}
    {% do adapter.cache_added(steps) %}
{% endmacro %}

{# What on_schema_change says of a table whose columns are not those of the contract. #}
{% macro follow_contract(existing) %}
    {#- (adapter.get_columns_in_relation would open a transaction on DuckDB) #}
    {% set there = get_column_schema_from_query('select * from ' ~ existing) | map(attribute='name') | map('lower') | list %}
    {% set wanted = model['columns'].values() | list %}
    {% set missing = wanted | rejectattr('name', 'in', there) | list %}
    {% set surplus = there | reject('in', wanted | map(attribute='name') | list) | list %}
    {% if missing and not surplus and config.get('on_schema_change', 'fail') == 'append_new_columns' %}
        {% for column in missing %}
            {% call statement('append_column', auto_begin=false) %}
                alter table {{ existing }} add column {{ column['name'] }} {{ column['data_type'] }}
            {% endcall %}
        {% endfor %}
    {% elif missing or surplus %}
        {% do exceptions.raise_compiler_error(
            "The columns of " ~ this ~ " are not those of its contract (missing: " ~ (missing | map(attribute='name') | join(', ') or 'none')
            ~ "; no longer there: " ~ (surplus | join(', ') or 'none') ~ "). Derive it anew: dbt build --full-refresh --select "
            ~ model.name ~ "+"
        ) %}
    {% endif %}
{% endmacro %}

{# What a seed says, as a hash. Order does not matter. #}
{% macro fingerprint(seed) %}
    {% set columns = get_column_schema_from_query('select * from ' ~ seed) | map(attribute='name') | list %}
    {{ return(local_md5(run_query(
        "select coalesce(string_agg(row_hash, '' order by row_hash), '') as hashes from (select "
        ~ chatfuel.hash_key(columns) ~ " as row_hash from " ~ seed ~ ") as hashed_rows"
    ).rows[0]['hashes'])) }}
{% endmacro %}

{# Whether a table was made by other rules than those of now. Without steps nobody knows. #}
{% macro has_other_rules(steps, rules) %}
    {% if not rules or load_cached_relation(steps) is none %}
        {{ return(rules != '') }}
    {% endif %}
    {{ return(run_query("select max(pull_id) as rules from " ~ steps ~ " where bot_id = ''").rows[0]['rules'] != rules) }}
{% endmacro %}
