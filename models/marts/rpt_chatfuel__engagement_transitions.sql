with

moves as (
    select * from {{ ref('int_chatfuel__engagement_moves') }}
),

final as (
    select
        {{ hash_key(['bot_id', 'activity_date', 'from_step', 'to_step']) }} as transition_key,
        bot_id,
        activity_date as date,
        from_step,
        to_step,
        is_up,
        count(distinct chatfuel_user_id) as users,
    from moves
    group by bot_id, activity_date, from_step, to_step, is_up
)

select * from final
