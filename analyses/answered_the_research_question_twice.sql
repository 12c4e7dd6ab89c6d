{{ config(enabled=var('chatfuel__using_kpis')) }}
-- Who answered the research question more than once, and did they change their mind?
-- How to read: one line per user. `first_answer` is the earliest that is known, also from before the first pull if it
-- was replaced since; `last_answer` is the one given last, also if it was taken back.
with

answers as (
    select
        bot_id,
        chatfuel_user_id,
        activity_date,
        coalesce(old_value, new_value) as answer_before,
        new_value as answer,
        row_number() over (partition by bot_id, chatfuel_user_id order by observed_at) as answer_number,
        count(*) over (partition by bot_id, chatfuel_user_id) as answers_since_first_pull,
    from {{ ref('fct_chatfuel__user_events') }}
    where
        {{ normalise_name('attribute_name') }} = 'research_answer'
        and event_type in ('attribute_set', 'attribute_changed')
),

users as (
    select
        bot_id,
        chatfuel_user_id,
        answers_since_first_pull,
        min(activity_date) as first_date,
        max(activity_date) as last_date,
        max(case when answer_number = 1 then answer_before end) as first_answer,
        max(case when answer_number = answers_since_first_pull then answer end) as last_answer,
    from answers
    group by bot_id, chatfuel_user_id, answers_since_first_pull
)

select
    bot_id,
    chatfuel_user_id,
    answers_since_first_pull,
    first_date,
    last_date,
    first_answer,
    last_answer,
    first_answer <> last_answer as is_other_mind,
from users
where answers_since_first_pull > 1 or first_answer <> last_answer
order by answers_since_first_pull desc, last_date desc, chatfuel_user_id asc
