with

broadcasts as (
    select * from {{ source('chatfuel', 'broadcasts') }}
),

pulls as (
    select * from {{ ref('stg_chatfuel__pulls') }}
),

committed as (
    select broadcasts.*
    from broadcasts
    inner join pulls
        on
            broadcasts.bot_id = pulls.bot_id
            and broadcasts.pull_id = pulls.pull_id
            and broadcasts.pull_date = pulls.pull_date
),

final as (
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        row_number,
        {{ parse_timestamp('sent_timestamp') }} as sent_at,
        broadcast_type,
        trigger_settings,
        content as message,
        progress,
        {{ safe_cast('total_users', 'int64') }} as recipients,
        {{ safe_cast('read_users', 'int64') }} as opened,
        {{ safe_cast('clicked_users', 'int64') }} as clicked,
        {{ safe_cast('failed_users', 'int64') }} as failed,
        lower(is_user_timezone) = 'true' as is_user_timezone,
    from committed
)

select * from final
