{{
    config(
        materialized='pull_by_pull',
        on_schema_change='append_new_columns',
        meta={'all_pulls_at_once': true, 'started_at': 'pulled_at'},
    )
}}

-- One row per broadcast and pull that listed it, as a line of the list or as a campaign: how its counters grew.
with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
    where {{ in_new_pulls() }}
),

broadcast_list as (
    select * from {{ ref('stg_chatfuel__broadcasts') }}
    where {{ in_new_pulls() }}
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

sent_entries as (
    select * from {{ ref('int_chatfuel__sent_entries') }}
    where {{ in_new_pulls() }}
),

entries as (
    select
        *,
        count(*) over (partition by bot_id, pull_id, sent_at) as entries_at_second,
    from sent_entries
    where campaign_type is null
),

-- The list names no entry: they meet by the second they were sent, and by title where several share it. Two entries
-- with one title in one second cannot be told apart: neither is guessed.
matched as (
    select
        listed.*,
        entries.broadcast_id,
        entries.block_id,
        entries.block_title,
        count(*) over (partition by listed.bot_id, listed.pull_id, listed.row_number) = 1 as is_certain,
    from listed
    left join entries
        on
            listed.bot_id = entries.bot_id
            and listed.pull_id = entries.pull_id
            and listed.sent_at = entries.sent_at
            and (
                (listed.lines_at_second = 1 and entries.entries_at_second = 1)
                or listed.trigger_settings = entries.block_title
            )
),

keyed as (
    select
        case
            when is_certain and broadcast_id is not null then {{ hash_key(['bot_id', "'entry'", 'broadcast_id']) }}
            else {{ hash_key(['bot_id', "'list'", epoch_seconds('sent_at'), 'trigger_settings', 'message']) }}
        end as broadcast_key,
        bot_id,
        case when is_certain then broadcast_id end as broadcast_id,
        case when is_certain then block_id end as block_id,
        case when is_certain then block_title end as block_title,
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
        cast(null as timestamp) as sent_after,
    from matched
),

-- Campaigns are in no list. The panel counts whom they were sent to, and no more.
campaigns as (
    select
        {{ hash_key(['sent_entries.bot_id', "'entry'", 'sent_entries.broadcast_id']) }} as broadcast_key,
        sent_entries.bot_id,
        sent_entries.broadcast_id,
        sent_entries.block_id,
        sent_entries.block_title,
        sent_entries.sent_at,
        sent_entries.campaign_type as broadcast_type,
        cast(null as {{ dbt.type_string() }}) as trigger_settings,
        sent_entries.campaign_message as message,
        cast(null as {{ dbt.type_string() }}) as progress,
        cast(null as {{ dbt.type_boolean() }}) as is_user_timezone,
        sent_entries.campaign_recipients as recipients,
        cast(null as {{ dbt.type_bigint() }}) as opened,
        cast(null as {{ dbt.type_bigint() }}) as clicked,
        cast(null as {{ dbt.type_bigint() }}) as failed,
        sent_entries.pull_id,
        sent_entries.pulled_at,
        sent_entries.sent_after,
    from sent_entries
    inner join pulls
        on
            sent_entries.bot_id = pulls.bot_id
            and sent_entries.pull_id = pulls.pull_id
    where sent_entries.campaign_type is not null
),

broadcasts as (
    select * from keyed
    union all
    select * from campaigns
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
        sent_after,
    from broadcasts
    qualify row_number() over (partition by broadcast_key, pull_id order by recipients desc) = 1
)

select * from final
