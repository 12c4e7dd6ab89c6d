{{
    config(
        materialized='pull_by_pull',
        on_schema_change='append_new_columns',
        partition_by=chatfuel.partition_by_day('known_at'),
        cluster_by=['bot_id', 'broadcast_id', 'chatfuel_user_id'],
        meta={'all_pulls_at_once': true, 'started_at': 'known_at'},
    )
}}

-- One row per broadcast and recipient, from the first pull on that named the recipient.
with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
    where {{ in_new_pulls() }}
),

recipients as (
    select * from {{ ref('stg_chatfuel__broadcast_recipients') }}
    where {{ in_new_pulls() }}
),

entries as (
    select * from {{ ref('int_chatfuel__sent_entries') }}
    where {{ in_new_pulls() }}
),

-- The loader asks for recipients within a week of the sending, so those that are known already became known since.
known_recipients as (
    select recipient_key from {{ this }}
    where
        known_at >= {{ days_before(first_new_pull_at(), 8) }}
        and {{ of_bots_with_new_pulls() }}
),

named_recipients as (
    select
        {{ hash_key(['recipients.bot_id', 'recipients.broadcast_id', 'recipients.chatfuel_user_id']) }}
            as recipient_key,
        recipients.bot_id,
        recipients.broadcast_id,
        recipients.chatfuel_user_id,
        entries.sent_at,
        pulls.pulled_at as known_at,
        pulls.pull_id,
        entries.sent_after,
    from recipients
    inner join pulls
        on
            recipients.bot_id = pulls.bot_id
            and recipients.pull_id = pulls.pull_id
    inner join entries
        on
            recipients.bot_id = entries.bot_id
            and recipients.pull_id = entries.pull_id
            and recipients.broadcast_id = entries.broadcast_id
),

final as (
    select named_recipients.*
    from named_recipients
    left join known_recipients
        on named_recipients.recipient_key = known_recipients.recipient_key
    where known_recipients.recipient_key is null
    qualify row_number() over (partition by named_recipients.recipient_key order by named_recipients.known_at) = 1
)

select * from final
