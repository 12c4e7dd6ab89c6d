with

segments as (
    select * from {{ ref('stg_chatfuel__segments') }}
    where {{ is_of_last_pulls('pull_date') }}
),

last_pulls as (
    select * from {{ ref('int_chatfuel__last_pulls') }}
),

final as (
    select
        segments.bot_id,
        segments.pull_id,
        segments.pulled_at,
        segments.segment_id,
        segments.segment_name,
    from segments
    inner join last_pulls
        on
            segments.bot_id = last_pulls.bot_id
            and segments.pulled_at = last_pulls.pulled_at
)

select * from final
