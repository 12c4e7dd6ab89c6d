with

segments as (
    select * from {{ ref('stg_chatfuel__segments') }}
    where pull_date >= date '{{ earliest_last_pull_date() }}'
),

last_pulls as (
    select
        bot_id,
        max(pulled_at) as pulled_at,
    from {{ ref('int_chatfuel__pulls') }}
    group by bot_id
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
