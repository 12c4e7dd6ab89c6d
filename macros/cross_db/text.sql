{# Whether a text holds a match of a regular expression (RE2). #}
{% macro regexp_contains(text, pattern) %}
    {{- return(adapter.dispatch('regexp_contains', 'chatfuel')(text, pattern)) -}}
{% endmacro %}

{% macro default__regexp_contains(text, pattern) -%}
    regexp_matches({{ text }}, {{ pattern }})
{%- endmacro %}

{% macro bigquery__regexp_contains(text, pattern) -%}
    regexp_contains({{ text }}, {{ pattern }})
{%- endmacro %}

{# How a name or a value is compared with the rules in kpi_rules: lower case, spaces as underscores. #}
{% macro normalise_name(text) -%}
    replace(lower({{ text }}), ' ', '_')
{%- endmacro %}

{# A count in words, and by how much it changed: 8 (-2 since the pull before). #}
{% macro count_and_change(count, change) -%}
    concat(
        cast({{ count }} as string),
        case when {{ change }} is null then ''
            else concat(
                ' (', case when {{ change }} >= 0 then '+' else '' end, cast({{ change }} as string),
                ' since the pull before)'
            )
        end
    )
{%- endmacro %}

{#
  A hash that identifies a row: md5 over the columns, each led by its length, so that no two lists of values
  are written alike. A null is written as ":", an empty text as "0:". (DuckDB's concat passes over nulls, BigQuery's
  does not: so none reaches it.)
#}
{% macro hash_key(columns) -%}
    {{ adapter.dispatch('md5_hex', 'chatfuel')(chatfuel.key_text(columns)) }}
{%- endmacro %}

{% macro key_text(columns) -%}
    concat(
        {%- for column in columns %}
        coalesce(cast(length(cast({{ column }} as string)) as string), ''), ':', coalesce(cast({{ column }} as string), '')
        {{- ", ';', " if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}

{% macro default__md5_hex(text) -%}
    md5({{ text }})
{%- endmacro %}

{% macro bigquery__md5_hex(text) -%}
    to_hex(md5({{ text }}))
{%- endmacro %}

{% macro default__sha256_hex(text) -%}
    sha256({{ text }})
{%- endmacro %}

{% macro bigquery__sha256_hex(text) -%}
    to_hex(sha256({{ text }}))
{%- endmacro %}

{#
  A whole number from 0 up to 2^40 that stands for texts: the sum of many fits, so two sets of rows can be compared by two
  numbers. (DuckDB combines the hashes of several columns by xor, which does not notice values that change places.)
#}
{% macro hash_number(columns) -%}
    {{ adapter.dispatch('hash_text_to_number', 'chatfuel')(chatfuel.key_text(columns)) }}
{%- endmacro %}

{% macro default__hash_text_to_number(text) -%}
    cast(hash({{ text }}) % 1099511627776 as bigint)
{%- endmacro %}

{% macro bigquery__hash_text_to_number(text) -%}
    (farm_fingerprint({{ text }}) & 1099511627775)
{%- endmacro %}
