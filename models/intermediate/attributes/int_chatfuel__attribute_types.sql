{{
    config(
        materialized='incremental',
        unique_key='attribute_key',
        on_schema_change='fail',
        pre_hook="{{ chatfuel.rewind('first_listed_at') }}",
    )
}}
{%- set processed = processed_through(['first_listed_at']) %}
{%- set first_date = first_unprocessed_date(processed) %}

with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }} as pulls
    where {{ is_unprocessed(processed, 'pulls') }}
),

catalogue as (
    select * from {{ ref('stg_chatfuel__attributes') }}
    {%- if first_date is not none %}
        where pull_date >= date '{{ first_date }}'
    {%- endif %}
),

first_listed as (
    select
        catalogue.bot_id,
        catalogue.attribute_name,
        catalogue.attribute_type,
        pulls.pulled_at as first_listed_at,
    from catalogue
    inner join pulls
        on
            catalogue.bot_id = pulls.bot_id
            and catalogue.pull_id = pulls.pull_id
    qualify
        row_number() over (
            partition by catalogue.bot_id, catalogue.attribute_name
            order by pulls.pulled_at, catalogue.attribute_type
        ) = 1
),

{%- if is_incremental() %}

-- An attribute keeps the type that the first pull gave it.
known as (
    select attribute_key from {{ this }}
),
{%- endif %}

final as (
    select
        {{ hash_key(['bot_id', 'attribute_name']) }} as attribute_key,
        bot_id,
        attribute_name,
        attribute_type,
        first_listed_at,
    from first_listed
)

select * from final
{%- if is_incremental() %}
where attribute_key not in (select known.attribute_key from known)
{%- endif %}
