{#- Described in macros/_macros.yml. One scan: each rule is an aggregate, and the rows of the result are made of their one row. -#}
{% test rows_are_valid(
    model, unique=[], not_null=[], accepted_values={}, matches={}, rules={}, of_last_pulls=none, live_or_of_last_pulls=none
) %}
    {{- config(fail_calc='coalesce(sum(failures), 0)') -}}
    {#- dbt does not see the ref inside the macro -#}
    {%- set depends_on = ref('int_chatfuel__last_pulls') if of_last_pulls or live_or_of_last_pulls -%}
    {%- set count_not = 'count(case when not (' -%}
    {%- set end_of_count = ') then 1 end)' -%}
    {%- set checks = [] -%}
    {%- for column in not_null -%}
        {%- do checks.append(('not_null', column, 'count(*) - count(' ~ column ~ ')')) -%}
    {%- endfor -%}
    {%- for key in unique -%}
        {%- set columns = [key] if key is string else key -%}
        {%- set value = key if key is string else chatfuel.hash_key(key) -%}
        {%- do checks.append(
            ('unique', columns | join(', '), 'count(' ~ value ~ ') - count(distinct ' ~ value ~ ')')
        ) -%}
    {%- endfor -%}
    {%- for column, values in accepted_values.items() -%}
        {%- set literals = [] -%}
        {%- for value in values -%}
            {%- do literals.append("'" ~ value ~ "'" if value is string else value | string) -%}
        {%- endfor -%}
        {%- do checks.append(
            ('accepted_values', column, count_not ~ column ~ ' in (' ~ literals | join(', ') ~ ')' ~ end_of_count)
        ) -%}
    {%- endfor -%}
    {%- for column, pattern in matches.items() -%}
        {%- set is_match = chatfuel.regexp_contains(column, "'" ~ pattern ~ "'") -%}
        {%- do checks.append(('matches', column, count_not ~ is_match ~ end_of_count)) -%}
    {%- endfor -%}
    {%- for name, expression in rules.items() -%}
        {%- do checks.append((name, '', count_not ~ expression ~ end_of_count)) -%}
    {%- endfor -%}

    with counted as (
        select
            {%- for _, _, failures in checks %}
            {{ failures }} as failures_{{ loop.index }},
            {%- endfor %}
        from {{ model }}
        where
            true
            {%- if of_last_pulls %}
            and {{ chatfuel.is_of_last_pulls(of_last_pulls) }}
            {%- endif %}
            {%- if live_or_of_last_pulls %}
            and ({{ live_or_of_last_pulls }} is null or {{ chatfuel.is_of_last_pulls(live_or_of_last_pulls) }})
            {%- endif %}
    ),

    checks as (
        {%- for rule, columns, _ in checks %}
        select {{ loop.index }} as check_number, '{{ rule }}' as rule, '{{ columns }}' as columns_of_rule
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ),

    results as (
        select
            checks.rule,
            checks.columns_of_rule,
            case checks.check_number
                {%- for _ in checks %}
                when {{ loop.index }} then counted.failures_{{ loop.index }}
                {%- endfor %}
            end as failures,
        from checks
        cross join counted
    )

    select * from results where failures > 0
{% endtest %}
