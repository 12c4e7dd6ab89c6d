{# A view: it is to tell of a night without a build too, and whether the last pull is old by the clock. #}
{{ config(materialized='view') }}
{%- set subjects = {
    'Last pull': 'last_pull', 'Missed days': 'missed_days', 'Users': 'users', 'Attributes': 'attributes',
    'Values': 'attribute_values', 'Events': 'events', 'KPIs': 'kpis'
} %}

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

-- What each check says of a bot; null where there is nothing to say.
states as (
    select
        last_pulls.bot_id,
        concat(
            substr(cast(last_pulls.pulled_at as string), 1, 16),
            ' UTC, ',
            case when last_pulls.is_built then 'built' else 'not built yet' end
        ) as last_pull,
        case
            when unknown_gaps.days is null then 'none'
            else concat(
                cast(unknown_gaps.days as string), ', from ', cast(unknown_gaps.first_date as string),
                ' to ', cast(unknown_gaps.last_date as string)
            )
        end as missed_days,
        {{ count_and_change('last_pulls.users_rows', 'last_pulls.users_change') }} as users,
        concat(
            {{ count_and_change('last_pulls.attributes_rows', 'last_pulls.attributes_change') }},
            case
                when last_pulls.attributes_added is null then ''
                else concat(
                    '; ', cast(last_pulls.attributes_added as string), ' added, ',
                    cast(last_pulls.attributes_retired as string), ' retired'
                )
            end
        ) as attributes,
        {{ count_and_change('last_pulls.user_attributes_rows', 'last_pulls.values_change') }} as attribute_values,
        case
            when last_pulls.is_built
                then concat(cast(last_pulls.attribute_events as string), ' of attributes in the last pull')
        end as events,
        case
            when last_days.date is not null
                then concat(cast(last_days.date as string), ': ', coalesce(last_kpis.counts, 'all 0'))
        end as kpis,
        -- as the freshness of the ledger in _chatfuel__sources.yml
        {{ is_older_than('last_pulls.pulled_at', 26) }} as is_late,
        unknown_gaps.days is not null as misses_days,
    from last_pulls
    left join unknown_gaps
        on last_pulls.bot_id = unknown_gaps.bot_id
    left join last_days
        on last_pulls.bot_id = last_days.bot_id
    left join last_kpis
        on last_pulls.bot_id = last_kpis.bot_id
),

checks as (
    {%- for subject, state in subjects.items() %}
        select
            *,
            {{ loop.index }} as check_number,
            '{{ subject }}' as subject,
            {{ state }} as state,
        from states
        {{ "union all" if not loop.last }}
    {%- endfor %}
),

final as (
    select
        {{ hash_key(['bot_id', 'check_number']) }} as check_key,
        bot_id,
        cast(check_number as {{ dbt.type_bigint() }}) as check_number,
        subject,
        state,
        case check_number when 1 then is_late when 2 then misses_days else false end as is_problem,
        case
            when check_number = 1 and is_late
                then 'It is older than 26 hours: see why the last `python -m loader pull` failed, and pull again.'
            when check_number = 2 and misses_days
                then 'Nobody can fetch them any more: add them to seeds/known_gaps.csv with the reason, then dbt build.'
        end as remedy,
    from checks
    where state is not null
)

select * from final
