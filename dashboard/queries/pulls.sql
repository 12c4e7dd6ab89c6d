{{ config(enabled=var('chatfuel__using_dashboard')) }}
-- The pulls that history is made of.
select
    pulls.bot_id,
    coalesce(pulls.activity_date, {{ local_date('pulls.pulled_at') }}) as date,
    pulls.pulled_at,
    ledger.users_rows as users,
    ledger.attributes_rows as attributes,
    coalesce(pulls.surface, 'classic') as surface,
from {{ ref('int_chatfuel__pulls') }} as pulls
inner join {{ ref('stg_chatfuel__pulls') }} as ledger
    on
        pulls.bot_id = ledger.bot_id
        and pulls.pull_id = ledger.pull_id
order by pulls.bot_id, pulls.pulled_at
