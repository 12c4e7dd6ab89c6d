with

broadcast_stats as (
    select * from {{ raw_table('broadcast_stats') }}
),

pulls as (
    select * from {{ ref('stg_chatfuel__pulls') }}
),

committed as (
    select broadcast_stats.*
    from broadcast_stats
    inner join pulls
        on
            broadcast_stats.bot_id = pulls.bot_id
            and broadcast_stats.pull_id = pulls.pull_id
            and broadcast_stats.pull_date = pulls.pull_date
),

final as (
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        row_number,
        {{ json_text('payload', 'broadcast_id') }} as result_id,
        {{ json_text('payload', 'block_title') }} as block_title,
        {{ json_text('payload', 'in_progress') }} = 'true' as is_in_progress,
        {{ whole_number(json_text('payload', 'total_users')) }} as recipients,
    from committed
)

select * from final
