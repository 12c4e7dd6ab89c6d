{#
  For a pre-hook: with chatfuel_rebuild_from, puts a history table back to where it stood before that day, in one
  statement, so that the model then works through the pulls since as if they had just come.

  started_at: the column whose rows did not exist yet before that day.
  reopened: {the column that closed a row: the columns to empty again}.
#}
{% macro rewind(started_at, reopened={}) %}
    {% if not (execute and is_incremental() and var('chatfuel_rebuild_from')) %}
        {{ return('') }}
    {% endif %}
    {% set start = chatfuel.rebuild_start() %}
    {% if not reopened %}
        {{ return("delete from " ~ this ~ " where " ~ started_at ~ " >= " ~ start) }}
    {% endif %}
    {% set touched = ["history." ~ started_at ~ " >= " ~ start] %}
    {% set kept_while = {} %}
    {% for closed_at, columns in reopened.items() %}
        {% set closed_since = "coalesce(history." ~ closed_at ~ " >= " ~ start ~ ", false)" %}
        {% do touched.append(closed_since) %}
        {% for column in columns %}
            {% do kept_while.setdefault(column, []).append("not " ~ closed_since) %}
        {% endfor %}
    {% endfor %}
    {% set emptied = [] %}
    {% for column, conditions in kept_while.items() %}
        {% do emptied.append(column ~ " = case when " ~ conditions | join(" and ") ~ " then history." ~ column ~ " end") %}
    {% endfor %}
    {{ return(
        "merge into " ~ this ~ " as history using (select 1 as one) as rewound on " ~ touched | join(" or ")
        ~ " when matched and history." ~ started_at ~ " >= " ~ start ~ " then delete"
        ~ " when matched then update set " ~ emptied | join(", ")
    ) }}
{% endmacro %}

{#
  For the pre-hook of a table of months (columns observed_month, last_observed_at): deletes the months that hold a pull which
  is to be worked through, also those that chatfuel_rebuild_from asks for. If the run then fails, the next one finds no
  trace of these months and counts them.
#}
{% macro delete_months_to_count() %}
    {% if not (execute and is_incremental()) %}
        {{ return('') }}
    {% endif %}
    {% set first_date = chatfuel.first_unprocessed_date(chatfuel.processed_through(['last_observed_at'])) %}
    {% set counted = "observed_month >= date '" ~ first_date.replace(day=1) ~ "'" if first_date else "true" %}
    {{ return("delete from " ~ this ~ " where " ~ counted) }}
{% endmacro %}
