with

broadcasts as (
    select * from {{ raw_table('broadcasts') }}
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
        {{ whole_number('total_users') }} as recipients,
        {{ whole_number('read_users') }} as opened,
        {{ whole_number('clicked_users') }} as clicked,
        {{ whole_number('failed_users') }} as failed,
        lower(is_user_timezone) = 'true' as is_user_timezone,
    from committed
)

select * from final
