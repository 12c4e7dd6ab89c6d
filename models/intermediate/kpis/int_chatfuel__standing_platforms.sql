{{ config(materialized='ephemeral') }}

-- One row per new pull and user who is not on Facebook: where the user is.
with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
    where {{ in_new_pulls() }}
),

user_presence as (
    select * from {{ ref('int_chatfuel__user_presence') }}
    where
        platform <> 'facebook'
        and {{ of_bots_with_new_pulls() }}
),

-- On the old surface a name or handle there may come later than its user.
instagram_versions as (
    select * from {{ ref('int_chatfuel__kpi_versions') }}
    where
        kpi = 'on instagram'
        and (settled_at is null or settled_at >= {{ first_new_pull_at() }})
        and {{ of_bots_with_new_pulls() }}
),

platforms as (
    select
        bot_id,
        chatfuel_user_id,
        platform,
        valid_from,
        valid_to,
    from user_presence
    union all
    select
        bot_id,
        chatfuel_user_id,
        'instagram' as platform,
        valid_from,
        valid_to,
    from instagram_versions
),

final as (
    select
        pulls.bot_id,
        pulls.pull_id,
        platforms.chatfuel_user_id,
        -- what the panel says comes after `instagram` in the alphabet
        max(platforms.platform) as platform,
    from pulls
    inner join platforms
        on
            pulls.bot_id = platforms.bot_id
            and pulls.pulled_at >= platforms.valid_from
            and pulls.pulled_at < {{ open_ended('platforms.valid_to') }}
    group by pulls.bot_id, pulls.pull_id, platforms.chatfuel_user_id
)

select * from final
