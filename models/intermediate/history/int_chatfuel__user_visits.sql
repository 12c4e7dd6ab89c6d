{{
    config(
        materialized='pull_by_pull',
        unique_key='visit_key',
        incremental_predicates=['superseded_at is null'],
        partition_by=chatfuel.partition_by_day('superseded_at'),
        cluster_by=['bot_id', 'chatfuel_user_id'],
        meta={'started_at': 'observed_at', 'reopened': {'superseded_at': ['superseded_at']}},
    )
}}

-- One row per bot, user and time that the user was last seen, as long as pulls showed no other.
with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
    where {{ in_new_pulls() }}
),

users as (
    select * from {{ ref('stg_chatfuel__users') }}
    where
        {{ in_new_pulls() }}
        and last_seen_at is not null
),

last_visits as (
    select * from {{ this }}
    where
        superseded_at is null
        and {{ of_bots_with_new_pulls() }}
),

new_visits as (
    select
        users.bot_id,
        users.chatfuel_user_id,
        users.last_seen_at,
        pulls.pull_id,
        pulls.pulled_at,
        last_visits.visit_key as superseded_visit_key,
        last_visits.last_seen_at as superseded_last_seen_at,
        last_visits.pull_id as superseded_pull_id,
        last_visits.observed_at as superseded_observed_at,
    from users
    inner join pulls
        on
            users.bot_id = pulls.bot_id
            and users.pull_id = pulls.pull_id
    left join last_visits
        on
            users.bot_id = last_visits.bot_id
            and users.chatfuel_user_id = last_visits.chatfuel_user_id
    where users.last_seen_at is distinct from last_visits.last_seen_at
),

final as (
    select
        {{ hash_key(['bot_id', 'chatfuel_user_id', 'pull_id']) }} as visit_key,
        bot_id,
        chatfuel_user_id,
        last_seen_at,
        pull_id,
        pulled_at as observed_at,
        cast(null as timestamp) as superseded_at,
    from new_visits
    union all
    select
        superseded_visit_key as visit_key,
        bot_id,
        chatfuel_user_id,
        superseded_last_seen_at as last_seen_at,
        superseded_pull_id as pull_id,
        superseded_observed_at as observed_at,
        pulled_at as superseded_at,
    from new_visits
    where superseded_visit_key is not null
)

select * from final
