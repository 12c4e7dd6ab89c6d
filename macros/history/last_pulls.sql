{#
  Whether a row is of the last pull of its bot, or of the days before it. Each bot has constants of its own: one that is no
  longer pulled does not make all others' rows be read. column: a date of pulls, named so, or a timestamp.
#}
{% macro is_of_last_pulls(column, days=0) -%}
    {%- set last_pulls = ref('int_chatfuel__last_pulls') -%}
    {#- compiled on an empty warehouse, as a linter does, there is no pull to ask for #}
    {%- if execute and load_relation(last_pulls) is not none -%}
        {%- set moment = dbt.dateadd('day', -days, 'pull_date') if days else 'pull_date' -%}
        {%- set rows = run_query(
            "select bot_id, cast(cast(" ~ moment ~ " as date) as string) as first_date from " ~ last_pulls ~ " order by bot_id"
        ).rows -%}
    {%- endif -%}
    {%- if rows %}
    (
        {%- for row in rows %}
        (bot_id = '{{ row["bot_id"] }}' and {{ column }} >= {{
            "date '" ~ row["first_date"] ~ "'" if column.endswith('_date') else "timestamp '" ~ row["first_date"] ~ " 00:00:00'"
        }}){{ " or" if not loop.last }}
        {%- endfor %}
    )
    {%- else -%}
    true
    {%- endif %}
{%- endmacro %}
