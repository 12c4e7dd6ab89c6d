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

{#
  Of grouped rows with a column kpi: the first of some KPIs that is among them, or the latest of a column in its rows.
#}
{% macro first_of_kpis(kpis, column=none) -%}
    case
        {%- for kpi in kpis %}
        when max(case when kpi = '{{ kpi }}' then 1 end) = 1
            then {{ "max(case when kpi = '" ~ kpi ~ "' then " ~ column ~ " end)" if column else "'" ~ kpi ~ "'" }}
        {%- endfor %}
    end
{%- endmacro %}
