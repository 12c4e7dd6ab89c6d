with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
),

days as (
    select * from {{ ref('chatfuel_time_spine') }}
),

known_gaps as (
    select * from {{ ref(setting('chatfuel_known_gaps')) }}
),

bots as (
    select
        bot_id,
        min(activity_date) as first_date,
        max(activity_date) as last_date,
    from pulls
    group by bot_id
),

final as (
    select
        {{ hash_key(['bots.bot_id', 'days.date_day']) }} as bot_day_key,
        bots.bot_id,
        days.date_day as date,
        known_gaps.bot_id is not null as is_known,
        known_gaps.reason,
    from bots
    inner join days
        on
            bots.first_date < days.date_day
            and bots.last_date > days.date_day
    left join pulls
        on
            bots.bot_id = pulls.bot_id
            and days.date_day = pulls.activity_date
    left join known_gaps
        on
            bots.bot_id = known_gaps.bot_id
            and days.date_day = known_gaps.gap_date
    where pulls.bot_id is null
)

select * from final
