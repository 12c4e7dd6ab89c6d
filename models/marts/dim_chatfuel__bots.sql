with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
),

last_pulls as (
    select * from {{ ref('int_chatfuel__last_pulls') }}
),

bot_names as (
    select * from {{ ref(setting('chatfuel_bots')) }}
),

first_pulls as (
    select
        bot_id,
        min(pulled_at) as first_pulled_at,
    from pulls
    group by bot_id
),

final as (
    select
        last_pulls.bot_id,
        coalesce(bot_names.bot_name, last_pulls.bot_id) as bot_name,
        first_pulls.first_pulled_at,
        last_pulls.pulled_at as last_pulled_at,
        last_pulls.pull_number as pull_count,
        last_pulls.users_rows as users,
    from last_pulls
    inner join first_pulls
        on last_pulls.bot_id = first_pulls.bot_id
    left join bot_names
        on last_pulls.bot_id = bot_names.bot_id
)

select * from final
