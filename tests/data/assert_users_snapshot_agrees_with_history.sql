{{ config(enabled=var('chatfuel__using_snapshots')) }}
-- What dbt's snapshot holds of a user now is what the history holds open: same users, same profile, same status. Users are
-- compared by one number that stands for all their fields.
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
        {%- for field in profile_fields() %}
        case when {{ field | replace(' ', '_') }} <> '' then 1 else 0 end
        {{- " +" if not loop.last else " as values_count," }}
        {%- endfor %}
        {%- for field in profile_fields() %}
        case when {{ field | replace(' ', '_') }} <> '' then {{ hash_number(["'" ~ field ~ "'", field | replace(' ', '_')]) }} else 0 end
        {{- " +" if not loop.last else " as values_number," }}
        {%- endfor %}
    from snapshot_users
),

history_values as (
    select
        bot_id,
        chatfuel_user_id,
        count(*) as values_count,
        sum({{ hash_number(['attribute_name', 'attribute_value']) }}) as values_number,
    from open_versions
    group by bot_id, chatfuel_user_id
)

select
    coalesce(snapshot_values.bot_id, history_values.bot_id) as bot_id,
    coalesce(snapshot_values.chatfuel_user_id, history_values.chatfuel_user_id) as chatfuel_user_id,
    snapshot_values.values_count as snapshot_values,
    history_values.values_count as history_values,
from snapshot_values
full join history_values
    on
        snapshot_values.bot_id = history_values.bot_id
        and snapshot_values.chatfuel_user_id = history_values.chatfuel_user_id
where
    coalesce(snapshot_values.values_count, 0) <> coalesce(history_values.values_count, 0)
    or coalesce(snapshot_values.values_number, 0) <> coalesce(history_values.values_number, 0)
