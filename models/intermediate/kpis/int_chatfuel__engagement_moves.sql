{{
    config(
        materialized='pull_by_pull',
        meta={'all_pulls_at_once': true, 'rules': var('chatfuel_kpi_rules'), 'started_at': 'observed_at'},
    )
}}

-- One row per event that moved a user from one step of engagement to another.
with

{{ new_events() }},

unsubscribed_users as (
    select * from {{ ref('int_chatfuel__standing_kpis') }}
    where kpi = 'unsubscribed'
),

step_rules as (
    select
        *,
        case kpi
            {%- for step in setting('chatfuel_engagement_steps') %}
                when '{{ step }}' then {{ loop.index }}
            {%- endfor %}
        end as step_number,
    from {{ ref(setting('chatfuel_kpi_rules')) }}
    where
        kpi in (
            {%- for step in setting('chatfuel_engagement_steps') %}
                '{{ step }}'{{ "," if not loop.last }}
            {%- endfor %}
        )
),

-- A value that meets the rules of two steps stands for the higher one.
moves as (
    select
        new_events.event_key,
        coalesce(
            max(
                case
                    when {{ meets_rule('new_events.old_value', 'step_rules') }}
                        then step_rules.step_number
                end
            ),
            0
        ) as from_step_number,
        coalesce(
            max(
                case
                    when {{ meets_rule('new_events.new_value', 'step_rules') }}
                        then step_rules.step_number
                end
            ),
            0
        ) as to_step_number,
    from new_events
    inner join step_rules
        on {{ normalise_name('new_events.attribute_name') }} = step_rules.attribute_name
    where new_events.event_type in ('attribute_set', 'attribute_changed', 'attribute_cleared')
    group by new_events.event_key
),

final as (
    select
        new_events.event_key,
        new_events.bot_id,
        new_events.chatfuel_user_id,
        {%- for side in ['from', 'to'] %}
            case moves.{{ side }}_step_number
                {%- for step in setting('chatfuel_engagement_steps') %}
                    when {{ loop.index }} then '{{ step }}'
                {%- endfor %}
                else 'none'
            end as {{ side }}_step,
        {%- endfor %}
        moves.to_step_number > moves.from_step_number as is_up,
        new_events.broadcast_id,
        new_events.activity_date,
        new_events.observed_at,
        new_events.pull_id,
    from new_events
    inner join moves
        on new_events.event_key = moves.event_key
    left join unsubscribed_users
        on
            new_events.bot_id = unsubscribed_users.bot_id
            and new_events.pull_id = unsubscribed_users.pull_id
            and new_events.chatfuel_user_id = unsubscribed_users.chatfuel_user_id
    where
        moves.from_step_number <> moves.to_step_number
        and unsubscribed_users.chatfuel_user_id is null
)

select * from final
