with

segments as (
    select * from {{ raw_table('segments') }}
),

pulls as (
    select * from {{ ref('stg_chatfuel__pulls') }}
),

committed as (
    select segments.*
    from segments
    inner join pulls
        on
            segments.bot_id = pulls.bot_id
            and segments.pull_id = pulls.pull_id
            and segments.pull_date = pulls.pull_date
),

final as (
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        segment_id,
        segment_name,
    from committed
)

select * from final
