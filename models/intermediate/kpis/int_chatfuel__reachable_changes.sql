{{
    config(
        materialized='pull_by_pull',
        meta={'all_pulls_at_once': true, 'started_at': 'pulled_at'},
    )
}}

-- One row per pull: how many users it could reach, and what made them so many since the pull before.
with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
    where {{ in_new_pulls() }}
),

all_pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
),

status_versions as (
    select * from {{ ref('int_chatfuel__kpi_versions') }}
    where
        kpi in ('new_subscribers', 'blocked')
        and (settled_at is null or settled_at >= {{ first_new_pull_at() }})
        and {{ of_bots_with_new_pulls() }}
),

user_presence as (
    select * from {{ ref('int_chatfuel__user_presence') }}
    where {{ of_bots_with_new_pulls() }}
),

windows as (
    select
        pulls.bot_id,
        pulls.pull_id,
        pulls.pulled_at,
        pulls.previous_pulled_at,
        pulls.activity_date,
        pulls.users_rows,
        all_pulls.users_rows as previous_users_rows,
    from pulls
    left join all_pulls
        on
            pulls.bot_id = all_pulls.bot_id
            and pulls.previous_pulled_at = all_pulls.pulled_at
),

-- Each user's status at the pull, and at the one before.
statuses as (
    select
        windows.bot_id,
        windows.pull_id,
        status_versions.chatfuel_user_id,
        status_versions.kpi,
        case when status_versions.valid_from <= windows.previous_pulled_at then 1 else 0 end as is_before,
        case when {{ open_ended('status_versions.valid_to') }} > windows.pulled_at then 1 else 0 end as is_after,
    from windows
    inner join status_versions
        on
            windows.bot_id = status_versions.bot_id
            and windows.pulled_at >= status_versions.valid_from
            and coalesce(windows.previous_pulled_at, windows.pulled_at) < {{ open_ended('status_versions.valid_to') }}
),

standing as (
    select
        bot_id,
        pull_id,
        sum(is_before) as users_before,
        sum(is_after) as users_after,
        sum(case when kpi = 'new_subscribers' then is_before else 0 end) as reachable_before,
        sum(case when kpi = 'new_subscribers' then is_after else 0 end) as reachable_after,
    from statuses
    group by bot_id, pull_id
),

-- A user who leaves the export is gone and not blocked; one who comes back to it was not unblocked.
moves as (
    select
        statuses.bot_id,
        statuses.pull_id,
        sum(case when presence_starts.start_reason = 'appeared' then statuses.is_after else 0 end) as appeared,
        sum(case when presence_starts.start_reason = 'returned' then statuses.is_after else 0 end) as returned,
        sum(case when presence_starts.start_reason is null then statuses.is_after else 0 end) as unblocked,
        sum(case when presence_ends.bot_id is null then statuses.is_before else 0 end) as blocked,
        sum(case when presence_ends.bot_id is not null then statuses.is_before else 0 end) as disappeared,
    from statuses
    left join user_presence as presence_starts
        on
            statuses.bot_id = presence_starts.bot_id
            and statuses.chatfuel_user_id = presence_starts.chatfuel_user_id
            and statuses.pull_id = presence_starts.started_pull_id
    left join user_presence as presence_ends
        on
            statuses.bot_id = presence_ends.bot_id
            and statuses.chatfuel_user_id = presence_ends.chatfuel_user_id
            and statuses.pull_id = presence_ends.ended_pull_id
    where
        statuses.kpi = 'new_subscribers'
        and statuses.is_before <> statuses.is_after
    group by statuses.bot_id, statuses.pull_id
),

-- A pull with users and without any status does not know them.
known as (
    select
        windows.*,
        coalesce(standing.reachable_before, 0) as reachable_before,
        coalesce(standing.reachable_after, 0) as reachable_after,
        windows.previous_users_rows = 0 or coalesce(standing.users_before, 0) > 0 as is_known_before,
        windows.users_rows = 0 or coalesce(standing.users_after, 0) > 0 as is_known_after,
    from windows
    left join standing
        on
            windows.bot_id = standing.bot_id
            and windows.pull_id = standing.pull_id
),

final as (
    select
        {{ hash_key(['known.bot_id', 'known.pull_id']) }} as pull_key,
        known.bot_id,
        known.pull_id,
        known.pulled_at,
        known.previous_pulled_at,
        known.activity_date,
        cast(case when known.is_known_before then known.reachable_before end as {{ dbt.type_bigint() }})
            as reachable_before,
        {%- for move in ['appeared', 'returned', 'unblocked', 'blocked', 'disappeared'] %}
            cast(
                case when known.is_known_before and known.is_known_after then coalesce(moves.{{ move }}, 0) end
                as {{ dbt.type_bigint() }}
            ) as {{ move }},
        {%- endfor %}
        cast(case when known.is_known_after then known.reachable_after end as {{ dbt.type_bigint() }})
            as reachable_after,
    from known
    left join moves
        on
            known.bot_id = moves.bot_id
            and known.pull_id = moves.pull_id
)

select * from final
