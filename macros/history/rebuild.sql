{#
  With chatfuel_rebuild_from, puts a table back to where it stood before that day, its steps with it, in one transaction: it
  is then folded on as if the pulls since had just come.
#}
{% macro rewind(steps, meta) %}
    {% set start = chatfuel.rebuild_start(meta.get('rebuilt_from', 'day')) %}
    {% call statement('rewind', auto_begin=false) %}
        begin transaction;
        update {{ steps }} set pull_id = '' where bot_id = '';
        delete from {{ this }} where {{ meta['started_at'] }} >= {{ start }};
        {%- for closed_at, columns in meta.get('reopened', {}).items() %}
            update {{ this }}
            set
                {%- for column in columns %}
                    {{ column }} = null{{ "," if not loop.last }}
                {%- endfor %}
            where {{ closed_at }} >= {{ start }};
        {%- endfor %}
        delete from {{ steps }} where pulled_at >= {{ start }};
        commit transaction;
    {% endcall %}
{% endmacro %}

{# The first moment that chatfuel_rebuild_from derives again; a table of months begins with the day's month. #}
{% macro rebuild_start(rebuilt_from) -%}
    {%- set day = var('chatfuel_rebuild_from') | string -%}
    timestamp '{{ day[:8] ~ "01" if rebuilt_from == "month" else day }} 00:00:00'
{%- endmacro %}

{#
  A table without steps: of a release that kept none, or copied without them. All pulls up to the last one that left a trace
  in it are done. A later pull that had changed nothing is folded once more, and changes nothing.
#}
{% macro take_over(pulls, steps, meta) %}
    {% set traces = [] %}
    {% for column in [meta['started_at']] + meta.get('reopened', {}).keys() | list %}
        {% do traces.append(
            "select bot_id, cast(" ~ column ~ " as timestamp) as traced_at from " ~ this ~ " where " ~ column ~ " is not null"
        ) %}
    {% endfor %}
    {% do chatfuel.make_steps(steps,
        "select pulls.bot_id, pulls.pull_id, pulls.pulled_at from " ~ pulls ~ " as pulls inner join ("
        ~ "select bot_id, max(traced_at) as traced_at from (" ~ traces | join(" union all ") ~ ") as traces group by bot_id"
        ~ ") as last_traces on pulls.bot_id = last_traces.bot_id where pulls.pulled_at <= last_traces.traced_at"
        ~ " union all select '' as bot_id, '' as pull_id, timestamp '1970-01-01 00:00:00' as pulled_at"
    ) %}
{% endmacro %}
