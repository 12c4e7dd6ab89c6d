{#-
    A range fails if it is not one (a bound is null, or they are in the wrong order), or if the next range of its
    partition begins too early (`gaps`: allowed, not_allowed, required). `partition_by` is one expression.
-#}
{% test mutually_exclusive_ranges(
    model, lower_bound_column, upper_bound_column, partition_by=none, gaps='allowed', zero_length_range_allowed=false
) %}
    {%- set gap_operators = {'allowed': '<=', 'not_allowed': '=', 'required': '<'} -%}
    {%- if gaps not in gap_operators -%}
        {{ exceptions.raise_compiler_error(
            "mutually_exclusive_ranges: set gaps to one of allowed, not_allowed, required; it is '" ~ gaps ~ "'"
        ) }}
    {%- endif -%}
    {%- set partition = 'partition by ' ~ partition_by if partition_by else '' -%}

    with ranges as (
        select
            {% if partition_by %}{{ partition_by }} as range_partition,{% endif %}
            {{ lower_bound_column }} as lower_bound,
            {{ upper_bound_column }} as upper_bound,
            lead({{ lower_bound_column }}) over (
                {{ partition }} order by {{ lower_bound_column }}, {{ upper_bound_column }}
            ) as next_lower_bound,
            row_number() over (
                {{ partition }} order by {{ lower_bound_column }} desc, {{ upper_bound_column }} desc
            ) = 1 as is_last
        from {{ model }}
    )

    select *
    from ranges
    where
        not coalesce(lower_bound {{ '<=' if zero_length_range_allowed else '<' }} upper_bound, false)
        or not coalesce(upper_bound {{ gap_operators[gaps] }} next_lower_bound, is_last)
{% endtest %}
