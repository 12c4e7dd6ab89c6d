with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
),

ledger as (
    select * from {{ ref('stg_chatfuel__pulls') }}
),

attribute_presence as (
    select * from {{ ref('int_chatfuel__attribute_presence') }}
),

attribute_changes as (
    select * from {{ ref('int_chatfuel__attribute_changes') }}
),

listed as (
    select
        bot_id,
        valid_from as pulled_at,
        count(*) as attributes,
    from attribute_presence
    group by bot_id, valid_from
),

no_longer_listed as (
    select
        bot_id,
        valid_to as pulled_at,
        count(*) as attributes,
    from attribute_presence
    group by bot_id, valid_to
),

changes as (
    select
        bot_id,
        pull_id,
        sum(change_count) as change_count,
    from attribute_changes
    group by bot_id, pull_id
),

with_previous as (
    select
        pulls.bot_id,
        pulls.pull_id,
        pulls.pulled_at,
        pulls.previous_pulled_at,
        pulls.activity_date,
        pulls.source,
        ledger.users_rows as users,
        ledger.user_attributes_rows as attribute_values,
        lag(ledger.users_rows) over (partition by pulls.bot_id order by pulls.pulled_at) as previous_users,
    from pulls
    inner join ledger
        on
            pulls.bot_id = ledger.bot_id
            and pulls.pull_id = ledger.pull_id
),

final as (
    select
        {{ hash_key(['with_previous.bot_id', 'with_previous.pull_id']) }} as pull_key,
        with_previous.bot_id,
        with_previous.pull_id,
        with_previous.pulled_at,
        with_previous.previous_pulled_at,
        with_previous.activity_date,
        with_previous.source,
        with_previous.users,
        with_previous.users - with_previous.previous_users as users_change,
        with_previous.attribute_values,
        -- at the first pull everything is new, so nothing is
        case
            when with_previous.previous_pulled_at is not null then coalesce(listed.attributes, 0)
        end as attributes_added,
        case
            when with_previous.previous_pulled_at is not null then coalesce(no_longer_listed.attributes, 0)
        end as attributes_retired,
        cast(coalesce(changes.change_count, 0) as {{ dbt.type_bigint() }}) as attribute_events,
    from with_previous
    left join listed
        on
            with_previous.bot_id = listed.bot_id
            and with_previous.pulled_at = listed.pulled_at
    left join no_longer_listed
        on
            with_previous.bot_id = no_longer_listed.bot_id
            and with_previous.pulled_at = no_longer_listed.pulled_at
    left join changes
        on
            with_previous.bot_id = changes.bot_id
            and with_previous.pull_id = changes.pull_id
)

select * from final
