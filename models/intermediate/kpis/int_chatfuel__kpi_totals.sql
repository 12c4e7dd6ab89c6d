{{
    config(
        materialized='pull_by_pull',
        meta={'all_pulls_at_once': true, 'rules': var('chatfuel_kpi_rules'), 'started_at': 'pulled_at'},
    )
}}

-- One row per pull, KPI and platform: how many users met its rule at that pull; null of what the panel cannot know.
with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
    where {{ in_new_pulls() }}
),

standing_kpis as (
    select * from {{ ref('int_chatfuel__standing_kpis') }}
),

unsubscribed_users as (
    select * from {{ ref('int_chatfuel__standing_kpis') }}
    where kpi = 'unsubscribed'
),

standing_platforms as (
    select * from {{ ref('int_chatfuel__standing_platforms') }}
),

first_users as (
    select
        bot_id,
        platform,
        min(valid_from) as first_seen_at,
    from {{ ref('int_chatfuel__user_presence') }}
    where {{ of_bots_with_new_pulls() }}
    group by bot_id, platform
),

kpis as (
    select kpi from {{ ref(setting('chatfuel_kpi_rules')) }}
    union distinct
    select 'new_subscribers' as kpi
    union distinct
    select 'blocked' as kpi
),

-- A platform counts from its first user on.
platforms as (
    select
        bot_id,
        pull_id,
        'facebook' as platform,
    from pulls
    union distinct
    select
        bot_id,
        pull_id,
        'instagram' as platform,
    from pulls
    union distinct
    select
        pulls.bot_id,
        pulls.pull_id,
        first_users.platform,
    from pulls
    inner join first_users
        on
            pulls.bot_id = first_users.bot_id
            and pulls.pulled_at >= first_users.first_seen_at
    where first_users.platform is not null
),

totals as (
    select
        standing_kpis.bot_id,
        standing_kpis.pull_id,
        standing_kpis.kpi,
        coalesce(standing_platforms.platform, 'facebook') as platform,
        count(*) as total_users,
    from standing_kpis
    left join unsubscribed_users
        on
            standing_kpis.bot_id = unsubscribed_users.bot_id
            and standing_kpis.pull_id = unsubscribed_users.pull_id
            and standing_kpis.chatfuel_user_id = unsubscribed_users.chatfuel_user_id
    left join standing_platforms
        on
            standing_kpis.bot_id = standing_platforms.bot_id
            and standing_kpis.pull_id = standing_platforms.pull_id
            and standing_kpis.chatfuel_user_id = standing_platforms.chatfuel_user_id
    where standing_kpis.kpi = 'unsubscribed' or unsubscribed_users.chatfuel_user_id is null
    group by
        standing_kpis.bot_id,
        standing_kpis.pull_id,
        standing_kpis.kpi,
        coalesce(standing_platforms.platform, 'facebook')
),

final as (
    select
        {{ hash_key(['pulls.bot_id', 'pulls.pull_id', 'kpis.kpi', 'platforms.platform']) }} as kpi_total_key,
        pulls.bot_id,
        pulls.pull_id,
        pulls.pulled_at,
        pulls.activity_date,
        kpis.kpi,
        platforms.platform,
        case
            when coalesce(pulls.surface, 'classic') = 'classic' then coalesce(totals.total_users, 0)
            when kpis.kpi in ('new_subscribers', 'blocked') then null
            -- the panel itself knows nobody who unsubscribed: only an attribute of the team tells it
            when
                kpis.kpi <> 'unsubscribed'
                or count(totals.total_users) over (partition by pulls.bot_id, pulls.pull_id, kpis.kpi) > 0
                then coalesce(totals.total_users, 0)
        end as total_users,
    from pulls
    cross join kpis
    inner join platforms
        on
            pulls.bot_id = platforms.bot_id
            and pulls.pull_id = platforms.pull_id
    left join totals
        on
            pulls.bot_id = totals.bot_id
            and pulls.pull_id = totals.pull_id
            and kpis.kpi = totals.kpi
            and platforms.platform = totals.platform
)

select * from final
