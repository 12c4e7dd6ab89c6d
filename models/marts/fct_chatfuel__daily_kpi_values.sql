with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
),

days as (
    select * from {{ ref('chatfuel_time_spine') }}
),

kpi_events as (
    select * from {{ ref('int_chatfuel__kpi_events') }}
),

kpi_totals as (
    select * from {{ ref('int_chatfuel__kpi_totals') }}
),

-- The day that a pull reports on is the middle of its window: the day before, for a pull just after midnight.
covered_days as (
    select
        bot_id,
        activity_date,
        count(*) as pull_count,
        max(pulled_at) as last_pulled_at,
        {{ window_days('min(previous_pulled_at)', 'max(pulled_at)') }} as window_days,
    from pulls
    group by bot_id, activity_date
),

reported_bots as (
    select
        bot_id,
        min(activity_date) as first_date,
        max(activity_date) as last_date,
    from covered_days
    group by bot_id
),

kpis as (
    select distinct
        bot_id,
        kpi,
        platform,
    from kpi_totals
),

calendar as (
    select
        reported_bots.bot_id,
        days.date_day,
        kpis.kpi,
        kpis.platform,
        coalesce(covered_days.pull_count, 0) as pull_count,
        covered_days.window_days,
        covered_days.last_pulled_at,
    from reported_bots
    inner join days
        on
            reported_bots.first_date <= days.date_day
            and reported_bots.last_date >= days.date_day
    inner join kpis
        on reported_bots.bot_id = kpis.bot_id
    left join covered_days
        on
            reported_bots.bot_id = covered_days.bot_id
            and days.date_day = covered_days.activity_date
),

-- Whoever is found on Instagram in the course of a day counts there, and once.
users_of_days as (
    select
        bot_id,
        activity_date,
        kpi,
        chatfuel_user_id,
        max(platform) as platform,
    from kpi_events
    group by bot_id, activity_date, kpi, chatfuel_user_id
),

daily_users as (
    select
        bot_id,
        activity_date,
        kpi,
        platform,
        count(*) as users,
    from users_of_days
    group by bot_id, activity_date, kpi, platform
),

by_platform as (
    select
        calendar.bot_id,
        calendar.date_day,
        calendar.kpi,
        calendar.platform,
        -- a day without a pull is a gap; so are those before the KPI was counted, but for what carries its own time
        case
            when
                calendar.pull_count > 0
                and (
                    kpi_totals.total_users is not null
                    -- who signed up is known on the panel too, though not who can be reached
                    or (kpi_totals.bot_id is not null and calendar.kpi = 'new_subscribers')
                )
                then coalesce(daily_users.users, 0)
            when calendar.pull_count > 0 then daily_users.users
        end as users,
        kpi_totals.total_users,
        calendar.pull_count,
        calendar.window_days,
    from calendar
    left join daily_users
        on
            calendar.bot_id = daily_users.bot_id
            and calendar.date_day = daily_users.activity_date
            and calendar.kpi = daily_users.kpi
            and calendar.platform = daily_users.platform
    left join kpi_totals
        on
            calendar.bot_id = kpi_totals.bot_id
            and calendar.last_pulled_at = kpi_totals.pulled_at
            and calendar.kpi = kpi_totals.kpi
            and calendar.platform = kpi_totals.platform
),

kpi_values as (
    select * from by_platform
    union all
    select
        bot_id,
        date_day,
        kpi,
        'all' as platform,
        cast(sum(users) as {{ dbt.type_bigint() }}) as users,
        cast(sum(total_users) as {{ dbt.type_bigint() }}) as total_users,
        pull_count,
        window_days,
    from by_platform
    group by bot_id, date_day, kpi, pull_count, window_days
),

final as (
    select
        {{ hash_key(['bot_id', 'date_day', 'kpi', 'platform']) }} as kpi_value_key,
        bot_id,
        date_day as date,
        kpi,
        platform,
        users,
        total_users,
        pull_count,
        window_days,
    from kpi_values
)

select * from final
