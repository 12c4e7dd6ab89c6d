-- A pull dated before one that history already holds is not in the history. This says which, and how to take it in.
-- It waits for a late table on purpose: were it to fail before, dbt would skip the rest of the build.
-- depends_on: {{ ref('dim_chatfuel__users') }}
{%- set is_run = execute and flags.WHICH in ('build', 'test') and not flags.EMPTY %}
{#- The ledger is small and the raw rows are all there ever were: they are asked at the days in question alone. #}
{%- set days = [] %}
{%- if is_run %}
    {%- set asked %}
        select distinct ledger.pull_date
        from {{ ref('stg_chatfuel__pulls') }} as ledger
        left join {{ ref('int_chatfuel__pulls') }} as pulls
            on
                ledger.bot_id = pulls.bot_id
                and ledger.pull_id = pulls.pull_id
        where pulls.pull_id is null
    {%- endset %}
    {%- for row in run_query(asked).rows %}
        {%- do days.append("date '" ~ row["pull_date"] ~ "'") %}
    {%- endfor %}
{%- endif %}
{%- set late_pulls %}
    select
        ledger.bot_id,
        ledger.pull_id,
        ledger.pull_date,
    from {{ ref('stg_chatfuel__pulls') }} as ledger
    left join {{ ref('int_chatfuel__pulls') }} as pulls
        on
            ledger.bot_id = pulls.bot_id
            and ledger.pull_id = pulls.pull_id
    where
        pulls.pull_id is null
        -- one whose raw rows have expired cannot be taken in
        and exists (
            select 1
            from {{ ref('stg_chatfuel__users') }} as users
            where
                ledger.bot_id = users.bot_id
                and ledger.pull_id = users.pull_id
                and ledger.pull_date = users.pull_date
                {%- if is_run %}
                and users.pull_date in ({{ days | join(', ') or "date '0001-01-01'" }})
                {%- endif %}
        )
{%- endset %}
{%- if days %}
    {%- for row in run_query(late_pulls ~ " order by ledger.pulled_at").rows %}
        {%- do log(
            "Pull " ~ row["pull_id"] ~ " of bot " ~ row["bot_id"] ~ " came after later ones were worked through. Take it in with: "
            ~ "dbt build --vars '{chatfuel_rebuild_from: " ~ row["pull_date"] ~ "}'",
            info=true
        ) %}
    {%- endfor %}
{%- endif %}
{{ late_pulls }}
