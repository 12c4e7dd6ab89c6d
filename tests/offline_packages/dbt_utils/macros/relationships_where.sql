{% test relationships_where(model, column_name, to, field, from_condition='1=1', to_condition='1=1') %}
    with children as (
        select {{ column_name }} as child_id
        from {{ model }}
        where {{ column_name }} is not null and {{ from_condition }}
    ),

    parents as (
        select {{ field }} as parent_id
        from {{ to }}
        where {{ field }} is not null and {{ to_condition }}
    )

    select children.child_id
    from children
    left join parents on children.child_id = parents.parent_id
    where parents.parent_id is null
{% endtest %}
