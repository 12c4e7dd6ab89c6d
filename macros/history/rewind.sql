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
    {% set touched = [started_at ~ " >= " ~ start] %}
    {% set emptied = [] %}
    {% for closed_at, columns in reopened.items() %}
        {% do touched.append("history." ~ closed_at ~ " >= " ~ start) %}
        {% for column in columns %}
            {% do emptied.append(
                column ~ " = case when history." ~ closed_at ~ " < " ~ start ~ " then history." ~ column ~ " end"
            ) %}
        {% endfor %}
    {% endfor %}
    {{ return(
        "merge into " ~ this ~ " as history using (select 1 as one) as rewound on history." ~ touched | join(" or ")
        ~ " when matched and history." ~ started_at ~ " >= " ~ start ~ " then delete"
        ~ " when matched then update set " ~ emptied | join(", ")
    ) }}
{% endmacro %}
