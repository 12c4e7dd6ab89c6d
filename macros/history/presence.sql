{#
  The body of a presence model: one row per uninterrupted run of pulls that hold a key of a bot.
  A key that is in every pull looked at needs no window; windows run over the others alone.

  observations: the relation that holds one row per pull and key.
  key: the key's column beside bot_id.
#}
{% macro presence_runs(observations, key) %}
{%- set processed = chatfuel.processed_through(['valid_from', 'valid_to']) -%}
{%- set first_date = chatfuel.first_unprocessed_date(processed) -%}
with

{{ chatfuel.pulls_to_compare(processed, first_date) }},

observations as (
    select * from {{ observations }}
    {%- if first_date is not none %}
    where pull_date >= date '{{ first_date }}'
    {%- endif %}
),

pull_counts as (
    select
        bot_id,
        max(pull_number) as last_pull_number,
        max(case when not is_unprocessed then pull_number end) as processed_pull_number,
    from pulls
    group by bot_id
),

history as (
    {% if is_incremental() -%}
    select
        history.bot_id,
        history.{{ key }},
        history.start_reason,
        started.pull_number as started_pull_number,
        history.valid_to is null as is_open,
    from {{ this }} as history
    inner join pulls as started
        on
            history.bot_id = started.bot_id
            and history.valid_from = started.pulled_at
    {%- else -%}
    select
        bot_id,
        {{ key }},
        cast(null as {{ dbt.type_string() }}) as start_reason,
        cast(null as {{ dbt.type_bigint() }}) as started_pull_number,
        true as is_open,
    from observations
    where false
    {%- endif %}
),

-- An open run reaches to the last pull that was worked through.
rows_to_compare as (
    select
        history.bot_id,
        history.{{ key }},
        pull_counts.processed_pull_number as pull_number,
        history.started_pull_number,
        history.start_reason,
    from history
    inner join pull_counts
        on history.bot_id = pull_counts.bot_id
    where history.is_open
    union all
    select
        observations.bot_id,
        observations.{{ key }},
        pulls.pull_number,
        cast(null as {{ dbt.type_bigint() }}) as started_pull_number,
        cast(null as {{ dbt.type_string() }}) as start_reason,
    from observations
    inner join pulls
        on
            observations.bot_id = pulls.bot_id
            and observations.pull_id = pulls.pull_id
    where pulls.is_unprocessed
),

keys as (
    select
        bot_id,
        {{ key }},
        min(pull_number) as first_pull_number,
        max(pull_number) as last_pull_number,
        max(started_pull_number) as started_pull_number,
        max(start_reason) as start_reason,
        count(*) as row_count,
    from rows_to_compare
    group by bot_id, {{ key }}
),

unbroken_runs as (
    select
        bot_id,
        {{ key }},
        first_pull_number,
        last_pull_number,
        started_pull_number,
        start_reason,
    from keys
    where row_count = last_pull_number - first_pull_number + 1
),

broken_rows as (
    select
        rows_to_compare.*,
        case
            when
                rows_to_compare.pull_number - lag(rows_to_compare.pull_number) over (
                    partition by rows_to_compare.bot_id, rows_to_compare.{{ key }}
                    order by rows_to_compare.pull_number
                ) <= 1
                then 0
            else 1
        end as starts_run,
    from rows_to_compare
    inner join keys
        on
            rows_to_compare.bot_id = keys.bot_id
            and rows_to_compare.{{ key }} = keys.{{ key }}
    where keys.row_count <> keys.last_pull_number - keys.first_pull_number + 1
),

broken_numbered as (
    select
        *,
        sum(starts_run) over (
            partition by bot_id, {{ key }}
            order by pull_number
            rows between unbounded preceding and current row
        ) as run_number,
    from broken_rows
),

runs as (
    select * from unbroken_runs
    union all
    select
        bot_id,
        {{ key }},
        min(pull_number) as first_pull_number,
        max(pull_number) as last_pull_number,
        max(started_pull_number) as started_pull_number,
        max(start_reason) as start_reason,
    from broken_numbered
    group by bot_id, {{ key }}, run_number
),

-- An open run that goes on stands in the table already.
altered_runs as (
    select
        runs.*,
        row_number() over (
            partition by runs.bot_id, runs.{{ key }}
            order by runs.first_pull_number
        ) as run_number,
    from runs
    inner join pull_counts
        on runs.bot_id = pull_counts.bot_id
    where runs.started_pull_number is null or runs.last_pull_number < pull_counts.last_pull_number
),

known_keys as (
    select distinct
        bot_id,
        {{ key }},
    from history
),

final as (
    select
        {{ chatfuel.hash_key(['altered_runs.bot_id', 'altered_runs.' ~ key, 'started.pull_id']) }} as presence_key,
        altered_runs.bot_id,
        altered_runs.{{ key }},
        started.pulled_at as valid_from,
        ended.pulled_at as valid_to,
        case
            when altered_runs.start_reason is not null then altered_runs.start_reason
            when started.pull_number = 1 then 'baseline'
            when known_keys.bot_id is null and altered_runs.run_number = 1 then 'appeared'
            else 'returned'
        end as start_reason,
        started.pull_id as started_pull_id,
        ended.pull_id as ended_pull_id,
    from altered_runs
    inner join pulls as started
        on
            altered_runs.bot_id = started.bot_id
            and coalesce(altered_runs.started_pull_number, altered_runs.first_pull_number) = started.pull_number
    left join pulls as ended
        on
            altered_runs.bot_id = ended.bot_id
            and altered_runs.last_pull_number + 1 = ended.pull_number
    left join known_keys
        on
            altered_runs.bot_id = known_keys.bot_id
            and altered_runs.{{ key }} = known_keys.{{ key }}
)

select * from final
{%- endmacro %}
