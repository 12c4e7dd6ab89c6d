{{ config(enabled=var('chatfuel__using_kpis')) }}
-- Who answered the research question more than once, and did they change their mind?
with

answers as (
    select
        bot_id,
        chatfuel_user_id,
        count(*) as answers_since_first_pull,
        min(activity_date) as first_date,
        max(activity_date) as last_date,
        max(case when event_type = 'attribute_changed' then 1 else 0 end) as has_changed,
    from {{ ref('fct_chatfuel__user_events') }}
    where
        {{ normalise_name('attribute_name') }} = 'research_answer'
        and event_type in ('attribute_set', 'attribute_changed')
    group by bot_id, chatfuel_user_id
),

-- An answer from before the first pull has no event, but the value that the first change replaced.
users as (
    select * from {{ ref('dim_chatfuel__users') }}
)

select
    answers.bot_id,
    answers.chatfuel_user_id,
    answers.answers_since_first_pull,
    answers.first_date,
    answers.last_date,
    users.opinion as opinion_now,
from answers
inner join users
    on
        answers.bot_id = users.bot_id
        and answers.chatfuel_user_id = users.chatfuel_user_id
where answers.has_changed = 1 or answers.answers_since_first_pull > 1
order by answers.answers_since_first_pull desc, answers.last_date desc, answers.chatfuel_user_id asc
