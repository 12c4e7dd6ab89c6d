with

cohort_states as (
    select * from {{ ref('int_chatfuel__cohort_states') }}
),

users as (
    select * from {{ ref('dim_chatfuel__users') }}
    where signed_up_at is not null
),

-- Who left the base altogether still counts as one of those who had signed up.
cohorts as (
    select
        bot_id,
        cast({{ week_start(local_date('signed_up_at')) }} as date) as signup_week,
        count(*) as cohort_users,
    from users
    group by bot_id, cast({{ week_start(local_date('signed_up_at')) }} as date)
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
    qualify
        row_number() over (
            partition by bot_id, signup_week, observed_week
            order by pulled_at desc
        ) = 1
),

final as (
    select
        {{ hash_key(['week_ends.bot_id', 'week_ends.signup_week', 'week_ends.observed_week']) }} as cohort_age_key,
        week_ends.bot_id,
        week_ends.signup_week,
        week_ends.observed_week,
        cast(
            {{ days_between('week_ends.signup_week', 'week_ends.observed_week') }}
            / 7 as {{ dbt.type_bigint() }}
        ) as age_weeks,
        cohorts.cohort_users,
        cast(week_ends.reachable_users as {{ dbt.type_bigint() }}) as reachable_users,
        cast(week_ends.seen_users as {{ dbt.type_bigint() }}) as seen_users,
        {{ rate('week_ends.reachable_users', 'cohorts.cohort_users') }} as reachable_rate,
        {{ rate('week_ends.seen_users', 'cohorts.cohort_users') }} as seen_rate,
        pull_dates.first_date < week_ends.signup_week as is_whole_cohort,
        {{ days_between('week_ends.observed_week', 'pull_dates.last_activity_date') }}
        >= 6 as is_whole_week,
        week_ends.pulled_at as observed_at,
    from week_ends
    inner join cohorts
        on
            week_ends.bot_id = cohorts.bot_id
            and week_ends.signup_week = cohorts.signup_week
    inner join pull_dates
        on week_ends.bot_id = pull_dates.bot_id
)

select * from final
