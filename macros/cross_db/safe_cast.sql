{#
  Numbers and times from text. What another warehouse would read differently (1_000, 0x10, 1e3, NaN, " 1") is no number
  here: a text has to match a pattern, the same for all, before it is cast.
#}

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

{# A whole number from 0 on, as 52415 or 52,415. Anything else is null. #}
{% macro whole_number(text) -%}
    case
        when {{ chatfuel.regexp_contains(text, "'^([0-9]{1,18}|[0-9]{1,3}(,[0-9]{3}){1,5})$'") }}
            then {{ chatfuel.safe_cast("replace(" ~ text ~ ", ',', '')", dbt.type_bigint()) }}
    end
{%- endmacro %}

{# A number, as -7.0 or 12. Anything else is null. #}
{% macro decimal_number(text) -%}
    case
        when {{ chatfuel.regexp_contains(text, "'^-?[0-9]{1,15}([.][0-9]{1,15})?$'") }}
            then {{ chatfuel.safe_cast(text, chatfuel.type_double()) }}
    end
{%- endmacro %}

{# A timestamp, UTC, from Chatfuel's text, as 2024-06-05 14:42:16, of the years 1900 to 2999. Anything else is null. #}
{% macro parse_timestamp(expression) -%}
    case
        when {{ regexp_contains(expression, "'^(19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}[ T]([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}$'") }}
            then {{ chatfuel.safe_cast(expression, 'timestamp') }}
    end
{%- endmacro %}
