{{
    config(
        materialized='pull_by_pull',
        unique_key='version_key',
        incremental_predicates=['settled_at is null'],
        partition_by=chatfuel.partition_by_day('settled_at'),
        cluster_by=['bot_id', 'attribute_name', 'chatfuel_user_id'],
        meta={'started_at': 'valid_from', 'reopened': {
            'valid_to': ['valid_to', 'end_reason', 'ended_pull_id', 'hidden_until', 'hidden_end_reason', 'settled_at'],
            'hidden_until': ['hidden_until', 'hidden_end_reason', 'settled_at'],
        }},
    )
}}

-- One row per bot, user, attribute and uninterrupted run of one value.
-- A step compares what was known before a pull with what the pull shows, and returns the versions that start and end.
with

{{ readable_new_pulls() }},

all_pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
),

values_in_pull as (
    select * from {{ ref('int_chatfuel__observed_values') }}
    where {{ in_new_pulls() }}
),

users_in_pull as (
    select distinct
        bot_id,
        chatfuel_user_id,
    from {{ ref('stg_chatfuel__users') }}
    where {{ in_new_pulls() }}
),

user_presence as (
    select *, {{ open_ended('valid_to') }} as ended_at
    from {{ ref('int_chatfuel__user_presence') }}
),

attribute_presence as (
    select *, {{ open_ended('valid_to') }} as ended_at
    from {{ ref('int_chatfuel__attribute_presence') }}
),

-- What holds, and the last known values of users and attributes that are away.
known_versions as {{ inlined() }} (
    select * from {{ this }}
    where
        settled_at is null
        and {{ of_bots_with_new_pulls() }}
),

-- Nearly all values are what they were. Only what decides goes through this join; all that follows is about the rest.
differences as (
    select
        bot_id,
        chatfuel_user_id,
        attribute_name,
        known_versions.attribute_value as known_value,
        known_versions.valid_to as hidden_from,
        values_in_pull.attribute_value as new_value,
    from known_versions
    full join values_in_pull using (bot_id, chatfuel_user_id, attribute_name)
    where
        known_versions.attribute_value is distinct from values_in_pull.attribute_value
        or known_versions.valid_to is not null
),

-- What the pull says about each of them: the table of rules.
outcomes as (
    select
        differences.*,
        pulls.pull_id,
        pulls.pulled_at,
        pulls.previous_pulled_at,
        case
            when differences.new_value = differences.known_value then 'observed_again'
            when differences.new_value is not null and differences.known_value is not null then 'changed'
            when
                differences.new_value is not null and (pulls.previous_pulled_at is null or pulls.is_of_new_surface)
                then 'baseline'
            when differences.new_value is not null and first_presence.bot_id is not null then 'user_appeared'
            when differences.new_value is not null then 'set'
            when users_in_pull.bot_id is null then 'user_disappeared'
            when attribute_presence.bot_id is null then 'retired'
            else 'cleared'
        end as outcome,
    from differences
    inner join pulls using (bot_id)
    left join users_in_pull using (bot_id, chatfuel_user_id)
    left join attribute_presence
        on
            differences.bot_id = attribute_presence.bot_id
            and differences.attribute_name = attribute_presence.attribute_name
            and pulls.pulled_at >= attribute_presence.valid_from
            and pulls.pulled_at < attribute_presence.ended_at
    left join user_presence as first_presence
        on
            differences.bot_id = first_presence.bot_id
            and differences.chatfuel_user_id = first_presence.chatfuel_user_id
            and pulls.pulled_at = first_presence.valid_from
            and first_presence.start_reason = 'appeared'
),

-- Without a known value, the window begins at the last pull that held user and attribute, else at the last that held
-- the user: at the pull before these were no longer there.
last_presence as (
    select
        outcomes.bot_id,
        outcomes.chatfuel_user_id,
        outcomes.attribute_name,
        max(least(user_presence.ended_at, outcomes.pulled_at)) as user_gone_at,
        max(
            case
                when
                    greatest(user_presence.valid_from, attribute_presence.valid_from)
                    < least(user_presence.ended_at, attribute_presence.ended_at, outcomes.pulled_at)
                    then least(user_presence.ended_at, attribute_presence.ended_at, outcomes.pulled_at)
            end
        ) as either_gone_at,
    from outcomes
    inner join user_presence
        on
            outcomes.bot_id = user_presence.bot_id
            and outcomes.chatfuel_user_id = user_presence.chatfuel_user_id
            and outcomes.pulled_at > user_presence.valid_from
    -- left, for from inner joins alone DuckDB may begin with all users times all attributes
    left join attribute_presence
        on
            outcomes.bot_id = attribute_presence.bot_id
            and outcomes.attribute_name = attribute_presence.attribute_name
    where outcomes.outcome = 'set'
    group by outcomes.bot_id, outcomes.chatfuel_user_id, outcomes.attribute_name
),

started_versions as (
    select
        {{ hash_key(['outcomes.bot_id', 'chatfuel_user_id', 'attribute_name', 'outcomes.pull_id']) }} as version_key,
        outcomes.bot_id,
        chatfuel_user_id,
        attribute_name,
        outcomes.new_value as attribute_value,
        case when outcomes.outcome = 'changed' then outcomes.known_value end as previous_value,
        case
            when outcomes.outcome <> 'baseline' then coalesce(gone.previous_pulled_at, outcomes.previous_pulled_at)
        end as observed_after,
        outcomes.pulled_at as valid_from,
        cast(null as timestamp) as valid_to,
        outcomes.outcome as start_reason,
        cast(null as {{ dbt.type_string() }}) as end_reason,
        outcomes.pull_id as started_pull_id,
        cast(null as {{ dbt.type_string() }}) as ended_pull_id,
        cast(null as timestamp) as hidden_until,
        cast(null as {{ dbt.type_string() }}) as hidden_end_reason,
        cast(null as timestamp) as settled_at,
    from outcomes
    left join last_presence using (bot_id, chatfuel_user_id, attribute_name)
    left join all_pulls as gone
        on
            outcomes.bot_id = gone.bot_id
            and gone.pulled_at
            = coalesce(last_presence.either_gone_at, last_presence.user_gone_at, outcomes.hidden_from)
    where outcomes.new_value is not null
),

-- What is no longer observed ends, and stays the last known value until a pull observes it again and settles it.
ended_versions as (
    select
        known_versions.version_key,
        bot_id,
        chatfuel_user_id,
        attribute_name,
        known_versions.attribute_value,
        known_versions.previous_value,
        known_versions.observed_after,
        known_versions.valid_from,
        coalesce(known_versions.valid_to, outcomes.pulled_at) as valid_to,
        known_versions.start_reason,
        coalesce(known_versions.end_reason, outcomes.outcome) as end_reason,
        known_versions.started_pull_id,
        coalesce(known_versions.ended_pull_id, outcomes.pull_id) as ended_pull_id,
        case when outcomes.hidden_from is not null then outcomes.pulled_at end as hidden_until,
        case when outcomes.hidden_from is not null then outcomes.outcome end as hidden_end_reason,
        case when outcomes.outcome not in ('user_disappeared', 'retired') then outcomes.pulled_at end as settled_at,
    from known_versions
    inner join outcomes using (bot_id, chatfuel_user_id, attribute_name)
    where outcomes.hidden_from is null or outcomes.outcome not in ('user_disappeared', 'retired')
),

final as (
    select * from started_versions
    union all
    select * from ended_versions
)

select * from final
