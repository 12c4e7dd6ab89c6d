{#
  Called where the ledger is read, before everything else of this package: says in human words what is wrong with the
  configuration. Variables are looked at when dbt parses, what needs the warehouse when it builds.
#}
{% macro check_configuration() %}
    {% do chatfuel.check_variables() %}
    {% if execute and flags.WHICH in ('build', 'run') and not flags.EMPTY and model.resource_type != 'unit_test' %}
        {% do chatfuel.check_timezone() %}
        {% if chatfuel.hashes_change() %}
            {% do chatfuel.empty_snapshots_of_other_hashes() %}
        {% endif %}
        {% do chatfuel.warn_without_pulls() %}
    {% endif %}
{% endmacro %}

{# A variable, once it is sure that all of them have a sense. #}
{% macro setting(name) %}
    {% do chatfuel.check_variables() %}
    {{ return(var(name)) }}
{% endmacro %}

{% macro check_variables() %}
    {% for name in ['chatfuel_raw_schema', 'chatfuel_kpi_rules', 'chatfuel_known_gaps', 'chatfuel_bots'] %}
        {% if var(name) is not string or not var(name) or not chatfuel.consists_of(var(name), '-') %}
            {% do chatfuel.refuse_variable(name, "the name of a " ~ ('schema' if name == 'chatfuel_raw_schema' else 'model or seed')) %}
        {% endif %}
    {% endfor %}
    {% if not chatfuel.consists_of(var('chatfuel_timezone') or '?', '/+-') %}
        {% do chatfuel.refuse_variable('chatfuel_timezone', "an IANA name, such as America/Los_Angeles") %}
    {% endif %}
    {% for name in ['chatfuel_attribution_days', 'chatfuel_dashboard_min_group'] %}
        {% if var(name) is not integer or var(name) < 0 %}
            {% do chatfuel.refuse_variable(name, "a whole number, 0 or more") %}
        {% endif %}
    {% endfor %}
    {% if var('chatfuel_raw_retention_days') is not none and (var('chatfuel_raw_retention_days') is not integer or var('chatfuel_raw_retention_days') < 1) %}
        {% do chatfuel.refuse_variable('chatfuel_raw_retention_days', "a whole number of days, 1 or more, or null") %}
    {% endif %}
    {% for name in ['chatfuel_accept_history_loss', 'chatfuel_hash_pii'] %}
        {% if var(name) is not boolean %}
            {% do chatfuel.refuse_variable(name, "true or false") %}
        {% endif %}
    {% endfor %}
    {% for name in ['chatfuel_engagement_steps', 'chatfuel_opinions', 'chatfuel_kpi_columns'] %}
        {% if not chatfuel.is_list_of_names(var(name)) or not var(name) %}
            {% do chatfuel.refuse_variable(name, "a list of KPIs that have a rule, such as [lead, hero]") %}
        {% endif %}
    {% endfor %}
    {% if not chatfuel.is_list_of_names(var('chatfuel_volatile_attributes')) %}
        {% do chatfuel.refuse_variable('chatfuel_volatile_attributes', "a list of attributes, such as [last seen, sessions]") %}
    {% endif %}
    {% if not chatfuel.is_list_of_names(var('chatfuel_pii_attributes')) or (var('chatfuel_hash_pii') and not var('chatfuel_pii_attributes')) %}
        {% do chatfuel.refuse_variable('chatfuel_pii_attributes', "a list of attributes, such as [phone_number, email]") %}
    {% endif %}
    {% for name in chatfuel.hashed_attributes() if name in ('chatfuel_user_id', 'status', 'signed_up', 'last_seen') %}
        {% do exceptions.raise_compiler_error(
            "chatfuel_pii_attributes names '" ~ name ~ "', but the history is derived from it, so it cannot be hashed. Take it out."
        ) %}
    {% endfor %}
    {% set rebuild_from = (var('chatfuel_rebuild_from') or '2000-01-01') | string %}
    {% if rebuild_from.split('-') | map('length') | list != [4, 2, 2] or not chatfuel.consists_of(rebuild_from | replace('-', ''), '', '0123456789') %}
        {% do chatfuel.refuse_variable('chatfuel_rebuild_from', "a date, such as 2024-06-20, or null") %}
    {% endif %}
{% endmacro %}

{% macro refuse_variable(name, allowed) %}
    {% do exceptions.raise_compiler_error("The variable " ~ name ~ " is '" ~ var(name) ~ "'. Set it to " ~ allowed ~ ".") %}
{% endmacro %}

{# Whether something is a text made of some characters alone: letters, digits, underscores and those given, or `only`. #}
{% macro consists_of(text, characters, only=none) %}
    {% set allowed = only or 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_' ~ characters %}
    {{ return(text is string and text | list | reject('in', allowed) | list | length == 0) }}
{% endmacro %}

{% macro is_list_of_names(value) %}
    {{ return(value is sequence and value is not string and value is not mapping and value | reject('string') | list | length == 0) }}
{% endmacro %}

{% macro check_timezone() %}
    {% set timezone = var('chatfuel_timezone') %}
    {% set known = "select count(*) > 0 from pg_timezone_names() where name = '" ~ timezone ~ "'" if target.type == 'duckdb'
        else "select safe.datetime(timestamp '2024-06-20 00:00:00', '" ~ timezone ~ "') is not null" %}
    {% if not run_query(known).columns[0].values()[0] %}
        {% do chatfuel.refuse_variable('chatfuel_timezone', "an IANA name that the warehouse knows, such as America/Los_Angeles") %}
    {% endif %}
{% endmacro %}

{# An empty warehouse is no mistake: the tables are there, without rows. Whoever expects rows is told. #}
{% macro warn_without_pulls() %}
    {% set pulls = load_relation(source('chatfuel', 'pulls')) %}
    {% if pulls is none or run_query("select count(*) as pulls from " ~ pulls).rows[0]['pulls'] == 0 %}
        {% do exceptions.warn(
            "No pull is in " ~ source('chatfuel', 'pulls') ~ " yet, so the tables of chatfuel are empty. Load one with `python -m loader pull`; `python -m loader check` tells whether the settings are right."
        ) %}
    {% endif %}
{% endmacro %}

{#
  Called by the model that lists the pulls of the history. To derive history again needs the raw rows of the pulls that it
  is derived from: where they have expired, a full refresh would lose what only the history still knows. A pull that
  `remove` took out is in the ledger no more, and is to go.
#}
{% macro check_raw_is_complete() %}
    {% set rebuild_from = var('chatfuel_rebuild_from') %}
    {% if execute and flags.WHICH in ('build', 'run') and not flags.EMPTY and (flags.FULL_REFRESH or rebuild_from)
        and not var('chatfuel_accept_history_loss') and load_relation(this) is not none and model.resource_type != 'unit_test' %}
        {% set since = " and pulls.pull_date >= date '" ~ rebuild_from ~ "'" if rebuild_from and not flags.FULL_REFRESH else "" %}
        {% set expired = run_query(
            "select min(pulls.pull_date) as first_date, max(pulls.pull_date) as last_date, count(*) as pulls from "
            ~ this ~ " as pulls left join (select distinct bot_id, pull_id from "
            ~ ref('stg_chatfuel__users') ~ ") as users on pulls.bot_id = users.bot_id and pulls.pull_id = users.pull_id"
            ~ " left join " ~ ref('stg_chatfuel__pulls') ~ " as ledger on pulls.bot_id = ledger.bot_id and pulls.pull_id = ledger.pull_id"
            ~ " where users.pull_id is null and pulls.users_rows > 0 and (ledger.pull_id is not null or pulls.bot_id not in"
            ~ " (select bot_id from " ~ ref('stg_chatfuel__pulls') ~ "))" ~ since
        ).rows[0] %}
        {% if expired['pulls'] > 0 %}
            {% do exceptions.raise_compiler_error(
                "The raw rows of " ~ expired['pulls'] ~ " pulls, of " ~ expired['first_date'] ~ " to " ~ expired['last_date']
                ~ ", are gone; deriving the history again would lose what they brought. Load them again with `python -m loader reload PULL_ID`,"
                ~ " rebuild from a later date, or, if the loss is meant, add --vars '{chatfuel_accept_history_loss: true}'."
            ) %}
        {% endif %}
    {% endif %}
{% endmacro %}
