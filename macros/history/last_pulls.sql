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
    {%- set bots_of = {} -%}
    {%- for row in rows -%}
        {%- do bots_of.update({row['first_date']: bots_of.get(row['first_date'], []) + [row['bot_id']]}) -%}
    {%- endfor %}
    (
        {%- for first_date, bot_ids in bots_of.items() %}
        ({{ chatfuel.one_of_bots(bot_ids) }} and {{ column }} >= {{
            "date '" ~ first_date ~ "'" if column.endswith('_date') else "timestamp '" ~ first_date ~ " 00:00:00'"
        }}){{ " or" if not loop.last }}
        {%- endfor %}
    )
    {%- else -%}
    true
    {%- endif %}
{%- endmacro %}
