{# The fields of the users export that go into the history where the catalogue does not list them. #}
{% macro profile_fields() %}
    {{ return([
        'page id', 'first name', 'last name', 'signed up', 'status', 'timezone', 'gender', 'locale', 'source',
        'instagram name', 'instagram handle'
    ]) }}
{% endmacro %}

{# chatfuel_volatile_attributes as a list for `in`. #}
{% macro volatile_attributes() -%}
    (
    {%- for attribute_name in var('chatfuel_volatile_attributes') -%}
        {{ dbt.string_literal(dbt.escape_single_quotes(attribute_name)) }}{{ ", " if not loop.last }}
    {%- endfor -%}
    )
{%- endmacro %}
