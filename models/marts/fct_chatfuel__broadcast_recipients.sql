{#- No unique_key: what a run derives is new, so rows are added, and the table is not read for it. -#}
{{
    config(
        materialized='incremental',
        partition_by=chatfuel.partition_by_day('known_at'),
        cluster_by=['bot_id', 'broadcast_id', 'chatfuel_user_id'],
        on_schema_change='fail',
        pre_hook="{{ chatfuel.rewind('known_at') }}",
    )
}}
{%- set processed = processed_through(['known_at'], 'known_at') %}
{%- set first_date = first_unprocessed_date(processed) %}

with

pulls as (
    select
        *,
        {{ is_unprocessed(processed, 'pulls') }} as is_unprocessed,
    from {{ ref('int_chatfuel__pulls') }} as pulls
),

recipients as (
    select * from {{ ref('stg_chatfuel__broadcast_recipients') }}
    {%- if first_date is not none %}
        where pull_date >= date '{{ first_date }}'
    {%- endif %}
),

entries as (
    select * from {{ ref('stg_chatfuel__scheduled_entries') }}
    {%- if first_date is not none %}
        where pull_date >= date '{{ first_date }}'
    {%- endif %}
),

ranked as (
    select
        recipients.bot_id,
        recipients.broadcast_id,
        recipients.chatfuel_user_id,
        entries.sent_at,
        pulls.pulled_at as known_at,
        pulls.pull_id,
        row_number() over (
            partition by recipients.bot_id, recipients.broadcast_id, recipients.chatfuel_user_id
            order by pulls.pulled_at
        ) as known_rank,
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
    where pulls.is_unprocessed
),

first_known as (
    select * from ranked
    where known_rank = 1
),

{%- if is_incremental() %}

-- A recipient stays known since the pull that first named it.
known as (
    select recipient_key from {{ this }}
    {%- if first_date is not none %}
        where known_at >= {{ earliest_sent_at(first_date) }}
    {%- endif %}
),
{%- endif %}

final as (
    select
        {{ hash_key(['bot_id', 'broadcast_id', 'chatfuel_user_id']) }} as recipient_key,
        bot_id,
        broadcast_id,
        chatfuel_user_id,
        sent_at,
        known_at,
        pull_id,
    from first_known
)

select * from final
{%- if is_incremental() %}
where recipient_key not in (select known.recipient_key from known)
{%- endif %}
