{{
    config(
        materialized='pull_by_pull',
        meta={'all_pulls_at_once': true, 'started_at': 'observed_at'},
    )
}}

-- One row per pull and attribute that changed for somebody.
with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
    where {{ in_new_pulls() }}
),

events as (
    select * from {{ ref('fct_chatfuel__user_events') }}
    where
        attribute_name is not null
        and observed_at >= {{ first_new_pull_at() }}
        and observed_at <= {{ last_new_pull_at() }}
),

final as (
    select
        {{ hash_key(['events.bot_id', 'events.attribute_name', 'events.pull_id']) }} as attribute_change_key,
        events.bot_id,
        events.attribute_name,
        events.pull_id,
        events.observed_at,
        count(*) as change_count,
    from events
    inner join pulls
        on
            events.bot_id = pulls.bot_id
            and events.pull_id = pulls.pull_id
    group by events.bot_id, events.attribute_name, events.pull_id, events.observed_at
)

select * from final
