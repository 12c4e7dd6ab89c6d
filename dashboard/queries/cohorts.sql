{{ config(enabled=var('chatfuel__using_dashboard') and var('chatfuel__using_cohorts')) }}
-- What became of those who signed up in one week, for twelve weeks.
select
    bot_id,
    signup_week as date,
    age_weeks,
    {{ suppress_small('cohort_users') }} as cohort_users,
    {{ suppress_small('reachable_users') }} as reachable_users,
    {{ suppress_small('seen_users') }} as seen_users,
    is_whole_cohort,
    is_whole_week,
from {{ ref('rpt_chatfuel__signup_cohorts') }}
where
    platform = 'all'
    and age_weeks <= 12
order by bot_id, signup_week, age_weeks
