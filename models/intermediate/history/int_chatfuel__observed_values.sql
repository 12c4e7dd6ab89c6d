with

user_attributes as (
    select * from {{ ref('stg_chatfuel__user_attributes') }}
),

users as (
    select * from {{ ref('stg_chatfuel__users') }}
),

observed_attributes as (
    select * from {{ ref('int_chatfuel__observed_attributes') }}
),

listed as (
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        chatfuel_user_id,
        attribute_name,
        attribute_value,
    from user_attributes
    where attribute_name not in {{ volatile_attributes() }}
),

profile as (
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        chatfuel_user_id,
        replace(column_name, '_', ' ') as attribute_name,
        attribute_value,
    from users
    unpivot (
        attribute_value for column_name in (
            {%- for field in profile_fields() %}
                {{ field | replace(' ', '_') }}{{ "," if not loop.last }}
            {%- endfor %}
        )
    )
),

unlisted as (
    select profile.*
    from profile
    inner join observed_attributes
        on
            profile.bot_id = observed_attributes.bot_id
            and profile.pull_id = observed_attributes.pull_id
            and profile.pull_date = observed_attributes.pull_date
            and profile.attribute_name = observed_attributes.attribute_name
    where
        not observed_attributes.is_listed
        and profile.attribute_value <> ''
),

final as (
    select * from listed
    union all
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        chatfuel_user_id,
        attribute_name,
        attribute_value,
    from unlisted
)

select * from final
