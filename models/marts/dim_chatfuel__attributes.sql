with

attribute_presence as (
    select * from {{ ref('int_chatfuel__attribute_presence') }}
),

attribute_types as (
    select * from {{ ref('int_chatfuel__attribute_types') }}
),

attribute_changes as (
    select * from {{ ref('int_chatfuel__attribute_changes') }}
),

versions as (
    select * from {{ ref('int_chatfuel__attribute_versions') }}
    where
        settled_at is null
        and valid_to is null
),

last_pulls as (
    select
        bot_id,
        max(pulled_at) as last_pulled_at,
    from {{ ref('int_chatfuel__pulls') }}
    group by bot_id
),

attributes as (
    select
        bot_id,
        attribute_name,
        min(valid_from) as first_observed_at,
        case when count(*) = count(valid_to) then max(valid_to) end as retired_at,
    from attribute_presence
    group by bot_id, attribute_name
),

current_values as (
    select
        bot_id,
        attribute_name,
        count(*) as users_with_value,
        count(distinct attribute_value) as distinct_values,
    from versions
    group by bot_id, attribute_name
),

changes as (
    select
        bot_id,
        attribute_name,
        sum(change_count) as change_count,
        max(observed_at) as last_changed_at,
    from attribute_changes
    group by bot_id, attribute_name
),

final as (
    select
        {{ hash_key(['attributes.bot_id', 'attributes.attribute_name']) }} as attribute_key,
        attributes.bot_id,
        attributes.attribute_name,
        -- the users export holds some fields that the catalogue does not list
        coalesce(attribute_types.attribute_type, 'system') as attribute_type,
        attributes.retired_at is not null as is_retired,
        coalesce(current_values.users_with_value, 0) as users_with_value,
        coalesce(current_values.distinct_values, 0) as distinct_values,
        cast(coalesce(changes.change_count, 0) as {{ dbt.type_bigint() }}) as change_count,
        attributes.first_observed_at,
        changes.last_changed_at,
        cast({{ days_between(
            local_date('coalesce(changes.last_changed_at, attributes.first_observed_at)'),
            local_date('last_pulls.last_pulled_at'),
        ) }} as {{ dbt.type_bigint() }}) as days_without_change,
        attributes.retired_at,
    from attributes
    inner join last_pulls
        on attributes.bot_id = last_pulls.bot_id
    left join attribute_types
        on
            attributes.bot_id = attribute_types.bot_id
            and attributes.attribute_name = attribute_types.attribute_name
    left join current_values
        on
            attributes.bot_id = current_values.bot_id
            and attributes.attribute_name = current_values.attribute_name
    left join changes
        on
            attributes.bot_id = changes.bot_id
            and attributes.attribute_name = changes.attribute_name
)

select * from final
