{#
  A view on DuckDB that names its tables without the database, which is the name of the file: so it survives that the file
  is renamed. dbt finds this where the project is built itself; in another project, views are as dbt makes them.
#}
{% macro duckdb__create_view_as(relation, sql) -%}
    {%- if config.get('contract').enforced %}
    {{ get_assert_columns_equivalent(sql) }}
    {%- endif %}
    create view {{ relation }} as (
        {{ sql | replace('"' ~ relation.database ~ '".', '') }}
    );
{%- endmacro %}
