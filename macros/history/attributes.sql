{# The fields of the users export that go into the history where the catalogue does not list them. #}
{% macro profile_fields() %}
    {{ return([
        'page id', 'first name', 'last name', 'signed up', 'status', 'timezone', 'gender', 'locale', 'source',
        'instagram name', 'instagram handle'
    ]) }}
{% endmacro %}

{# chatfuel_volatile_attributes as a list for `in`. #}
{% macro volatile_attributes() -%}
    ({{ chatfuel.string_literals(chatfuel.setting('chatfuel_volatile_attributes')) }})
{%- endmacro %}
