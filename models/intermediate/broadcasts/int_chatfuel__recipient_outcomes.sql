{{
    config(
        materialized='pull_by_pull',
        partition_by=chatfuel.partition_by_day('observed_at'),
        cluster_by=['bot_id', 'broadcast_id', 'outcome'],
        meta={'all_pulls_at_once': true, 'rules': var('chatfuel_kpi_rules'), 'started_at': 'observed_at'},
    )
}}

-- depends_on: {{ ref(setting('chatfuel_kpi_rules')) }}

-- One row per broadcast, recipient and outcome: the first time that it followed the broadcast.
with

{{ new_events() }},

kpi_events as (
    select * from {{ ref('int_chatfuel__kpi_events') }}
    where
        kpi in ('active_users', 'phone_numbers', 'emails', 'unsubscribed', 'blocked')
        and observed_at >= {{ first_new_pull_at() }}
        and observed_at <= {{ last_new_pull_at() }}
        and {{ of_bots_with_new_pulls() }}
),

moves as (
    select * from {{ ref('int_chatfuel__engagement_moves') }}
    where
        is_up
        and observed_at >= {{ first_new_pull_at() }}
        and observed_at <= {{ last_new_pull_at() }}
        and {{ of_bots_with_new_pulls() }}
),

-- An event looks back chatfuel_attribution_days, and a broadcast may become known a week after it was sent.
recipients as (
    select * from {{ ref('fct_chatfuel__broadcast_recipients') }}
    where
        known_at >= {{ days_before(first_new_pull_at(), [setting('chatfuel_attribution_days'), 8] | max) }}
        and {{ of_bots_with_new_pulls() }}
),

known_outcomes as (
    select outcome_key from {{ this }}
    where
        observed_at >= {{ days_before(first_new_pull_at(), setting('chatfuel_attribution_days')) }}
        and {{ of_bots_with_new_pulls() }}
),

outcomes as (
    select
        event_key,
        'seen' as outcome,
    from new_events
    where event_type = 'user_seen'
    union all
    select
        event_key,
        kpi as outcome,
    from kpi_events
    union all
    select
        event_key,
        'left' as outcome,
    from kpi_events
    where kpi in ('unsubscribed', 'blocked')
    union all
    select
        event_key,
        'moved_up' as outcome,
    from moves
),

-- Each outcome follows every broadcast of the days before it; the last of them claims it.
followed as (
    select
        recipients.recipient_key,
        recipients.bot_id,
        recipients.broadcast_id,
        recipients.chatfuel_user_id,
        outcomes.outcome,
        row_number() over (
            partition by outcomes.event_key, outcomes.outcome
            order by recipients.sent_at desc, recipients.broadcast_id desc
        ) = 1 as is_last_touch,
        new_events.event_key,
        new_events.observed_after,
        new_events.observed_at,
        new_events.occurred_at,
        new_events.pull_id,
    from outcomes
    inner join new_events
        on outcomes.event_key = new_events.event_key
    inner join recipients
        on
            new_events.bot_id = recipients.bot_id
            and new_events.chatfuel_user_id = recipients.chatfuel_user_id
            and new_events.observed_at >= recipients.known_at
            and coalesce(new_events.occurred_at, new_events.observed_at)
            > coalesce(recipients.sent_after, recipients.sent_at)
            and {{ days_before('new_events.observed_at', setting('chatfuel_attribution_days')) }} <= recipients.sent_at
),

keyed as (
    select
        {{ hash_key(['recipient_key', 'outcome']) }} as outcome_key,
        *,
    from followed
),

final as (
    select keyed.*
    from keyed
    left join known_outcomes
        on keyed.outcome_key = known_outcomes.outcome_key
    where known_outcomes.outcome_key is null
    qualify row_number() over (partition by keyed.outcome_key order by keyed.observed_at, keyed.event_key) = 1
)

select * from final
