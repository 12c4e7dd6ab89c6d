{{ config(materialized='ephemeral') }}

-- One row per user whom the new pulls show to have appeared, signed up or disappeared.
with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
    where {{ in_new_pulls() }}
),

user_presence as (
    select * from {{ ref('int_chatfuel__user_presence') }}
    where {{ of_bots_with_new_pulls() }}
),

users as (
    select * from {{ ref('stg_chatfuel__users') }}
    where {{ in_new_pulls() }}
),

appearances as (
    select
        user_presence.bot_id,
        user_presence.chatfuel_user_id,
        user_presence.start_reason,
        pulls.pull_id,
        pulls.pulled_at,
        pulls.previous_pulled_at,
    from user_presence
    inner join pulls
        on
            user_presence.bot_id = pulls.bot_id
            and user_presence.started_pull_id = pulls.pull_id
    where user_presence.start_reason <> 'baseline'
),

disappearances as (
    select
        user_presence.bot_id,
        user_presence.chatfuel_user_id,
        pulls.pull_id,
        pulls.pulled_at,
        pulls.previous_pulled_at,
    from user_presence
    inner join pulls
        on
            user_presence.bot_id = pulls.bot_id
            and user_presence.ended_pull_id = pulls.pull_id
),

-- Somebody who was in the first pull, left and came back did not sign up then.
sign_ups as (
    select
        appearances.*,
        users.signed_up_at,
    from appearances
    inner join users
        on
            appearances.bot_id = users.bot_id
            and appearances.pull_id = users.pull_id
            and appearances.chatfuel_user_id = users.chatfuel_user_id
    where appearances.start_reason = 'appeared'
),

final as (
    select
        bot_id,
        chatfuel_user_id,
        'user_appeared' as event_type,
        previous_pulled_at as observed_after,
        pulled_at as observed_at,
        pull_id,
        cast(null as timestamp) as occurred_at,
    from appearances
    union all
    select
        bot_id,
        chatfuel_user_id,
        'user_signed_up' as event_type,
        previous_pulled_at as observed_after,
        pulled_at as observed_at,
        pull_id,
        signed_up_at as occurred_at,
    from sign_ups
    union all
    select
        bot_id,
        chatfuel_user_id,
        'user_disappeared' as event_type,
        previous_pulled_at as observed_after,
        pulled_at as observed_at,
        pull_id,
        cast(null as timestamp) as occurred_at,
    from disappearances
)

select * from final
