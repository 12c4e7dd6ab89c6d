with

broadcast_metrics as (
    select * from {{ ref('fct_chatfuel__broadcast_metrics') }}
),

audiences as (
    select * from {{ ref('int_chatfuel__broadcast_audiences') }}
),

recipients as (
    select * from {{ ref('fct_chatfuel__broadcast_recipients') }}
),

latest_metrics as (
    select *
    from broadcast_metrics
    qualify row_number() over (partition by broadcast_key order by pulled_at desc) = 1
),

first_metrics as (
    select
        broadcast_key,
        min(pulled_at) as first_observed_at,
    from broadcast_metrics
    group by broadcast_key
),

known_recipients as (
    select
        bot_id,
        broadcast_id,
        count(*) as known_recipients,
    from recipients
    group by bot_id, broadcast_id
),

final as (
    select
        latest_metrics.broadcast_key,
        latest_metrics.bot_id,
        latest_metrics.broadcast_id,
        latest_metrics.block_id,
        latest_metrics.block_title,
        latest_metrics.sent_at,
        {{ local_date('latest_metrics.sent_at') }} as sent_date,
        latest_metrics.broadcast_type,
        latest_metrics.message,
        coalesce(audiences.audience, 'unknown') as audience,
        latest_metrics.is_user_timezone,
        latest_metrics.recipients,
        latest_metrics.opened,
        latest_metrics.clicked,
        latest_metrics.failed,
        {{ rate('latest_metrics.opened', 'latest_metrics.recipients') }} as open_rate,
        {{ rate('latest_metrics.clicked', 'latest_metrics.recipients') }} as click_rate,
        {{ rate('latest_metrics.failed', 'latest_metrics.recipients') }} as failure_rate,
        coalesce(known_recipients.known_recipients, 0) as known_recipients,
        first_metrics.first_observed_at,
        latest_metrics.pulled_at as last_observed_at,
    from latest_metrics
    inner join first_metrics
        on latest_metrics.broadcast_key = first_metrics.broadcast_key
    left join audiences
        on
            latest_metrics.bot_id = audiences.bot_id
            and latest_metrics.broadcast_id = audiences.broadcast_id
    left join known_recipients
        on
            latest_metrics.bot_id = known_recipients.bot_id
            and latest_metrics.broadcast_id = known_recipients.broadcast_id
)

select * from final
