{# The text of one field of a JSON object held as text; path is dotted, as user_filter.operation. #}
{% macro json_text(json, path) %}
    {{- return(adapter.dispatch('json_text', 'chatfuel')(json, path)) -}}
{% endmacro %}

{% macro default__json_text(json, path) -%}
    json_extract_string(try_cast({{ json }} as json), '$.{{ path }}')
{%- endmacro %}

{% macro bigquery__json_text(json, path) -%}
    json_value({{ json }}, '$.{{ path }}')
{%- endmacro %}

{#
  A from-clause item that turns a JSON array into rows, for a comma or cross join behind the table that holds it.
  Columns: `element` (JSON text) and `position`, from 0.
#}
{% macro unnest_json_array(json, path, alias) %}
    {{- return(adapter.dispatch('unnest_json_array', 'chatfuel')(json, path, alias)) -}}
{% endmacro %}

{% macro default__unnest_json_array(json, path, alias) -%}
    unnest(json_extract(try_cast({{ json }} as json), '$.{{ path }}[*]')) with ordinality as {{ alias }} (element, position)
{%- endmacro %}

{% macro bigquery__unnest_json_array(json, path, alias) -%}
    unnest(json_query_array({{ json }}, '$.{{ path }}')) as element with offset as position
{%- endmacro %}

{# The text of a JSON scalar that is itself an element of an array. #}
{% macro json_scalar(element) %}
    {{- return(adapter.dispatch('json_scalar', 'chatfuel')(element)) -}}
{% endmacro %}

{% macro default__json_scalar(element) -%}
    json_extract_string({{ element }}, '$')
{%- endmacro %}

{% macro bigquery__json_scalar(element) -%}
    json_value({{ element }}, '$')
{%- endmacro %}
