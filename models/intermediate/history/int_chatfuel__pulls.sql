{{
    config(
        materialized='pull_by_pull',
        on_schema_change='append_new_columns',
        meta={'all_pulls_at_once': true, 'pulls': 'stg_chatfuel__pulls', 'started_at': 'pulled_at'},
    )
}}
{%- do check_raw_is_complete() %}

-- One row per bot and pull that the history is made of. A pull dated before one that is here already stays out until
-- the history is rebuilt from its day; so does one whose raw rows have expired.
with

ledger as (
    select * from {{ ref('stg_chatfuel__pulls') }}
    where {{ in_new_pulls() }}
),

all_ledgered as (
    select * from {{ ref('stg_chatfuel__pulls') }}
),

pulls_with_users as (
    select distinct
        bot_id,
        pull_id,
    from {{ ref('stg_chatfuel__users') }}
    where {{ in_new_pulls() }}
),

last_pulls as (
    select
        bot_id,
        max(pulled_at) as pulled_at,
        max(pull_number) as pull_number,
    from {{ this }}
    group by bot_id
),

new_pulls as (
    select
        ledger.bot_id,
        ledger.pull_id,
        ledger.pull_date,
        ledger.pulled_at,
        ledger.source,
        ledger.users_rows,
        ledger.surface,
        last_pulls.pulled_at as last_pulled_at,
        coalesce(last_pulls.pull_number, 0) as last_pull_number,
    from ledger
    left join pulls_with_users
        on
            ledger.bot_id = pulls_with_users.bot_id
            and ledger.pull_id = pulls_with_users.pull_id
    left join last_pulls
        on ledger.bot_id = last_pulls.bot_id
    where ledger.users_rows = 0 or pulls_with_users.pull_id is not null
),

numbered as (
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        source,
        users_rows,
        surface,
        last_pull_number + row_number() over (partition by bot_id order by pulled_at) as pull_number,
        coalesce(lag(pulled_at) over (partition by bot_id order by pulled_at), last_pulled_at) as previous_pulled_at,
    from new_pulls
),

final as (
    select
        numbered.bot_id,
        numbered.pull_id,
        numbered.pull_date,
        numbered.pulled_at,
        numbered.source,
        numbered.users_rows,
        numbered.pull_number,
        numbered.previous_pulled_at,
        {{ local_date(midpoint('numbered.previous_pulled_at', 'numbered.pulled_at')) }} as activity_date,
        numbered.surface,
        coalesce(numbered.surface <> pulls_before.surface, false) as is_of_new_surface,
    from numbered
    left join all_ledgered as pulls_before
        on
            numbered.bot_id = pulls_before.bot_id
            and numbered.previous_pulled_at = pulls_before.pulled_at
)

select * from final
