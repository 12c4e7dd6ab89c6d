-- What dbt's snapshot holds of a user now is what the history holds open: same users, same profile, same status.
with

snapshot_users as (
    select * from {{ ref('snap_chatfuel__users') }}
    where dbt_valid_to is null
),

open_versions as (
    select * from {{ ref('int_chatfuel__attribute_versions') }}
    where
        settled_at is null
        and valid_to is null
        and attribute_name in ('{{ profile_fields() | join("', '") }}')
),

snapshot_values as (
    select
        bot_id,
        chatfuel_user_id,
        replace(column_name, '_', ' ') as attribute_name,
        attribute_value,
    from snapshot_users
    unpivot (
        attribute_value for column_name in (
            {%- for field in profile_fields() %}
            {{ field | replace(' ', '_') }}{{ "," if not loop.last }}
            {%- endfor %}
        )
    )
    where attribute_value <> ''
)

select
    coalesce(snapshot_values.bot_id, open_versions.bot_id) as bot_id,
    coalesce(snapshot_values.chatfuel_user_id, open_versions.chatfuel_user_id) as chatfuel_user_id,
    coalesce(snapshot_values.attribute_name, open_versions.attribute_name) as attribute_name,
    snapshot_values.attribute_value as snapshot_value,
    open_versions.attribute_value as history_value,
from snapshot_values
full join open_versions
    on
        snapshot_values.bot_id = open_versions.bot_id
        and snapshot_values.chatfuel_user_id = open_versions.chatfuel_user_id
        and snapshot_values.attribute_name = open_versions.attribute_name
where
    snapshot_values.attribute_value is null
    or open_versions.attribute_value is null
    or snapshot_values.attribute_value <> open_versions.attribute_value
