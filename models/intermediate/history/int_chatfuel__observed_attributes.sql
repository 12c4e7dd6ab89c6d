with

catalogue as (
    select * from {{ ref('stg_chatfuel__attributes') }}
),

pulls as (
    select * from {{ ref('stg_chatfuel__pulls') }}
),

listed as (
    select distinct
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        attribute_name,
    from catalogue
    where attribute_name not in {{ volatile_attributes() }}
),

fields as (
    {%- for field in profile_fields() %}
        select '{{ field }}' as attribute_name{{ " union all" if not loop.last }}
    {%- endfor %}
),

-- The old surface's users export holds these fields whether the catalogue lists them or not.
profile_fields as (
    select
        pulls.bot_id,
        pulls.pull_id,
        pulls.pull_date,
        pulls.pulled_at,
        fields.attribute_name,
    from pulls
    cross join fields
    where pulls.source = 'api' and coalesce(pulls.surface, 'classic') = 'classic'
),

unlisted as (
    select profile_fields.*
    from profile_fields
    left join listed
        on
            profile_fields.bot_id = listed.bot_id
            and profile_fields.pull_id = listed.pull_id
            and profile_fields.attribute_name = listed.attribute_name
    where listed.attribute_name is null
),

final as (
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        attribute_name,
        true as is_listed,
    from listed
    union all
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        attribute_name,
        false as is_listed,
    from unlisted
)

select * from final
