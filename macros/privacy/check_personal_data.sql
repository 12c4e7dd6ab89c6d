{#
  Whether values will be hashed otherwise than those of the history. Every value is then written anew, or the run is refused:
  to the history a value and its hash are two values, and everybody would have changed.
#}
{% macro hashes_change() %}
    {% if not execute or flags.WHICH not in ('build', 'run') or flags.EMPTY or model.resource_type == 'unit_test' %}
        {{ return(false) }}
    {% endif %}
    {% set built_with = chatfuel.built_pii_fingerprint() %}
    {% if built_with is none or built_with == chatfuel.pii_fingerprint() %}
        {{ return(false) }}
    {% endif %}
    {% set names = ['int_chatfuel__attribute_versions', 'fct_chatfuel__user_events', 'int_chatfuel__broadcast_audiences'] %}
    {% for node in graph.nodes.values() if node.package_name == 'chatfuel' and node.name in names
        and (not flags.FULL_REFRESH or node.unique_id not in selected_resources) %}
        {% do exceptions.raise_compiler_error(
            "chatfuel_hash_pii, chatfuel_pii_attributes or CHATFUEL_PII_SALT is not what the history was built with, so all of"
            ~ " its values would change. Set back what was changed, or derive everything anew: `dbt build --full-refresh`."
        ) %}
    {% endfor %}
    {{ return(true) }}
{% endmacro %}

{# The fingerprint that the history was built with; none if there is no history. #}
{% macro built_pii_fingerprint() %}
    {% set setting = graph.nodes['model.chatfuel.int_chatfuel__pii_setting'] %}
    {% set history = graph.nodes['model.chatfuel.int_chatfuel__attribute_versions'] %}
    {% set built = adapter.get_relation(setting.database, setting.schema, setting.alias) %}
    {% if built is not none %}
        {{ return(run_query("select max(fingerprint) as fingerprint from " ~ built).rows[0]['fingerprint']) }}
    {% endif %}
    {# a history older than the setting is in clear text #}
    {% set has_history = adapter.get_relation(history.database, history.schema, history.alias) is not none %}
    {{ return('clear text' if has_history else none) }}
{% endmacro %}

{# dbt refreshes no snapshot: those that hold values are emptied, and begin anew with this build. #}
{% macro empty_snapshots_of_other_hashes() %}
    {% for snapshot in graph.nodes.values()
        if snapshot.package_name == 'chatfuel' and snapshot.name in ('snap_chatfuel__users', 'snap_chatfuel__broadcast_audiences') %}
        {% set relation = adapter.get_relation(snapshot.database, snapshot.schema, snapshot.alias) %}
        {% if relation is not none %}
            {% do run_query("delete from " ~ relation ~ " where true") %}
            {% do log("The snapshot " ~ relation ~ " begins anew: it held values that are hashed otherwise now.", info=true) %}
        {% endif %}
    {% endfor %}
{% endmacro %}
