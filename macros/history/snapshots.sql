{#
  The post-hook of a snapshot that ends the rows of what the last pull of a bot no longer shows, at the time of that pull.
  dbt's own hard_deletes dates them by the wall clock, so that a late or repeated run would write other rows.
#}
{% macro end_missing_rows(source_name, key) %}
    update {{ this }} as snapshot_rows
    set dbt_valid_to = last_pulls.pulled_at
    from {{ ref('chatfuel', 'int_chatfuel__last_pulls') }} as last_pulls
    where
        snapshot_rows.bot_id = last_pulls.bot_id
        and snapshot_rows.dbt_valid_to is null
        and not exists (
            select 1
            from {{ ref('chatfuel', source_name) }} as shown_rows
            where
                shown_rows.bot_id = snapshot_rows.bot_id
                and shown_rows.{{ key }} = snapshot_rows.{{ key }}
        )
{% endmacro %}
