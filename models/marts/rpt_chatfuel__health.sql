{# A view: it is to tell of a night without a build too, and whether the last pull is old by the clock. #}
{{ config(materialized='view') }}

with

ledger as (
    select * from {{ ref('stg_chatfuel__pulls') }}
),

pulls as (
    select * from {{ ref('rpt_chatfuel__pulls') }}
),

missed_days as (
    select * from {{ ref('rpt_chatfuel__missed_days') }}
),

kpi_values as (
    select *
    from {{ if_used('kpis', 'fct_chatfuel__daily_kpi_values', {
        'bot_id': 'string', 'date': 'date', 'kpi': 'string', 'platform': 'string', 'users': 'int64', 'pull_count': 'int64'
    }) }}
    where platform = 'all'
),

numbered as (
    select
        ledger.bot_id,
        ledger.pulled_at,
        ledger.users_rows,
        ledger.attributes_rows,
        ledger.user_attributes_rows,
        pulls.pull_id is not null as is_built,
        pulls.attributes_added,
        pulls.attributes_retired,
        pulls.attribute_events,
        lag(ledger.users_rows) over (partition by ledger.bot_id order by ledger.pulled_at) as previous_users,
        lag(ledger.attributes_rows) over (partition by ledger.bot_id order by ledger.pulled_at) as previous_attributes,
        lag(ledger.user_attributes_rows) over (partition by ledger.bot_id order by ledger.pulled_at) as previous_values,
        row_number() over (partition by ledger.bot_id order by ledger.pulled_at desc) as age_rank,
    from ledger
    left join pulls
        on
            ledger.bot_id = pulls.bot_id
            and ledger.pull_id = pulls.pull_id
),

last_pulls as (
    select
        *,
        users_rows - previous_users as users_change,
        attributes_rows - previous_attributes as attributes_change,
        user_attributes_rows - previous_values as values_change,
    from numbered
    where age_rank = 1
),

unknown_gaps as (
    select
        bot_id,
        count(*) as days,
        min(date) as first_date,
        max(date) as last_date,
    from missed_days
    where not is_known
    group by bot_id
),

last_days as (
    select
        bot_id,
        max(date) as date,
    from kpi_values
    where pull_count > 0
    group by bot_id
),

last_kpis as (
    select
        kpi_values.bot_id,
        kpi_values.date,
        string_agg(concat(kpi_values.kpi, ' ', cast(kpi_values.users as string)), ', ' order by kpi_values.kpi)
            as counts,
    from kpi_values
    inner join last_days
        on
            kpi_values.bot_id = last_days.bot_id
            and kpi_values.date = last_days.date
    where kpi_values.users > 0
    group by kpi_values.bot_id, kpi_values.date
),

checks as (
    select
        bot_id,
        1 as check_number,
        'Last pull' as subject,
        concat(
            substr(cast(pulled_at as string), 1, 16), ' UTC, ', case when is_built then 'built' else 'not built yet' end
        ) as state,
        -- as the freshness of the ledger in _chatfuel__sources.yml
        {{ is_older_than('pulled_at', 26) }} as is_problem,
        'It is older than 26 hours: see why the last run of `python -m loader pull` failed, and pull again.' as remedy,
    from last_pulls
    union all
    select
        last_pulls.bot_id,
        2 as check_number,
        'Missed days' as subject,
        case
            when unknown_gaps.days is null then 'none'
            else concat(
                cast(unknown_gaps.days as string), ', from ', cast(unknown_gaps.first_date as string),
                ' to ', cast(unknown_gaps.last_date as string)
            )
        end as state,
        unknown_gaps.days is not null as is_problem,
        'Nobody can fetch them any more: add them to seeds/known_gaps.csv with the reason, then dbt build.' as remedy,
    from last_pulls
    left join unknown_gaps
        on last_pulls.bot_id = unknown_gaps.bot_id
    union all
    select
        bot_id,
        3 as check_number,
        'Users' as subject,
        {{ count_and_change('users_rows', 'users_change') }} as state,
        false as is_problem,
        cast(null as string) as remedy,
    from last_pulls
    union all
    select
        bot_id,
        4 as check_number,
        'Attributes' as subject,
        concat(
            {{ count_and_change('attributes_rows', 'attributes_change') }},
            case
                when attributes_added is null then ''
                else concat(
                    '; ', cast(attributes_added as string), ' added, ', cast(attributes_retired as string), ' retired'
                )
            end
        ) as state,
        false as is_problem,
        cast(null as string) as remedy,
    from last_pulls
    union all
    select
        bot_id,
        5 as check_number,
        'Values' as subject,
        {{ count_and_change('user_attributes_rows', 'values_change') }} as state,
        false as is_problem,
        cast(null as string) as remedy,
    from last_pulls
    union all
    select
        bot_id,
        6 as check_number,
        'Events' as subject,
        concat(cast(attribute_events as string), ' of attributes in the last pull') as state,
        false as is_problem,
        cast(null as string) as remedy,
    from last_pulls
    where is_built
    union all
    select
        last_days.bot_id,
        7 as check_number,
        'KPIs' as subject,
        concat(cast(last_days.date as string), ': ', coalesce(last_kpis.counts, 'all 0')) as state,
        false as is_problem,
        cast(null as string) as remedy,
    from last_days
    left join last_kpis
        on last_days.bot_id = last_kpis.bot_id
),

final as (
    select
        {{ hash_key(['bot_id', 'check_number']) }} as check_key,
        bot_id,
        cast(check_number as {{ dbt.type_bigint() }}) as check_number,
        subject,
        state,
        is_problem,
        case when is_problem then remedy end as remedy,
    from checks
)

select * from final
