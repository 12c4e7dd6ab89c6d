-- Users of the last pull = users of the pull before + appeared - disappeared, counted by the ledger, not by the history.
with

last_pulls as (
    select * from {{ ref('int_chatfuel__last_pulls') }}
),

ledger as (
    select * from {{ ref('stg_chatfuel__pulls') }}
),

events as (
    select * from {{ ref('fct_chatfuel__user_events') }}
    where {{ is_of_last_pulls('observed_at') }}
),

movements as (
    select
        bot_id,
        pull_id,
        sum(case event_type when 'user_appeared' then 1 when 'user_disappeared' then -1 else 0 end) as net_users,
    from events
    group by bot_id, pull_id
)

select
    last_pulls.bot_id,
    last_pulls.pull_id,
    before.users_rows as users_before,
    coalesce(movements.net_users, 0) as net_users,
    now.users_rows as users_now,
from last_pulls
inner join ledger as now
    on
        last_pulls.bot_id = now.bot_id
        and last_pulls.pull_id = now.pull_id
inner join ledger as before
    on
        last_pulls.bot_id = before.bot_id
        and last_pulls.previous_pulled_at = before.pulled_at
left join movements
    on
        last_pulls.bot_id = movements.bot_id
        and last_pulls.pull_id = movements.pull_id
where
    -- whom a new surface shows for the first time is no news
    before.surface = now.surface
    and before.users_rows + coalesce(movements.net_users, 0) <> now.users_rows
