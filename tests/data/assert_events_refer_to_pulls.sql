-- Every event of the last pulls was seen at a pull that history holds.
with

events as (
    select * from {{ ref('fct_chatfuel__user_events') }}
    where {{ is_of_last_pulls('observed_at') }}
),

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
)

select
    events.event_key,
    events.pull_id,
from events
left join pulls
    on
        events.bot_id = pulls.bot_id
        and events.pull_id = pulls.pull_id
        and events.observed_at = pulls.pulled_at
where pulls.pull_id is null
