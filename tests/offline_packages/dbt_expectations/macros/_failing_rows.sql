{#- What most expectations come down to: the rows, among those of `row_condition`, that break the rule. Null passes. -#}
{% macro failing_rows(model, rule, row_condition=none) %}
    select *
    from {{ model }}
    where
        not ({{ rule }})
        {%- if row_condition %}
        and ({{ row_condition }})
        {%- endif %}
{% endmacro %}

{% macro is_between(expression, min_value, max_value, strictly) %}
    {%- if min_value is none and max_value is none -%}
        {{ exceptions.raise_compiler_error("Give this test a min_value, a max_value or both.") }}
    {%- endif -%}
    {%- set or_equal = '' if strictly else '=' -%}
    {%- set limits = [] -%}
    {%- if min_value is not none -%}{%- do limits.append(expression ~ ' >' ~ or_equal ~ ' ' ~ min_value) -%}{%- endif -%}
    {%- if max_value is not none -%}{%- do limits.append(expression ~ ' <' ~ or_equal ~ ' ' ~ max_value) -%}{%- endif -%}
    {{ limits | join(' and ') }}
{%- endmacro %}
