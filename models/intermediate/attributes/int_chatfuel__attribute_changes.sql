{{
    config(
        materialized='pull_by_pull',
        meta={'all_pulls_at_once': true, 'started_at': 'observed_at'},
    )
}}

-- One row per pull and attribute that changed for somebody.
with

{{ new_events() }},

final as (
    select
        {{ hash_key(['bot_id', 'attribute_name', 'pull_id']) }} as attribute_change_key,
        bot_id,
        attribute_name,
        pull_id,
        observed_at,
        count(*) as change_count,
    from new_events
    where attribute_name is not null
    group by bot_id, attribute_name, pull_id, observed_at
)

select * from final
