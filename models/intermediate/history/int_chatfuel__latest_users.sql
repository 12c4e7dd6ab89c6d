with

users as (
    select * from {{ ref('stg_chatfuel__users') }}
    where {{ is_of_last_pulls('pull_date') }}
),

last_pulls as (
    select * from {{ ref('int_chatfuel__last_pulls') }}
),

final as (
    select
        users.bot_id,
        users.pull_id,
        users.pulled_at,
        users.chatfuel_user_id,
        users.page_id,
        users.first_name,
        users.last_name,
        users.signed_up,
        users.status,
        users.timezone,
        users.gender,
        users.locale,
        users.source,
        users.instagram_name,
        users.instagram_handle,
    from users
    inner join last_pulls
        on
            users.bot_id = last_pulls.bot_id
            and users.pulled_at = last_pulls.pulled_at
)

select * from final
