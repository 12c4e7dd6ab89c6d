{# A number of users, null where it is more than none and less than chatfuel_dashboard_min_group. #}
{% macro suppress_small(users) -%}
    {%- if chatfuel.setting('chatfuel_dashboard_min_group') > 1 -%}
    case when {{ users }} = 0 or {{ users }} >= {{ chatfuel.setting('chatfuel_dashboard_min_group') }} then {{ users }} end
    {%- else -%}
    {{ users }}
    {%- endif -%}
{%- endmacro %}
