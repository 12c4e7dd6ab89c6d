{{
    config(
        materialized='pull_by_pull',
        meta={'all_pulls_at_once': true, 'started_at': 'pulled_at'},
    )
}}

-- One row per broadcast and pull that listed it: how its counters grew.
with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
    where {{ in_new_pulls() }}
),

broadcast_list as (
    select * from {{ ref('stg_chatfuel__broadcasts') }}
    where {{ in_new_pulls() }}
),

entries as (
    select * from {{ ref('stg_chatfuel__scheduled_entries') }}
    where
        not is_planned
        and sent_at <= pulled_at
        and {{ in_new_pulls() }}
),

listed as (
    select
        broadcast_list.*,
        count(*) over (partition by broadcast_list.bot_id, broadcast_list.pull_id, broadcast_list.sent_at)
            as lines_at_second,
    from broadcast_list
    inner join pulls
        on
            broadcast_list.bot_id = pulls.bot_id
            and broadcast_list.pull_id = pulls.pull_id
),

timed_entries as (
    select
        entries.*,
        count(*) over (partition by entries.bot_id, entries.pull_id, entries.sent_at) as entries_at_second,
    from entries
    inner join pulls
        on
            entries.bot_id = pulls.bot_id
            and entries.pull_id = pulls.pull_id
),

-- The list names no entry: they meet by the second they were sent, and by title where several share it.
matched as (
    select
        listed.bot_id,
        listed.pull_id,
        listed.row_number,
        timed_entries.broadcast_id,
    from listed
    inner join timed_entries
        on
            listed.bot_id = timed_entries.bot_id
            and listed.pull_id = timed_entries.pull_id
            and listed.sent_at = timed_entries.sent_at
            and (
                (listed.lines_at_second = 1 and timed_entries.entries_at_second = 1)
                or listed.trigger_settings = timed_entries.block_title
            )
),

-- Two entries with one title in one second cannot be told apart: neither is guessed.
certain_matches as (
    select
        bot_id,
        pull_id,
        row_number,
        max(broadcast_id) as broadcast_id,
    from matched
    group by bot_id, pull_id, row_number
    having count(*) = 1
),

listed_broadcasts as (
    select
        listed.bot_id,
        listed.pull_id,
        listed.pulled_at,
        certain_matches.broadcast_id,
        timed_entries.block_id,
        timed_entries.block_title,
        listed.sent_at,
        listed.broadcast_type,
        listed.trigger_settings,
        listed.message,
        listed.progress,
        listed.is_user_timezone,
        listed.recipients,
        listed.opened,
        listed.clicked,
        listed.failed,
    from listed
    left join certain_matches
        on
            listed.bot_id = certain_matches.bot_id
            and listed.pull_id = certain_matches.pull_id
            and listed.row_number = certain_matches.row_number
    left join timed_entries
        on
            certain_matches.bot_id = timed_entries.bot_id
            and certain_matches.pull_id = timed_entries.pull_id
            and certain_matches.broadcast_id = timed_entries.broadcast_id
),

keyed as (
    select
        *,
        case
            when broadcast_id is not null then {{ hash_key(['bot_id', "'entry'", 'broadcast_id']) }}
            else {{ hash_key(['bot_id', "'list'", epoch_seconds('sent_at'), 'trigger_settings', 'message']) }}
        end as broadcast_key,
    from listed_broadcasts
),

final as (
    select
        {{ hash_key(['broadcast_key', 'pull_id']) }} as broadcast_metric_key,
        broadcast_key,
        bot_id,
        broadcast_id,
        block_id,
        block_title,
        sent_at,
        broadcast_type,
        trigger_settings,
        message,
        progress,
        is_user_timezone,
        recipients,
        opened,
        clicked,
        failed,
        pull_id,
        pulled_at,
    from keyed
    qualify row_number() over (partition by broadcast_key, pull_id order by recipients desc) = 1
)

select * from final
