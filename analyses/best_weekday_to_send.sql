{{ config(enabled=var('chatfuel__using_broadcasts')) }}
-- What weekday works? Opens, clicks and activity of broadcasts by the day of the week they were sent on (0 is Monday).
with

broadcasts as (
    select
        *,
        cast({{ week_start('sent_date') }} as date) as sent_week,
    from {{ ref('fct_chatfuel__broadcasts') }}
    where recipients > 0
),

weekdays as (
    select
        *,
        {{ days_between('sent_week', 'sent_date') }} as weekday,
    from broadcasts
)

select
    weekday,
    count(*) as broadcasts,
    sum(recipients) as recipients,
    {{ rate('sum(opened)', 'sum(recipients)') }} as open_rate,
    {{ rate('sum(clicked)', 'sum(recipients)') }} as click_rate,
    {{ rate('sum(followed_by_active_users)', 'sum(known_recipients)') }} as active_rate,
from weekdays
group by weekday
order by weekday
