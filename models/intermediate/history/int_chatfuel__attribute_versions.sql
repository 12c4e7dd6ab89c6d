{{
    config(
        materialized='incremental',
        unique_key='version_key',
        incremental_predicates=chatfuel.only_where_null('settled_at'),
        partition_by=chatfuel.partition_by_day('settled_at'),
        cluster_by=['bot_id', 'attribute_name', 'chatfuel_user_id'],
        pre_hook="{{ chatfuel.rewind('valid_from', {
            'valid_to': ['valid_to', 'end_reason', 'ended_pull_id', 'hidden_until', 'hidden_end_reason', 'settled_at'],
            'hidden_until': ['hidden_until', 'hidden_end_reason', 'settled_at'],
        }) }}",
    )
}}
{%- set processed = processed_through(['valid_from', 'valid_to', 'hidden_until'], 'settled_at') %}
{%- set first_date = first_unprocessed_date(processed) %}
{#- A daily run: every bot has one new pull at most, which follows what the table holds. -#}
{%- set is_daily = not has_backlog(processed) %}

with

{{ pulls_to_compare(processed, first_date) }},

observed_values as {{ inlined() }} (
    select * from {{ ref('int_chatfuel__observed_values') }}
    {%- if first_date is not none %}
        where pull_date >= date '{{ first_date }}'
    {%- endif %}
),

user_presence as (
    select * from {{ ref('int_chatfuel__user_presence') }}
),

attribute_presence as (
    select * from {{ ref('int_chatfuel__attribute_presence') }}
),

pull_counts as (
    select
        bot_id,
        max(pull_number) as last_pull_number,
        max(case when not is_unprocessed then pull_number end) as processed_pull_number,
        -- from the one before the new ones to the last
        max(pull_number) - min(case when is_unprocessed then greatest(pull_number - 1, 1) end) + 1 as compared_pulls,
    from pulls
    group by bot_id
),
{%- if is_incremental() %}

-- What later pulls can still alter: versions that hold, and the last known values that are hidden.
live_versions as {{ inlined() }} (
    select * from {{ this }}
    where settled_at is null
),
{%- endif %}

observed_rows as {{ inlined() }} (
    select
        observed_values.bot_id,
        observed_values.chatfuel_user_id,
        observed_values.attribute_name,
        observed_values.attribute_value,
        pulls.pull_number,
    from observed_values
    inner join pulls
        on
            observed_values.bot_id = pulls.bot_id
            and observed_values.pull_id = pulls.pull_id
    where pulls.is_unprocessed
),
{%- if is_daily %}

    held_versions as (
        select live_versions.*
        from live_versions
        inner join pull_counts
            on live_versions.bot_id = pull_counts.bot_id
        where
            live_versions.valid_to is null
            and pull_counts.processed_pull_number < pull_counts.last_pull_number
    ),

    -- Nearly all values are what they were. One join leaves the others, and all that follows is about these alone.
    differences as (
        select
            coalesce(held_versions.bot_id, observed_rows.bot_id) as bot_id,
            coalesce(held_versions.chatfuel_user_id, observed_rows.chatfuel_user_id) as chatfuel_user_id,
            coalesce(held_versions.attribute_name, observed_rows.attribute_name) as attribute_name,
            held_versions.attribute_value as held_value,
            held_versions.start_reason,
            held_versions.previous_value,
            held_versions.observed_after,
            held_versions.started_pull_id,
            observed_rows.attribute_value as observed_value,
            observed_rows.pull_number,
        from held_versions
        full join observed_rows
            on
                held_versions.bot_id = observed_rows.bot_id
                and held_versions.chatfuel_user_id = observed_rows.chatfuel_user_id
                and held_versions.attribute_name = observed_rows.attribute_name
        where held_versions.attribute_value is distinct from observed_rows.attribute_value
    ),

    observed_rows_to_compare as (
        select
            bot_id,
            chatfuel_user_id,
            attribute_name,
            observed_value as attribute_value,
            pull_number,
        from differences
        where observed_value is not null
    ),

    versions_to_compare as (
        select
            bot_id,
            chatfuel_user_id,
            attribute_name,
            held_value as attribute_value,
            start_reason,
            previous_value,
            observed_after,
            started_pull_id,
            cast(null as {{ dbt.type_string() }}) as ended_pull_id,
        from differences
        where held_value is not null
        union all
        -- what is hidden may be found empty by a pull that has no row of it
        select
            bot_id,
            chatfuel_user_id,
            attribute_name,
            attribute_value,
            start_reason,
            previous_value,
            observed_after,
            started_pull_id,
            ended_pull_id,
        from live_versions
        where valid_to is not null
    ),
{%- else %}

    compared_values as (
        select
            bot_id,
            chatfuel_user_id,
            attribute_name,
            attribute_value,
        from observed_rows
        {%- if is_incremental() %}
        union all
        select
            bot_id,
            chatfuel_user_id,
            attribute_name,
            attribute_value,
        from live_versions
        where valid_to is null
    {%- endif %}
    ),

    -- The same for many pulls: a key is what it was if each of them, and what held before, has a row of it, all of one
    -- value.
    changed_keys as (
        select
            compared_values.bot_id,
            compared_values.chatfuel_user_id,
            compared_values.attribute_name,
        from compared_values
        inner join pull_counts
            on compared_values.bot_id = pull_counts.bot_id
        where pull_counts.compared_pulls > 1
        group by compared_values.bot_id, compared_values.chatfuel_user_id, compared_values.attribute_name
        having
            count(*) < max(pull_counts.compared_pulls)
            or min(compared_values.attribute_value) < max(compared_values.attribute_value)
        {%- if is_incremental() %}
        -- what is hidden may be found empty by a pull that has no row of it
        union distinct
        select
            bot_id,
            chatfuel_user_id,
            attribute_name,
        from live_versions
        where valid_to is not null
    {%- endif %}
    ),

    observed_rows_to_compare as (
        select observed_rows.*
        from observed_rows
        inner join changed_keys
            on
                observed_rows.bot_id = changed_keys.bot_id
                and observed_rows.chatfuel_user_id = changed_keys.chatfuel_user_id
                and observed_rows.attribute_name = changed_keys.attribute_name
    ),
    {%- if is_incremental() %}

versions_to_compare as (
    select live_versions.*
    from live_versions
    inner join changed_keys
        on
            live_versions.bot_id = changed_keys.bot_id
            and live_versions.chatfuel_user_id = changed_keys.chatfuel_user_id
            and live_versions.attribute_name = changed_keys.attribute_name
),
{%- endif %}
{%- endif %}

rows_to_compare as (
    select
        bot_id,
        chatfuel_user_id,
        attribute_name,
        attribute_value,
        pull_number,
        cast(null as {{ dbt.type_bigint() }}) as started_pull_number,
        cast(null as {{ dbt.type_bigint() }}) as ended_pull_number,
        cast(null as {{ dbt.type_string() }}) as start_reason,
        cast(null as {{ dbt.type_string() }}) as previous_value,
        cast(null as {{ dbt.type_timestamp() }}) as observed_after,
    from observed_rows_to_compare
    {%- if is_incremental() %}
        union all
        select
            versions.bot_id,
            versions.chatfuel_user_id,
            versions.attribute_name,
            versions.attribute_value,
            coalesce(ended.pull_number - 1, pull_counts.processed_pull_number) as pull_number,
            started.pull_number as started_pull_number,
            ended.pull_number as ended_pull_number,
            versions.start_reason,
            versions.previous_value,
            versions.observed_after,
        from versions_to_compare as versions
        inner join pull_counts
            on versions.bot_id = pull_counts.bot_id
        inner join pulls as started
            on
                versions.bot_id = started.bot_id
                and versions.started_pull_id = started.pull_id
        left join pulls as ended
            on
                versions.bot_id = ended.bot_id
                and versions.ended_pull_id = ended.pull_id
    {%- endif %}
),

compared_rows as (
    select
        *,
        case
            when
                attribute_value = lag(attribute_value) over key_rows
                and pull_number - lag(pull_number) over key_rows = 1
                then 0
            else 1
        end as starts_run,
    from rows_to_compare
    window key_rows as (
        partition by bot_id, chatfuel_user_id, attribute_name
        order by pull_number
    )
),

numbered_rows as (
    select
        *,
        sum(starts_run) over (
            partition by bot_id, chatfuel_user_id, attribute_name
            order by pull_number
            rows between unbounded preceding and current row
        ) as run_number,
    from compared_rows
),

merged_rows as (
    select
        bot_id,
        chatfuel_user_id,
        attribute_name,
        max(attribute_value) as attribute_value,
        min(pull_number) as first_pull_number,
        max(pull_number) as last_pull_number,
        max(started_pull_number) as started_pull_number,
        max(ended_pull_number) as ended_pull_number,
        max(start_reason) as start_reason,
        max(previous_value) as previous_value,
        max(observed_after) as observed_after,
    from numbered_rows
    group by bot_id, chatfuel_user_id, attribute_name, run_number
),

runs as (
    select
        *,
        lag(attribute_value) over key_runs as earlier_value,
        lag(last_pull_number) over key_runs as earlier_pull_number,
        lead(attribute_value) over key_runs as later_value,
        lead(first_pull_number) over key_runs as later_pull_number,
    from merged_rows
    window key_runs as (
        partition by bot_id, chatfuel_user_id, attribute_name
        order by first_pull_number
    )
),

bounded_runs as (
    select
        runs.*,
        started.pull_id as started_pull_id,
        started.pulled_at as valid_from,
        started.previous_pulled_at,
        ended.pull_id as ended_pull_id,
        ended.pulled_at as valid_to,
        earlier.pulled_at as earlier_pulled_at,
        later.pulled_at as later_pulled_at,
        coalesce(runs.earlier_pull_number = runs.first_pull_number - 1, false) as follows_change,
    from runs
    inner join pulls as started
        on
            runs.bot_id = started.bot_id
            and coalesce(runs.started_pull_number, runs.first_pull_number) = started.pull_number
    left join pulls as ended
        on
            runs.bot_id = ended.bot_id
            and runs.last_pull_number + 1 = ended.pull_number
    left join pulls as earlier
        on
            runs.bot_id = earlier.bot_id
            and runs.earlier_pull_number = earlier.pull_number
    left join pulls as later
        on
            runs.bot_id = later.bot_id
            and runs.later_pull_number = later.pull_number
),

-- When a key was observed at all: the user was in the pull and the attribute in its catalogue.
-- Only runs that do not follow from the pull before, or end without another value, have to ask.
runs_to_explain as (
    select *
    from bounded_runs
    where
        (started_pull_number is null and not follows_change and previous_pulled_at is not null)
        or (valid_to is not null and coalesce(later_pulled_at <> valid_to, true))
),

spells as (
    select
        runs.bot_id,
        runs.chatfuel_user_id,
        runs.attribute_name,
        runs.started_pull_id,
        runs.valid_from,
        runs.valid_to,
        runs.later_pulled_at,
        user_presence.valid_from as present_from,
        {{ open_ended('user_presence.valid_to') }} as present_to,
        greatest(user_presence.valid_from, attribute_presence.valid_from) as observed_from,
        least(
            {{ open_ended('user_presence.valid_to') }},
            {{ open_ended('attribute_presence.valid_to') }}
        ) as observed_to,
    from runs_to_explain as runs
    inner join user_presence
        on
            runs.bot_id = user_presence.bot_id
            and runs.chatfuel_user_id = user_presence.chatfuel_user_id
    -- Left, though every attribute of a run was observed: from inner joins alone, DuckDB's planner may begin with all
    -- users times all attributes of a bot.
    left join attribute_presence
        on
            runs.bot_id = attribute_presence.bot_id
            and runs.attribute_name = attribute_presence.attribute_name
),

observations as (
    select
        bot_id,
        chatfuel_user_id,
        attribute_name,
        started_pull_id,
        -- the pull before which the key was last observed, and the user last there, before the run
        max(case when observed_from < least(observed_to, valid_from) then least(observed_to, valid_from) end)
            as last_observed_before,
        max(case when present_from < valid_from then least(present_to, valid_from) end) as last_present_before,
        -- the first pull after the run that observed the key, and saw no value
        min(
            case
                when
                    greatest(observed_from, valid_to) < observed_to
                    and (later_pulled_at is null or greatest(observed_from, valid_to) < later_pulled_at)
                    then greatest(observed_from, valid_to)
            end
        ) as observed_empty_at,
        max(case when present_from <= valid_to and present_to > valid_to then 1 else 0 end) as was_present_at_end,
    from spells
    group by bot_id, chatfuel_user_id, attribute_name, started_pull_id
),

explained_runs as (
    select
        runs.*,
        last_present.previous_pulled_at as last_present_at,
        observations.observed_empty_at,
        observations.was_present_at_end,
        case
            when runs.earlier_pulled_at is null or last_observed.previous_pulled_at > runs.earlier_pulled_at
                then last_observed.previous_pulled_at
        end as last_observed_at,
    from bounded_runs as runs
    left join observations
        on
            runs.bot_id = observations.bot_id
            and runs.chatfuel_user_id = observations.chatfuel_user_id
            and runs.attribute_name = observations.attribute_name
            and runs.started_pull_id = observations.started_pull_id
    left join pulls as last_observed
        on
            observations.bot_id = last_observed.bot_id
            and observations.last_observed_before = last_observed.pulled_at
    left join pulls as last_present
        on
            observations.bot_id = last_present.bot_id
            and observations.last_present_before = last_present.pulled_at
),

started_runs as (
    select
        *,
        case
            when started_pull_number is not null then start_reason
            when previous_pulled_at is null then 'baseline'
            when follows_change then 'changed'
            when last_observed_at is not null then 'set'
            when earlier_value = attribute_value then 'observed_again'
            when earlier_value is not null then 'changed'
            when last_present_at is null then 'user_appeared'
            else 'set'
        end as version_start_reason,
        case
            when valid_to is null then null
            when later_pulled_at = valid_to then 'changed'
            when observed_empty_at = valid_to then 'cleared'
            when was_present_at_end = 1 then 'retired'
            else 'user_disappeared'
        end as version_end_reason,
    from explained_runs
),

versions as (
    select
        *,
        case
            when started_pull_number is not null then previous_value
            when version_start_reason = 'changed' then earlier_value
        end as version_previous_value,
        case
            when started_pull_number is not null then observed_after
            when version_start_reason = 'baseline' then null
            else coalesce(last_observed_at, earlier_pulled_at, last_present_at, previous_pulled_at)
        end as version_observed_after,
        case
            when version_end_reason in ('user_disappeared', 'retired') then coalesce(observed_empty_at, later_pulled_at)
        end as hidden_until,
        case
            when coalesce(version_end_reason, 'open') not in ('user_disappeared', 'retired') then null
            when observed_empty_at is not null then 'cleared'
            when later_value = attribute_value then 'observed_again'
            when later_value is not null then 'changed'
        end as hidden_end_reason,
    from started_runs
),

altered_versions as (
    select
        bot_id,
        chatfuel_user_id,
        attribute_name,
        attribute_value,
        version_previous_value as previous_value,
        version_observed_after as observed_after,
        valid_from,
        valid_to,
        version_start_reason as start_reason,
        version_end_reason as end_reason,
        started_pull_id,
        ended_pull_id,
        hidden_until,
        hidden_end_reason,
        case when version_end_reason in ('changed', 'cleared') then valid_to else hidden_until end as settled_at,
    from versions
    -- what was hidden and stays hidden stands in the table already
    where ended_pull_number is null or hidden_until is not null
),
{%- if not is_daily %}

-- What the first pull of a bot showed, and every pull since.
    unaltered_versions as (
        select
            observed_rows.bot_id,
            observed_rows.chatfuel_user_id,
            observed_rows.attribute_name,
            observed_rows.attribute_value,
            cast(null as {{ dbt.type_string() }}) as previous_value,
            cast(null as {{ dbt.type_timestamp() }}) as observed_after,
            pulls.pulled_at as valid_from,
            cast(null as {{ dbt.type_timestamp() }}) as valid_to,
            'baseline' as start_reason,
            cast(null as {{ dbt.type_string() }}) as end_reason,
            pulls.pull_id as started_pull_id,
            cast(null as {{ dbt.type_string() }}) as ended_pull_id,
            cast(null as {{ dbt.type_timestamp() }}) as hidden_until,
            cast(null as {{ dbt.type_string() }}) as hidden_end_reason,
            cast(null as {{ dbt.type_timestamp() }}) as settled_at,
        from observed_rows
        inner join pulls
            on
                observed_rows.bot_id = pulls.bot_id
                and observed_rows.pull_number = pulls.pull_number
        left join changed_keys
            on
                observed_rows.bot_id = changed_keys.bot_id
                and observed_rows.chatfuel_user_id = changed_keys.chatfuel_user_id
                and observed_rows.attribute_name = changed_keys.attribute_name
        where
            pulls.pull_number = 1
            and changed_keys.bot_id is null
    ),
{%- endif %}

all_versions as (
    select * from altered_versions
    {%- if not is_daily %}
        union all
        select * from unaltered_versions
    {%- endif %}
),

final as (
    select
        {{ hash_key(['bot_id', 'chatfuel_user_id', 'attribute_name', 'started_pull_id']) }} as version_key,
        bot_id,
        chatfuel_user_id,
        attribute_name,
        attribute_value,
        previous_value,
        observed_after,
        valid_from,
        valid_to,
        start_reason,
        end_reason,
        started_pull_id,
        ended_pull_id,
        hidden_until,
        hidden_end_reason,
        settled_at,
    from all_versions
)

select * from final
