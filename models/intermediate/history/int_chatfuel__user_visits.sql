{{
    config(
        materialized='incremental',
        unique_key='visit_key',
        incremental_predicates=chatfuel.only_where_null('superseded_at'),
        partition_by=chatfuel.partition_by_day('superseded_at'),
        cluster_by=['bot_id', 'chatfuel_user_id'],
        pre_hook="{{ chatfuel.rewind('observed_at', {'superseded_at': ['superseded_at']}) }}",
    )
}}
{%- set processed = processed_through(['observed_at'], 'superseded_at') %}
{%- set first_date = first_unprocessed_date(processed) %}

with

pulls as (
    select
        *,
        {{ is_unprocessed(processed, 'pulls') }} as is_unprocessed,
    from {{ ref('int_chatfuel__pulls') }} as pulls
),

users as (
    select * from {{ ref('stg_chatfuel__users') }}
    where
        last_seen_at is not null
    {%- if first_date is not none %}
            and pull_date >= date '{{ first_date }}'
        {%- endif %}
),

new_sightings as (
    select
        users.bot_id,
        users.chatfuel_user_id,
        users.last_seen_at,
        pulls.pull_id,
        pulls.pulled_at as observed_at,
        false as is_known,
    from users
    inner join pulls
        on
            users.bot_id = pulls.bot_id
            and users.pull_id = pulls.pull_id
    where pulls.is_unprocessed
),

sightings as (
    select * from new_sightings
    {%- if is_incremental() %}
        union all
        select
            bot_id,
            chatfuel_user_id,
            last_seen_at,
            pull_id,
            observed_at,
            true as is_known,
        from {{ this }}
        where superseded_at is null
    {%- endif %}
),

-- Most users were not seen since: one value in all that is looked at needs no window.
users_seen as (
    select
        bot_id,
        chatfuel_user_id,
        min(last_seen_at) as lowest_last_seen_at,
        max(last_seen_at) as highest_last_seen_at,
        min(observed_at) as first_observed_at,
    from sightings
    group by bot_id, chatfuel_user_id
),

compared as (
    select
        sightings.*,
        lag(sightings.last_seen_at) over (
            partition by sightings.bot_id, sightings.chatfuel_user_id
            order by sightings.observed_at
        ) as previous_last_seen_at,
    from sightings
    inner join users_seen
        on
            sightings.bot_id = users_seen.bot_id
            and sightings.chatfuel_user_id = users_seen.chatfuel_user_id
    where
        users_seen.lowest_last_seen_at < users_seen.highest_last_seen_at
        or sightings.observed_at = users_seen.first_observed_at
),

visits as (
    select
        *,
        lead(observed_at) over (partition by bot_id, chatfuel_user_id order by observed_at) as superseded_at,
    from compared
    where previous_last_seen_at is null or previous_last_seen_at <> last_seen_at
),

final as (
    select
        {{ hash_key(['bot_id', 'chatfuel_user_id', 'pull_id']) }} as visit_key,
        bot_id,
        chatfuel_user_id,
        last_seen_at,
        pull_id,
        observed_at,
        superseded_at,
    from visits
    where not is_known or superseded_at is not null
)

select * from final
