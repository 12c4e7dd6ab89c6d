{{ config(enabled=var('chatfuel__using_dashboard') and var('chatfuel__using_broadcasts')) }}
-- Every broadcast that was sent, with its counters and what followed among its recipients, and whether both are final.
select
    bot_id,
    broadcast_key,
    sent_at,
    sent_after,
    sent_date as date,
    message,
    audience,
    recipients,
    opened,
    clicked,
    failed,
    open_rate,
    click_rate,
    failure_rate,
    known_recipients,
    {{ suppress_small('followed_by_seen') }} as followed_by_seen,
    {{ suppress_small('followed_by_active_users') }} as followed_by_active_users,
    {{ suppress_small('followed_by_phone_numbers') }} as followed_by_phone_numbers,
    {{ suppress_small('followed_by_emails') }} as followed_by_emails,
    {{ suppress_small('followed_by_moved_up') }} as followed_by_moved_up,
    {{ suppress_small('followed_by_unsubscribed') }} as followed_by_unsubscribed,
    {{ suppress_small('followed_by_blocked') }} as followed_by_blocked,
    {{ suppress_small('followed_by_left') }} as followed_by_left,
    concat(
        {%- for outcome in [
            'seen', 'active_users', 'phone_numbers', 'emails', 'moved_up', 'unsubscribed', 'blocked', 'left'
        ] %}
            case when followed_by_{{ outcome }} is null then ' {{ outcome }}' else '' end{{ "," if not loop.last }}
        {%- endfor %}
    ) as not_told,
    matures_at,
    is_mature,
from {{ ref('fct_chatfuel__broadcasts') }}
where coalesce(recipients, 1) > 0
order by bot_id asc, sent_at desc, broadcast_key asc
