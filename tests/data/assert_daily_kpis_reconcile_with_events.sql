{{ config(enabled=var('chatfuel__using_kpis')) }}
-- Each KPI of a day is the distinct users with its events on that day, counted anew from the event log and the rules.
-- The last 60 days only, so that the test costs the same in every year.
with

kpi_values as (
    select * from {{ ref('fct_chatfuel__daily_kpi_values') }}
    where platform = 'all'
),

events as {{ inlined() }} (
    select * from {{ ref('fct_chatfuel__user_events') }}
    where {{ is_of_last_pulls('observed_at', days=60) }}
),

rules as (
    select * from {{ ref(setting('chatfuel_kpi_rules')) }}
),

unsubscribed as (
    select * from {{ ref('int_chatfuel__kpi_versions') }}
    where
        kpi = 'unsubscribed'
        and (
            settled_at is null
            or {{ is_of_last_pulls('settled_at', days=60) }}
        )
),

candidates as (
    select
        events.*,
        rules.kpi,
    from events
    inner join rules
        on
            {{ normalise_name('events.attribute_name') }} = rules.attribute_name
            and {{ meets_rule('events.new_value', 'rules') }}
    where events.event_type in ('attribute_set', 'attribute_changed')
    union all
    select
        *,
        'blocked' as kpi,
    from events
    where event_type = 'user_blocked'
),

left_out as (
    select distinct candidates.event_key
    from candidates
    inner join unsubscribed
        on
            candidates.bot_id = unsubscribed.bot_id
            and candidates.chatfuel_user_id = unsubscribed.chatfuel_user_id
            and candidates.observed_at >= unsubscribed.valid_from
            and candidates.observed_at < {{ open_ended('unsubscribed.valid_to') }}
),

recounted as (
    select
        candidates.bot_id,
        candidates.activity_date,
        candidates.kpi,
        count(distinct candidates.chatfuel_user_id) as users,
    from candidates
    left join left_out
        on candidates.event_key = left_out.event_key
    where candidates.kpi = 'unsubscribed' or left_out.event_key is null
    group by candidates.bot_id, candidates.activity_date, candidates.kpi
),

-- The events of the first of those days may lie before them.
first_days as (
    select
        bot_id,
        min(activity_date) as first_date,
    from events
    where occurred_at is null
    group by bot_id
)

select
    kpi_values.bot_id,
    kpi_values.date,
    kpi_values.kpi,
    kpi_values.users,
    recounted.users as recounted_users,
from kpi_values
inner join first_days
    on
        kpi_values.bot_id = first_days.bot_id
        and kpi_values.date > {{ dbt.dateadd('day', 1, 'first_days.first_date') }}
left join recounted
    on
        kpi_values.bot_id = recounted.bot_id
        and kpi_values.date = recounted.activity_date
        and kpi_values.kpi = recounted.kpi
where
    kpi_values.kpi <> 'new_subscribers'
    and kpi_values.pull_count > 0
    and kpi_values.users <> coalesce(recounted.users, 0)
