{{
    config(
        materialized='incremental',
        unique_key='cohort_state_key',
        on_schema_change='fail',
        pre_hook="{{ chatfuel.rewind('pulled_at') }}",
    )
}}
{%- set processed = processed_through(['pulled_at']) %}
{%- set first_date = first_unprocessed_date(processed) %}

with

pulls as (
    select
        *,
        cast({{ week_start('activity_date') }} as date) as observed_week,
    from {{ ref('int_chatfuel__pulls') }} as pulls
    where
        activity_date is not null
        and {{ is_unprocessed(processed, 'pulls') }}
),

users as (
    select * from {{ ref('stg_chatfuel__users') }}
    where
        signed_up_at is not null
    {%- if first_date is not none %}
            and pull_date >= date '{{ first_date }}'
        {%- endif %}
),

dated_users as (
    select
        users.bot_id,
        users.pull_id,
        pulls.pulled_at,
        pulls.activity_date,
        pulls.observed_week,
        cast({{ week_start(local_date('users.signed_up_at')) }} as date) as signup_week,
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
        {{ hash_key(['bot_id', 'pull_id', 'signup_week']) }} as cohort_state_key,
        bot_id,
        pull_id,
        pulled_at,
        observed_week,
        signup_week,
        cast(sum(is_reachable) as {{ dbt.type_bigint() }}) as reachable_users,
        cast(sum(is_seen) as {{ dbt.type_bigint() }}) as seen_users,
    from dated_users
    where signup_week <= observed_week
    group by bot_id, pull_id, pulled_at, observed_week, signup_week
)

select * from final
