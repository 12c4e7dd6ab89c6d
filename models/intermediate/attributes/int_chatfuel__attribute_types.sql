{{
    config(
        materialized='pull_by_pull',
        meta={'all_pulls_at_once': true, 'started_at': 'first_listed_at'},
    )
}}

-- One row per attribute: the type that the first pull which listed it gave it.
with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
    where {{ in_new_pulls() }}
),

catalogue as (
    select * from {{ ref('stg_chatfuel__attributes') }}
    where {{ in_new_pulls() }}
),

known_attributes as (
    select * from {{ this }}
),

final as (
    select
        {{ hash_key(['catalogue.bot_id', 'catalogue.attribute_name']) }} as attribute_key,
        catalogue.bot_id,
        catalogue.attribute_name,
        catalogue.attribute_type,
        pulls.pulled_at as first_listed_at,
    from catalogue
    inner join pulls
        on
            catalogue.bot_id = pulls.bot_id
            and catalogue.pull_id = pulls.pull_id
    left join known_attributes
        on
            catalogue.bot_id = known_attributes.bot_id
            and catalogue.attribute_name = known_attributes.attribute_name
    where known_attributes.attribute_key is null
    qualify
        row_number() over (
            partition by catalogue.bot_id, catalogue.attribute_name
            order by pulls.pulled_at, catalogue.attribute_type
        ) = 1
)

select * from final
