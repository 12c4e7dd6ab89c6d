with

broadcast_recipients as (
    select * from {{ raw_table('broadcast_recipients') }}
),

pulls as (
    select * from {{ ref('stg_chatfuel__pulls') }}
),

committed as (
    select broadcast_recipients.*
    from broadcast_recipients
    inner join pulls
        on
            broadcast_recipients.bot_id = pulls.bot_id
            and broadcast_recipients.pull_id = pulls.pull_id
            and broadcast_recipients.pull_date = pulls.pull_date
),

final as (
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        broadcast_id,
        chatfuel_user_id,
    from committed
)

select * from final
