{#
  The SQL of a presence model: the runs that start and those that end at the new pulls.

  key: the column beside bot_id whose presence is told.
  observed: the relation that holds one row per pull and key.
  stays_on: the surface on which a key that is no longer observed stays: it shows only those that there is a value of.
  kept: a column of it that a run keeps, as it was when the run started.
#}
{% macro presence_of(key, observed, stays_on='', kept='') -%}
with

{{ readable_new_pulls() }},

observed as (
    select
        bot_id,
        {{ key }},
        {%- if kept %}
        max({{ kept }}) as {{ kept }},
        {%- endif %}
    from {{ observed }}
    where {{ in_new_pulls() }}
    group by bot_id, {{ key }}
),

known_runs as (
    select * from {{ this }}
    where {{ of_bots_with_new_pulls() }}
),

known_keys as (
    select distinct
        bot_id,
        {{ key }},
    from known_runs
),

open_runs as (
    select * from known_runs
    where valid_to is null
),

started_runs as (
    select
        {{ chatfuel.hash_key(['observed.bot_id', 'observed.' ~ key, 'pulls.pull_id']) }} as presence_key,
        observed.bot_id,
        observed.{{ key }},
        pulls.pulled_at as valid_from,
        cast(null as timestamp) as valid_to,
        case
            when pulls.previous_pulled_at is null or pulls.is_of_new_surface then 'baseline'
            when known_keys.bot_id is null then 'appeared'
            else 'returned'
        end as start_reason,
        pulls.pull_id as started_pull_id,
        cast(null as {{ dbt.type_string() }}) as ended_pull_id,
        {%- if kept %}
        observed.{{ kept }},
        {%- endif %}
    from observed
    inner join pulls
        on observed.bot_id = pulls.bot_id
    left join known_keys
        on
            observed.bot_id = known_keys.bot_id
            and observed.{{ key }} = known_keys.{{ key }}
    left join open_runs
        on
            observed.bot_id = open_runs.bot_id
            and observed.{{ key }} = open_runs.{{ key }}
    where open_runs.bot_id is null
),

ended_runs as (
    select
        open_runs.presence_key,
        open_runs.bot_id,
        open_runs.{{ key }},
        open_runs.valid_from,
        pulls.pulled_at as valid_to,
        open_runs.start_reason,
        open_runs.started_pull_id,
        pulls.pull_id as ended_pull_id,
        {%- if kept %}
        open_runs.{{ kept }},
        {%- endif %}
    from open_runs
    inner join pulls
        on open_runs.bot_id = pulls.bot_id
    left join observed
        on
            open_runs.bot_id = observed.bot_id
            and open_runs.{{ key }} = observed.{{ key }}
    where
        observed.bot_id is null
        {%- if stays_on %}
        and (coalesce(pulls.surface, '') <> '{{ stays_on }}' or pulls.is_of_new_surface)
        {%- endif %}
),

final as (
    select * from started_runs
    union all
    select * from ended_runs
)

select * from final
{%- endmacro %}

{#
  The CTE `pulls`, for models to which a missing row says something: the new pulls whose raw rows are still there. One whose
  rows have expired shows nobody, which is not to say that everybody left.
#}
{% macro readable_new_pulls() -%}
pulls as (
    select *
    from {{ ref('int_chatfuel__pulls') }} as pulls
    where
        {{ in_new_pulls() }}
        and (
            pulls.users_rows = 0
            or exists (
                select 1
                from {{ ref('stg_chatfuel__users') }} as users
                where
                    {{ in_new_pulls() }}
                    and users.bot_id = pulls.bot_id
                    and users.pull_id = pulls.pull_id
            )
        )
)
{%- endmacro %}
