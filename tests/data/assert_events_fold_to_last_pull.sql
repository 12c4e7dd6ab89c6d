-- The law: what was known before the last pull, plus the events of the last pull, is the last pull. Day by day this proves
-- the whole log. Users are compared by one number that stands for all their values; a row here is a user whose values the
-- events say and the pull does not, or the other way round.
-- (status has events of its own; assert_open_versions_are_the_last_pull looks after it.)
with

last_pulls as (
    select * from {{ ref('int_chatfuel__last_pulls') }}
),

versions as (
    select * from {{ ref('int_chatfuel__attribute_versions') }}
    where
        attribute_name <> 'status'
        and (settled_at is null or {{ is_of_last_pulls('settled_at') }})
),

events as (
    select * from {{ ref('fct_chatfuel__user_events') }}
    where
        {{ is_of_last_pulls('observed_at') }}
        and event_type in ('attribute_set', 'attribute_changed', 'attribute_cleared')
),

observed_values as (
    select * from {{ ref('int_chatfuel__observed_values') }}
    where
        {{ is_of_last_pulls('pull_date') }}
        and attribute_name <> 'status'
),

observed_attributes as (
    select * from {{ ref('int_chatfuel__observed_attributes') }}
    where {{ is_of_last_pulls('pull_date') }}
),

users as (
    select * from {{ ref('stg_chatfuel__users') }}
    where {{ is_of_last_pulls('pull_date') }}
),

-- Also values that are hidden because the user or the attribute was away; at a bot's first pull, the baseline.
known_before as (
    select
        versions.bot_id,
        versions.chatfuel_user_id,
        versions.attribute_name,
        versions.attribute_value,
        1 as sign,
    from versions
    inner join last_pulls
        on versions.bot_id = last_pulls.bot_id
    where
        (versions.valid_from < last_pulls.pulled_at or versions.start_reason = 'baseline')
        and (
            versions.valid_to is null
            or versions.valid_to >= last_pulls.pulled_at
            or versions.end_reason in ('user_disappeared', 'retired')
        )
        and (versions.hidden_until is null or versions.hidden_until >= last_pulls.pulled_at)
),

last_events as (
    select events.*
    from events
    inner join last_pulls
        on
            events.bot_id = last_pulls.bot_id
            and events.pull_id = last_pulls.pull_id
),

-- An event takes the value before it away and puts the new one in its place.
folded as (
    select * from known_before
    union all
    select
        bot_id,
        chatfuel_user_id,
        attribute_name,
        old_value as attribute_value,
        -1 as sign,
    from last_events
    where old_value is not null
    union all
    select
        bot_id,
        chatfuel_user_id,
        attribute_name,
        new_value as attribute_value,
        1 as sign,
    from last_events
    where new_value is not null
),

last_attributes as (
    select
        observed_attributes.bot_id,
        observed_attributes.attribute_name,
    from observed_attributes
    inner join last_pulls
        on
            observed_attributes.bot_id = last_pulls.bot_id
            and observed_attributes.pull_id = last_pulls.pull_id
),

expected_users as (
    select
        folded.bot_id,
        folded.chatfuel_user_id,
        sum(folded.sign) as values_count,
        sum(folded.sign * {{ hash_number(['folded.attribute_name', 'folded.attribute_value']) }}) as values_number,
    from folded
    inner join last_attributes
        on
            folded.bot_id = last_attributes.bot_id
            and folded.attribute_name = last_attributes.attribute_name
    group by folded.bot_id, folded.chatfuel_user_id
),

pulled_users as (
    select
        observed_values.bot_id,
        observed_values.chatfuel_user_id,
        count(*) as values_count,
        sum({{ hash_number(['observed_values.attribute_name', 'observed_values.attribute_value']) }}) as values_number,
    from observed_values
    inner join last_pulls
        on
            observed_values.bot_id = last_pulls.bot_id
            and observed_values.pull_id = last_pulls.pull_id
    group by observed_values.bot_id, observed_values.chatfuel_user_id
),

last_users as (
    select
        users.bot_id,
        users.chatfuel_user_id,
    from users
    inner join last_pulls
        on
            users.bot_id = last_pulls.bot_id
            and users.pull_id = last_pulls.pull_id
)

select
    last_users.bot_id,
    last_users.chatfuel_user_id,
    expected_users.values_count as folded_values,
    pulled_users.values_count as pulled_values,
from last_users
left join expected_users
    on
        last_users.bot_id = expected_users.bot_id
        and last_users.chatfuel_user_id = expected_users.chatfuel_user_id
left join pulled_users
    on
        last_users.bot_id = pulled_users.bot_id
        and last_users.chatfuel_user_id = pulled_users.chatfuel_user_id
where
    coalesce(expected_users.values_count, 0) <> coalesce(pulled_users.values_count, 0)
    or coalesce(expected_users.values_number, 0) <> coalesce(pulled_users.values_number, 0)
