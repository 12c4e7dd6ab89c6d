-- One row per bot: the last pull that the history is made of.
with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
),

final as (
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        previous_pulled_at,
        pull_number,
        users_rows,
    from pulls
    qualify row_number() over (partition by bot_id order by pulled_at desc) = 1
)

select * from final
