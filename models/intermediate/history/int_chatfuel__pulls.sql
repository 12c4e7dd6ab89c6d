{{
    config(
        materialized='incremental',
        unique_key=['bot_id', 'pull_id'],
        pre_hook="{{ chatfuel.rewind('pulled_at') }}",
    )
}}

with

ledger as (
    select * from {{ ref('stg_chatfuel__pulls') }}
),

last_pulls as (
    {% if is_incremental() %}
        select
            bot_id,
            max(pulled_at) as pulled_at,
            max(pull_number) as pull_number,
        from {{ this }}
        group by bot_id
    {% else %}
        select
            cast(null as {{ dbt.type_string() }}) as bot_id,
            cast(null as {{ dbt.type_timestamp() }}) as pulled_at,
            cast(null as {{ dbt.type_bigint() }}) as pull_number,
        from ledger
        where false
    {% endif %}
),

-- A pull dated before one that history already holds stays out until history is rebuilt from its day.
new_pulls as (
    select
        ledger.bot_id,
        ledger.pull_id,
        ledger.pull_date,
        ledger.pulled_at,
        ledger.source,
        ledger.users_rows,
        last_pulls.pulled_at as last_pulled_at,
        coalesce(last_pulls.pull_number, 0) as last_pull_number,
    from ledger
    left join last_pulls
        on ledger.bot_id = last_pulls.bot_id
    where last_pulls.bot_id is null or ledger.pulled_at > last_pulls.pulled_at
),

numbered as (
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        source,
        users_rows,
        last_pull_number + row_number() over (partition by bot_id order by pulled_at) as pull_number,
        coalesce(lag(pulled_at) over (partition by bot_id order by pulled_at), last_pulled_at) as previous_pulled_at,
    from new_pulls
),

final as (
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        source,
        users_rows,
        pull_number,
        previous_pulled_at,
        {{ local_date(midpoint('previous_pulled_at', 'pulled_at')) }} as activity_date,
    from numbered
)

select * from final
