{%- set knows_followers = 'known_recipients.known_recipients > 0' if var('chatfuel__using_kpis') else 'false' %}
{%- set responses = [
    'seen', 'active_users', 'phone_numbers', 'emails', 'moved_up', 'unsubscribed', 'blocked', 'left'
] %}
{%- set told_by = {'seen': 'blocked', 'unsubscribed': 'unsubscribed', 'blocked': 'blocked', 'left': 'blocked'} %}
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

outcomes as (
    select *
    from {{ if_used('kpis', 'int_chatfuel__recipient_outcomes', {
        'bot_id': 'string', 'broadcast_id': 'string', 'outcome': 'string', 'is_last_touch': 'boolean'
    }) }}
    where is_last_touch
),

kpi_totals as (
    select *
    from {{ if_used('kpis', 'int_chatfuel__kpi_totals', {
        'bot_id': 'string', 'pull_id': 'string', 'kpi': 'string', 'total_users': 'int64'
    }) }}
),

last_pulls as (
    select * from {{ ref('int_chatfuel__last_pulls') }}
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

-- What a user did counts for the last broadcast before it alone, and once.
responses as (
    select
        bot_id,
        broadcast_id,
        {%- for response in responses %}
            sum(case when outcome = '{{ response }}' then 1 else 0 end) as {{ response }}_recipients,
        {%- endfor %}
    from outcomes
    group by bot_id, broadcast_id
),

-- The panel does not say who was seen or blocked the bot; who unsubscribed, only an attribute of the team can tell.
told as (
    select
        bot_id,
        pull_id,
        count(case when kpi = 'blocked' then total_users end) > 0 as is_blocked_told,
        count(case when kpi = 'unsubscribed' then total_users end) > 0 as is_unsubscribed_told,
    from kpi_totals
    group by bot_id, pull_id
),

counted as (
    select
        latest_metrics.*,
        {{ days_after('latest_metrics.sent_at', setting('chatfuel_attribution_days')) }} as matures_at,
        coalesce(known_recipients.known_recipients, 0) as known_recipients,
        -- nobody knows what followed among recipients whom nobody knows, or without KPIs
        {%- for response in responses %}
            case
                when
                    {{ knows_followers }}
                    {{ "and told.is_" ~ told_by[response] ~ "_told" if response in told_by }}
                    then coalesce(responses.{{ response }}_recipients, 0)
            end as followed_by_{{ response }},
        {%- endfor %}
    from latest_metrics
    left join known_recipients
        on
            latest_metrics.bot_id = known_recipients.bot_id
            and latest_metrics.broadcast_id = known_recipients.broadcast_id
    left join responses
        on
            latest_metrics.bot_id = responses.bot_id
            and latest_metrics.broadcast_id = responses.broadcast_id
    left join told
        on
            latest_metrics.bot_id = told.bot_id
            and latest_metrics.pull_id = told.pull_id
),

final as (
    select
        counted.broadcast_key,
        counted.bot_id,
        counted.broadcast_id,
        counted.block_id,
        counted.block_title,
        counted.sent_at,
        counted.sent_after,
        {{ local_date(midpoint('coalesce(counted.sent_after, counted.sent_at)', 'counted.sent_at')) }} as sent_date,
        counted.broadcast_type,
        counted.message,
        coalesce(audiences.audience, 'unknown') as audience,
        counted.is_user_timezone,
        counted.recipients,
        counted.opened,
        counted.clicked,
        counted.failed,
        {{ rate('counted.opened', 'counted.recipients') }} as open_rate,
        {{ rate('counted.clicked', 'counted.recipients') }} as click_rate,
        {{ rate('counted.failed', 'counted.recipients') }} as failure_rate,
        counted.matures_at,
        last_pulls.pulled_at >= counted.matures_at as is_mature,
        counted.known_recipients,
        {%- for response in responses %}
            cast(counted.followed_by_{{ response }} as {{ dbt.type_bigint() }}) as followed_by_{{ response }},
        {%- endfor %}
        {%- for response in responses %}
            {{ rate('counted.followed_by_' ~ response, 'counted.known_recipients') }}
                as followed_by_{{ response }}_rate,
        {%- endfor %}
        first_metrics.first_observed_at,
        counted.pulled_at as last_observed_at,
    from counted
    inner join first_metrics
        on counted.broadcast_key = first_metrics.broadcast_key
    inner join last_pulls
        on counted.bot_id = last_pulls.bot_id
    left join audiences
        on
            counted.bot_id = audiences.bot_id
            and counted.broadcast_id = audiences.broadcast_id
)

select * from final
