{# Whether a value meets a rule of kpi_rules (columns match, value). #}
{% macro meets_rule(attribute_value, rules) -%}
    case {{ rules }}.match
        when 'equals'
            then {{ chatfuel.normalise_name(attribute_value) }} = {{ chatfuel.normalise_name(rules ~ '.value') }}
        when 'at_least'
            then {{ chatfuel.decimal_number(attribute_value) }}
                >= {{ chatfuel.decimal_number(rules ~ '.value') }}
        when 'matches' then {{ chatfuel.regexp_contains(attribute_value, rules ~ '.value') }}
    end
{%- endmacro %}
