{{ config(enabled=var('chatfuel__using_dashboard')) }}
-- How many attributes there are, and how many of them nobody has used for 90 days.
select
    bot_id,
    count(*) as attributes,
    sum(case when users_with_value = 0 then 1 else 0 end) as empty_attributes,
    sum(case when days_without_change >= 90 then 1 else 0 end) as still_attributes,
from {{ ref('dim_chatfuel__attributes') }}
where not is_retired
group by bot_id
order by bot_id
