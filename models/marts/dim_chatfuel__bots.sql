with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
),

bot_names as (
    select * from {{ ref(setting('chatfuel_bots')) }}
),

-- Of each bot its last pull.
final as (
    select
        pulls.bot_id,
        coalesce(bot_names.bot_name, pulls.bot_id) as bot_name,
        min(pulls.pulled_at) over (partition by pulls.bot_id) as first_pulled_at,
        pulls.pulled_at as last_pulled_at,
        pulls.pull_number as pull_count,
        pulls.users_rows as users,
    from pulls
    left join bot_names
        on pulls.bot_id = bot_names.bot_id
    qualify row_number() over (partition by pulls.bot_id order by pulls.pulled_at desc) = 1
)

select * from final
