{#- One row for each combination that is there more than once. `ignore_row_if` says which nulls take a row out. -#}
{% test expect_compound_columns_to_be_unique(
    model, column_list, quote_columns=false, ignore_row_if='all_values_are_missing', row_condition=none
) %}
    {%- if not column_list -%}
        {{ exceptions.raise_compiler_error("expect_compound_columns_to_be_unique: list the columns in column_list") }}
    {%- endif -%}
    {%- set null_operators = {'all_values_are_missing': ' and ', 'any_value_is_missing': ' or '} -%}
    {%- if ignore_row_if not in null_operators -%}
        {{ exceptions.raise_compiler_error(
            "expect_compound_columns_to_be_unique: set ignore_row_if to all_values_are_missing or "
            ~ "any_value_is_missing; it is '" ~ ignore_row_if ~ "'"
        ) }}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- set are_null = [] -%}
    {%- for name in column_list -%}
        {%- set column = adapter.quote(name) if quote_columns else name -%}
        {%- do columns.append(column) -%}
        {%- do are_null.append(column ~ ' is null') -%}
    {%- endfor -%}
    select
        {{ columns | join(', ') }},
        count(*) as n_records
    from {{ model }}
    where
        not ({{ are_null | join(null_operators[ignore_row_if]) }})
        {%- if row_condition %}
        and ({{ row_condition }})
        {%- endif %}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
