{{ config(enabled=var('chatfuel__using_dashboard')) }}
-- Attributes that came or went since the first pull.
with

attributes as (
    select * from {{ ref('dim_chatfuel__attributes') }}
),

first_pulls as (
    select
        bot_id,
        min(pulled_at) as first_pulled_at,
    from {{ ref('int_chatfuel__pulls') }}
    group by bot_id
),

changes as (
    select
        attributes.bot_id,
        {{ local_date('attributes.first_observed_at') }} as date,
        'added' as change,
        attributes.attribute_name,
    from attributes
    inner join first_pulls
        on
            attributes.bot_id = first_pulls.bot_id
            and attributes.first_observed_at > first_pulls.first_pulled_at
    union all
    select
        bot_id,
        {{ local_date('retired_at') }} as date,
        'retired' as change,
        attribute_name,
    from attributes
    where is_retired
)

select * from changes
order by bot_id asc, date desc, change asc, attribute_name asc
