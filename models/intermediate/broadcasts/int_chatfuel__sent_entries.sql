-- One row per pull and scheduled entry that had been sent by then, with when: at a moment, or between two.
with

entries as (
    select * from {{ ref('stg_chatfuel__scheduled_entries') }}
    where not is_planned
),

audiences as (
    select * from {{ ref('int_chatfuel__broadcast_audiences') }}
),

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
),

-- Of a campaign that goes out at once nobody says when: the first pull that saw it sent told its audience. The pull
-- before a move to the panel could not have seen it.
first_seen as (
    select
        audiences.bot_id,
        audiences.broadcast_id,
        pulls.pulled_at,
        case when not pulls.is_of_new_surface then pulls.previous_pulled_at end as previous_pulled_at,
    from audiences
    inner join pulls
        on
            audiences.bot_id = pulls.bot_id
            and audiences.pull_id = pulls.pull_id
),

final as (
    select
        entries.bot_id,
        entries.pull_id,
        entries.pull_date,
        entries.pulled_at,
        entries.broadcast_id,
        entries.block_id,
        entries.block_title,
        entries.campaign_type,
        entries.campaign_message,
        entries.campaign_recipients,
        coalesce(entries.sent_at, first_seen.pulled_at) as sent_at,
        case
            when entries.sent_at is not null then null
            when first_seen.previous_pulled_at > entries.campaign_created_at then first_seen.previous_pulled_at
            else coalesce(entries.campaign_created_at, first_seen.previous_pulled_at, first_seen.pulled_at)
        end as sent_after,
    from entries
    left join first_seen
        on
            entries.bot_id = first_seen.bot_id
            and entries.broadcast_id = first_seen.broadcast_id
            and entries.campaign_type is not null
    where coalesce(entries.sent_at, first_seen.pulled_at) <= entries.pulled_at
)

select * from final
