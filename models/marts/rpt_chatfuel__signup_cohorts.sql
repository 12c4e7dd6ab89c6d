with

cohort_states as (
    select * from {{ ref('int_chatfuel__cohort_states') }}
),

users as (
    select * from {{ ref('dim_chatfuel__users') }}
),

-- Who left the base altogether still counts as one of those who had signed up.
cohorts_by_platform as (
    select
        bot_id,
        cast({{ week_start(local_date('signed_up_at')) }} as date) as signup_week,
        platform,
        count(*) as cohort_users,
    from users
    group by bot_id, cast({{ week_start(local_date('signed_up_at')) }} as date), platform
),

cohorts as (
    select * from cohorts_by_platform
    union all
    select
        bot_id,
        signup_week,
        'all' as platform,
        cast(sum(cohort_users) as {{ dbt.type_bigint() }}) as cohort_users,
    from cohorts_by_platform
    group by bot_id, signup_week
),

pull_dates as (
    select
        bot_id,
        min({{ local_date('pulled_at') }}) as first_date,
        max(activity_date) as last_activity_date,
    from {{ ref('int_chatfuel__pulls') }}
    group by bot_id
),

week_ends as (
    select *
    from cohort_states
    qualify rank() over (partition by bot_id, observed_week order by pulled_at desc) = 1
),

-- Pulls of releases that did not tell platforms apart have rows without one.
states as (
    select
        bot_id,
        signup_week,
        observed_week,
        pulled_at,
        platform,
        reachable_users,
        seen_users,
    from week_ends
    where platform is not null
    union all
    select
        bot_id,
        signup_week,
        observed_week,
        pulled_at,
        'all' as platform,
        sum(reachable_users) as reachable_users,
        sum(seen_users) as seen_users,
    from week_ends
    group by bot_id, signup_week, observed_week, pulled_at
),

final as (
    select
        {{ hash_key(['states.bot_id', 'states.signup_week', 'states.observed_week', 'states.platform']) }}
            as cohort_age_key,
        states.bot_id,
        states.signup_week,
        states.observed_week,
        cast(
            {{ days_between('states.signup_week', 'states.observed_week') }}
            / 7 as {{ dbt.type_bigint() }}
        ) as age_weeks,
        states.platform,
        coalesce(cohorts.cohort_users, 0) as cohort_users,
        cast(states.reachable_users as {{ dbt.type_bigint() }}) as reachable_users,
        cast(states.seen_users as {{ dbt.type_bigint() }}) as seen_users,
        {{ rate('states.reachable_users', 'cohorts.cohort_users') }} as reachable_rate,
        {{ rate('states.seen_users', 'cohorts.cohort_users') }} as seen_rate,
        pull_dates.first_date < states.signup_week as is_whole_cohort,
        {{ days_between('states.observed_week', 'pull_dates.last_activity_date') }}
        >= 6 as is_whole_week,
        states.pulled_at as observed_at,
    from states
    left join cohorts
        on
            states.bot_id = cohorts.bot_id
            and states.signup_week = cohorts.signup_week
            and states.platform = cohorts.platform
    inner join pull_dates
        on states.bot_id = pull_dates.bot_id
)

select * from final
