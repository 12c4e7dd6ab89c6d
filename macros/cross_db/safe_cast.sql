{# A cast that gives null where the text has another form. #}
{% macro safe_cast(expression, type) %}
    {{- return(adapter.dispatch('safe_cast', 'chatfuel')(expression, type)) -}}
{% endmacro %}

{% macro default__safe_cast(expression, type) -%}
    try_cast({{ expression }} as {{ type }})
{%- endmacro %}

{% macro bigquery__safe_cast(expression, type) -%}
    safe_cast({{ expression }} as {{ type }})
{%- endmacro %}

{# A timestamp, UTC, from Chatfuel's text, as 2024-06-05 14:42:16. Anything else is null. #}
{% macro parse_timestamp(expression) -%}
    case
        when {{ regexp_contains(expression, "'^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}$'") }}
            then {{ chatfuel.safe_cast(expression, 'timestamp') }}
    end
{%- endmacro %}
