with

scheduled_entries as (
    select * from {{ raw_table('scheduled_entries') }}
),

pulls as (
    select * from {{ ref('stg_chatfuel__pulls') }}
),

committed as (
    select scheduled_entries.*
    from scheduled_entries
    inner join pulls
        on
            scheduled_entries.bot_id = pulls.bot_id
            and scheduled_entries.pull_id = pulls.pull_id
            and scheduled_entries.pull_date = pulls.pull_date
),

final as (
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        broadcast_id,
        {{ json_text('payload', 'block_id') }} as block_id,
        {{ json_text('payload', 'block_title') }} as block_title,
        {{ json_text('payload', 'enabled') }} = 'true' as is_enabled,
        {{ json_text('payload', 'planned') }} = 'true' as is_planned,
        {{ epoch_to_timestamp(json_text('payload', 'broadcast_start_timestamp')) }} as sent_at,
        {{ json_text('payload', 'campaign.type') }} as campaign_type,
        {{ json_text('payload', 'campaign.message') }} as campaign_message,
        {{ whole_number(json_text('payload', 'campaign.recipients')) }} as campaign_recipients,
        {{ epoch_to_timestamp(json_text('payload', 'campaign.created_at')) }} as campaign_created_at,
    from committed
)

select * from final
