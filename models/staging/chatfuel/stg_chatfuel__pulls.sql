{%- do check_configuration() %}
with

pulls as (
    select * from {{ raw_table('pulls') }}
),

final as (
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        source,
        loader_version,
        coalesce(surface, 'classic') as surface,
        attributes_rows,
        users_rows,
        user_attributes_rows,
        segments_rows,
        broadcasts_rows,
        scheduled_entries_rows,
        broadcast_stats_rows,
        block_filters_rows,
        broadcast_recipients_rows,
    from pulls
)

select * from final
