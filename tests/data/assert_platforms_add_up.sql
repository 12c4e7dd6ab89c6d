-- What is told of all platforms is the sum of what is told of each: KPIs of a day, and cohorts since platforms are told apart.
with

kpi_values as (
    select
        bot_id,
        concat(cast(date as string), ' ', kpi) as subject,
        platform,
        users,
        total_users as standing_users,
    from {{ if_used('kpis', 'fct_chatfuel__daily_kpi_values', {
        'bot_id': 'string', 'date': 'date', 'kpi': 'string', 'platform': 'string', 'users': 'int64', 'total_users': 'int64'
    }) }}
),

cohorts as (
    select
        bot_id,
        concat(cast(signup_week as string), ' ', cast(observed_week as string)) as subject,
        platform,
        seen_users as users,
        reachable_users as standing_users,
    from {{ if_used('cohorts', 'rpt_chatfuel__signup_cohorts', {
        'bot_id': 'string', 'signup_week': 'date', 'observed_week': 'date', 'platform': 'string', 'seen_users': 'int64',
        'reachable_users': 'int64'
    }) }}
),

numbers as (
    select * from kpi_values
    union all
    select * from cohorts
),

sums as (
    select
        bot_id,
        subject,
        count(distinct platform) as platforms,
        sum(case when platform = 'all' then users end) as all_users,
        sum(case when platform <> 'all' then users end) as users_of_platforms,
        sum(case when platform = 'all' then standing_users end) as all_standing_users,
        sum(case when platform <> 'all' then standing_users end) as standing_users_of_platforms,
    from numbers
    group by bot_id, subject
)

select * from sums
where
    platforms > 1
    and (
        all_users is distinct from users_of_platforms
        or all_standing_users is distinct from standing_users_of_platforms
    )
