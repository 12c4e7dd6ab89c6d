{#
  Runs before everything else and says in human words what is wrong with the configuration, before a model fails over it.
#}
{% macro check_configuration() %}
    {% if execute and flags.WHICH in ('build', 'run', 'snapshot', 'test') and not flags.EMPTY %}
        {% do chatfuel.check_timezone() %}
        {% do chatfuel.check_variables() %}
        {% do chatfuel.check_pulls_exist() %}
        {% do chatfuel.check_raw_is_complete() %}
        {% do chatfuel.check_personal_data() %}
    {% endif %}
{% endmacro %}

{% macro check_timezone() %}
    {% set timezone = var('chatfuel_timezone') %}
    {% if timezone not in modules.pytz.all_timezones %}
        {% do exceptions.raise_compiler_error(
            "chatfuel_timezone is '" ~ timezone ~ "', which is no IANA time zone. Set it in dbt_project.yml to a name such as America/Los_Angeles."
        ) %}
    {% endif %}
    {% if target.type == 'duckdb' and run_query(
        "select count(*) as known from pg_timezone_names() where name = '" ~ timezone ~ "'"
    ).rows[0]['known'] == 0 %}
        {% do exceptions.raise_compiler_error(
            "This DuckDB does not know the time zone '" ~ timezone ~ "' (chatfuel_timezone). Upgrade the duckdb package, or set chatfuel_timezone to a name that `select name from pg_timezone_names()` lists."
        ) %}
    {% endif %}
{% endmacro %}

{% macro check_variables() %}
    {% set days = var('chatfuel_attribution_days') %}
    {% if days is not integer or days < 0 %}
        {% do exceptions.raise_compiler_error(
            "chatfuel_attribution_days is '" ~ days ~ "'. Set it in dbt_project.yml to a whole number of days, 0 or more."
        ) %}
    {% endif %}
    {% for name in ['chatfuel_engagement_steps', 'chatfuel_opinions', 'chatfuel_kpi_columns'] %}
        {% if var(name) is string or not var(name) %}
            {% do exceptions.raise_compiler_error(
                name ~ " names no KPI. Set it in dbt_project.yml to a list of KPIs of seeds/kpi_rules.csv."
            ) %}
        {% endif %}
    {% endfor %}
    {% set rebuild_from = var('chatfuel_rebuild_from') %}
    {% if rebuild_from and not modules.re.fullmatch('[0-9]{4}-[0-9]{2}-[0-9]{2}', rebuild_from | string) %}
        {% do exceptions.raise_compiler_error(
            "chatfuel_rebuild_from is '" ~ rebuild_from ~ "', which is no date. Write it as 2024-06-20."
        ) %}
    {% endif %}
{% endmacro %}

{% macro check_pulls_exist() %}
    {% set pulls = source('chatfuel', 'pulls') %}
    {% set found = load_relation(pulls) %}
    {% if found is none or run_query("select count(*) as pulls from " ~ pulls).rows[0]['pulls'] == 0 %}
        {% do exceptions.raise_compiler_error(
            "No pull is in " ~ pulls ~ " yet, so there is nothing to build. Load one with `python -m loader pull`; `python -m loader check` tells whether the settings are right."
        ) %}
    {% endif %}
{% endmacro %}

{#
  Deriving history again needs the raw rows of the pulls that it is derived from. Where these have expired, a full
  refresh would lose what only the history still knows.
#}
{% macro check_raw_is_complete() %}
    {% set history = graph.nodes['model.chatfuel.int_chatfuel__pulls'] %}
    {% set rebuild_from = var('chatfuel_rebuild_from') %}
    {% set is_refreshed = flags.FULL_REFRESH and history.unique_id in selected_resources %}
    {% if (is_refreshed or rebuild_from) and not var('chatfuel_accept_history_loss') %}
        {% set relation = adapter.get_relation(history.database, history.schema, history.alias) %}
        {% if relation is not none %}
            {% set since = " and pulls.pull_date >= date '" ~ rebuild_from ~ "'" if rebuild_from and not is_refreshed else "" %}
            {% set expired = run_query(
                "select min(pulls.pull_date) as first_date, max(pulls.pull_date) as last_date, count(*) as pulls from "
                ~ relation ~ " as pulls left join (select distinct bot_id, pull_id from "
                ~ source('chatfuel', 'users') ~ ") as users on pulls.bot_id = users.bot_id and pulls.pull_id = users.pull_id"
                ~ " where users.pull_id is null and pulls.users_rows > 0" ~ since
            ).rows[0] %}
            {% if expired['pulls'] > 0 %}
                {% do exceptions.raise_compiler_error(
                    "The raw rows of " ~ expired['pulls'] ~ " pulls, of " ~ expired['first_date'] ~ " to " ~ expired['last_date']
                    ~ ", are gone; deriving the history again would lose what they brought. Load them again with `python -m loader reload PULL_ID`,"
                    ~ " rebuild from a later date, or, if the loss is meant, add --vars '{chatfuel_accept_history_loss: true}'."
                ) %}
            {% endif %}
        {% endif %}
    {% endif %}
{% endmacro %}
