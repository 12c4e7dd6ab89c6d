{{ config(materialized='view') }}

{%- set outcomes = ['seen', 'active_users', 'phone_numbers', 'emails', 'moved_up', 'unsubscribed', 'blocked', 'left'] %}

with

recipients as (
    select * from {{ ref('fct_chatfuel__broadcast_recipients') }}
),

outcomes as (
    select * from {{ ref('int_chatfuel__recipient_outcomes') }}
),

last_pulls as (
    select * from {{ ref('int_chatfuel__last_pulls') }}
),

outcomes_by_recipient as (
    select
        recipient_key,
        {%- for outcome in outcomes %}
            min(case when outcome = '{{ outcome }}' then observed_after end) as {{ outcome }}_observed_after,
            min(case when outcome = '{{ outcome }}' then observed_at end) as {{ outcome }}_observed_at,
            count(case when outcome = '{{ outcome }}' and is_last_touch then 1 end) as {{ outcome }}_last_touches,
        {%- endfor %}
    from outcomes
    group by recipient_key
),

timed_recipients as (
    select
        *,
        {{ days_after('sent_at', setting('chatfuel_attribution_days')) }} as matures_at,
    from recipients
),

final as (
    select
        timed_recipients.recipient_key,
        timed_recipients.bot_id,
        timed_recipients.broadcast_id,
        timed_recipients.chatfuel_user_id,
        timed_recipients.sent_at,
        timed_recipients.sent_after,
        timed_recipients.known_at,
        timed_recipients.matures_at,
        last_pulls.pulled_at >= timed_recipients.matures_at as is_mature,
        {%- for outcome in outcomes %}
            outcomes_by_recipient.{{ outcome }}_observed_after,
            outcomes_by_recipient.{{ outcome }}_observed_at,
            case
                when outcomes_by_recipient.{{ outcome }}_observed_at is not null
                    then outcomes_by_recipient.{{ outcome }}_last_touches > 0
            end as is_{{ outcome }}_last_touch,
        {%- endfor %}
    from timed_recipients
    inner join last_pulls
        on timed_recipients.bot_id = last_pulls.bot_id
    left join outcomes_by_recipient
        on timed_recipients.recipient_key = outcomes_by_recipient.recipient_key
)

select * from final
