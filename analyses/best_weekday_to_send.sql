-- What weekday works? Opens, clicks and losses of broadcasts by the day of the week they were sent on (0 is Monday).
select
    {{ days_between(week_start('sent_date'), 'sent_date') }} as weekday,
    count(*) as broadcasts,
    sum(recipients) as recipients,
    {{ rate('sum(opened)', 'sum(recipients)') }} as open_rate,
    {{ rate('sum(clicked)', 'sum(recipients)') }} as click_rate,
    {{ rate('sum(followed_by_active_users)', 'sum(case when known_recipients > 0 then known_recipients end)') }}
        as active_rate,
from {{ ref('fct_chatfuel__broadcasts') }}
where recipients > 0
group by {{ days_between(week_start('sent_date'), 'sent_date') }}
order by weekday
