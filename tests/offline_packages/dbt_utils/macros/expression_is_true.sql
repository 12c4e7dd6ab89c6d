{#- On a column, the expression is what follows the column's name. A row for which it is null passes. -#}
{% test expression_is_true(model, expression, column_name=none) %}
    select {{ '*' if should_store_failures() else '1 as failure' }}
    from {{ model }}
    where not ({{ column_name if column_name is not none }} {{ expression }})
{% endtest %}
