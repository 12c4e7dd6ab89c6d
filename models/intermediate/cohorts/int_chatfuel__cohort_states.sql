{{
    config(
        materialized='pull_by_pull',
        on_schema_change='append_new_columns',
        meta={'all_pulls_at_once': true, 'started_at': 'pulled_at'},
    )
}}

-- One row per pull, week of sign-up and platform: how many of those users are reachable, and were seen in the week of
-- the pull.
with

pulls as (
    select
        *,
        cast({{ week_start('activity_date') }} as date) as observed_week,
    from {{ ref('int_chatfuel__pulls') }}
    where
        activity_date is not null
        and {{ in_new_pulls() }}
),

users as (
    select * from {{ ref('stg_chatfuel__users') }}
    where
        signed_up_at is not null
        and {{ in_new_pulls() }}
),

dated_users as (
    select
        users.bot_id,
        users.pull_id,
        pulls.pulled_at,
        pulls.activity_date,
        pulls.observed_week,
        cast({{ week_start(local_date('users.signed_up_at')) }} as date) as signup_week,
        users.platform,
        case when users.status = 'reachable' then 1 else 0 end as is_reachable,
        case when {{ local_date('users.last_seen_at') }} >= pulls.observed_week then 1 else 0 end as is_seen,
    from users
    inner join pulls
        on
            users.bot_id = pulls.bot_id
            and users.pull_id = pulls.pull_id
),

final as (
    select
        {{ hash_key(['bot_id', 'pull_id', 'signup_week', 'platform']) }} as cohort_state_key,
        bot_id,
        pull_id,
        pulled_at,
        observed_week,
        signup_week,
        platform,
        cast(sum(is_reachable) as {{ dbt.type_bigint() }}) as reachable_users,
        cast(sum(is_seen) as {{ dbt.type_bigint() }}) as seen_users,
    from dated_users
    where signup_week <= observed_week
    group by bot_id, pull_id, pulled_at, observed_week, signup_week, platform
)

select * from final
