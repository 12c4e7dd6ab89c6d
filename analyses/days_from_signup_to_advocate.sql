{{ config(enabled=var('chatfuel__using_kpis')) }}
-- How long does it take from sign-up to advocate? Users whom we saw become one, by the week in which they signed up.
with

advocates as (
    select
        bot_id,
        chatfuel_user_id,
        min(activity_date) as advocate_date,
    from {{ ref('int_chatfuel__engagement_moves') }}
    where to_step = 'advocate'
    group by bot_id, chatfuel_user_id
),

users as (
    select
        bot_id,
        chatfuel_user_id,
        {{ local_date('signed_up_at') }} as signup_date,
    from {{ ref('dim_chatfuel__users') }}
    where signed_up_at is not null
)

select
    cast({{ week_start('users.signup_date') }} as date) as signup_week,
    count(*) as advocates,
    min({{ days_between('users.signup_date', 'advocates.advocate_date') }}) as fewest_days,
    avg({{ days_between('users.signup_date', 'advocates.advocate_date') }}) as mean_days,
    max({{ days_between('users.signup_date', 'advocates.advocate_date') }}) as most_days,
from advocates
inner join users
    on
        advocates.bot_id = users.bot_id
        and advocates.chatfuel_user_id = users.chatfuel_user_id
group by cast({{ week_start('users.signup_date') }} as date)
order by signup_week
