{{
    config(
        materialized='pull_by_pull',
        partition_by=chatfuel.partition_by_day('observed_at'),
        cluster_by=['bot_id', 'kpi', 'chatfuel_user_id'],
        meta={'all_pulls_at_once': true, 'rules': var('chatfuel_kpi_rules'), 'started_at': 'observed_at'},
    )
}}

-- One row per event and KPI that it counts towards.
with

{{ new_events() }},

rules as (
    select * from {{ ref(setting('chatfuel_kpi_rules')) }}
),

reachable_users as (
    select * from {{ ref('int_chatfuel__standing_kpis') }}
    where kpi = 'new_subscribers'
),

unsubscribed_users as (
    select * from {{ ref('int_chatfuel__standing_kpis') }}
    where kpi = 'unsubscribed'
),

platforms as (
    select * from {{ ref('int_chatfuel__standing_platforms') }}
),

-- One value may meet several rules of one KPI.
counted_events as (
    select distinct
        new_events.*,
        rules.kpi,
    from new_events
    inner join rules
        on
            {{ normalise_name('new_events.attribute_name') }} = rules.attribute_name
            and {{ meets_rule('new_events.new_value', 'rules') }}
    where new_events.event_type in ('attribute_set', 'attribute_changed')
    union all
    select
        *,
        'blocked' as kpi,
    from new_events
    where event_type = 'user_blocked'
    union all
    select
        new_events.*,
        'new_subscribers' as kpi,
    from new_events
    inner join pulls
        on
            new_events.bot_id = pulls.bot_id
            and new_events.pull_id = pulls.pull_id
    left join reachable_users
        on
            new_events.bot_id = reachable_users.bot_id
            and new_events.pull_id = reachable_users.pull_id
            and new_events.chatfuel_user_id = reachable_users.chatfuel_user_id
    where
        new_events.event_type = 'user_signed_up'
        -- the panel does not know whom the bot can reach
        and (reachable_users.bot_id is not null or pulls.surface = 'panel')
),

final as (
    select
        {{ hash_key(['counted_events.event_key', 'counted_events.kpi']) }} as kpi_event_key,
        counted_events.event_key,
        counted_events.bot_id,
        counted_events.chatfuel_user_id,
        counted_events.kpi,
        coalesce(platforms.platform, 'facebook') as platform,
        counted_events.broadcast_id,
        counted_events.activity_date,
        counted_events.observed_at,
        counted_events.pull_id,
    from counted_events
    left join unsubscribed_users
        on
            counted_events.bot_id = unsubscribed_users.bot_id
            and counted_events.pull_id = unsubscribed_users.pull_id
            and counted_events.chatfuel_user_id = unsubscribed_users.chatfuel_user_id
    left join platforms
        on
            counted_events.bot_id = platforms.bot_id
            and counted_events.pull_id = platforms.pull_id
            and counted_events.chatfuel_user_id = platforms.chatfuel_user_id
    where counted_events.kpi = 'unsubscribed' or unsubscribed_users.chatfuel_user_id is null
)

select * from final
