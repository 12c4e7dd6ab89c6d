{%- set knows_followers = 'known_recipients.known_recipients > 0' if var('chatfuel__using_kpis') else 'false' %}
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

kpi_events as (
    select *
    from {{ if_used('kpis', 'int_chatfuel__kpi_events', {
        'bot_id': 'string', 'chatfuel_user_id': 'string', 'broadcast_id': 'string', 'kpi': 'string'
    }) }}
    where
        broadcast_id is not null
        and kpi in ('active_users', 'phone_numbers', 'emails', 'unsubscribed', 'blocked')
),

moves as (
    select *
    from {{ if_used('kpis', 'int_chatfuel__engagement_moves', {
        'bot_id': 'string', 'chatfuel_user_id': 'string', 'broadcast_id': 'string', 'is_up': 'boolean'
    }) }}
    where
        broadcast_id is not null
        and is_up
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

-- A user counts once, however often they did it; what they did counts for the last broadcast before it alone.
responses as (
    select
        bot_id,
        broadcast_id,
        count(distinct case when kpi = 'active_users' then chatfuel_user_id end) as active_users,
        count(distinct case when kpi = 'phone_numbers' then chatfuel_user_id end) as phone_numbers,
        count(distinct case when kpi = 'emails' then chatfuel_user_id end) as emails,
        count(distinct case when kpi = 'unsubscribed' then chatfuel_user_id end) as unsubscribed,
        count(distinct case when kpi = 'blocked' then chatfuel_user_id end) as blocked,
    from kpi_events
    group by bot_id, broadcast_id
),

upward_moves as (
    select
        bot_id,
        broadcast_id,
        count(distinct chatfuel_user_id) as moved_up,
    from moves
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
        -- nobody knows what followed among recipients whom nobody knows, or without KPIs
        {%- for response in ['active_users', 'phone_numbers', 'emails'] %}
            case when {{ knows_followers }} then coalesce(responses.{{ response }}, 0) end
                as followed_by_{{ response }},
        {%- endfor %}
        case when {{ knows_followers }} then coalesce(upward_moves.moved_up, 0) end
            as followed_by_moved_up,
        {%- for response in ['unsubscribed', 'blocked'] %}
            case when {{ knows_followers }} then coalesce(responses.{{ response }}, 0) end
                as followed_by_{{ response }},
        {%- endfor %}
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
    left join responses
        on
            latest_metrics.bot_id = responses.bot_id
            and latest_metrics.broadcast_id = responses.broadcast_id
    left join upward_moves
        on
            latest_metrics.bot_id = upward_moves.bot_id
            and latest_metrics.broadcast_id = upward_moves.broadcast_id
)

select * from final
