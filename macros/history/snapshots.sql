{#
  dbt dates the rows that a snapshot finds no more by the wall clock. Here they are dated by the bot's last pull, so that
  a late or a repeated run writes the same rows. dbt asks for this beside a relation named snapshotted_data.
#}
{% macro duckdb__snapshot_get_time() -%}
    {{ chatfuel.last_pulled_at('snapshotted_data.bot_id') }}
{%- endmacro %}

{% macro bigquery__snapshot_get_time() -%}
    {{ chatfuel.last_pulled_at('snapshotted_data.bot_id') }}
{%- endmacro %}

{# Its type is that of every pulled_at; dbt need not run the expression on its own to find out. #}
{% macro get_snapshot_get_time_data_type() %}
    {{ return(none) }}
{% endmacro %}

{# The pulled_at of the last pull of each bot, as constants. #}
{% macro last_pulled_at(bot_id) -%}
    case {{ bot_id }}
        {%- if execute %}
        {#- not ref(): dbt renders this in snapshots, which depend on the pulls through the views they read #}
        {%- set pulls = graph.nodes['model.chatfuel.int_chatfuel__pulls'].relation_name %}
        {%- for row in run_query(
            "select bot_id, cast(max(pulled_at) as string) as pulled_at from " ~ pulls ~ " group by bot_id order by bot_id"
        ).rows %}
        when '{{ row["bot_id"] }}' then timestamp '{{ row["pulled_at"] }}'
        {%- endfor %}
        {%- endif %}
        when '' then null
    end
{%- endmacro %}
