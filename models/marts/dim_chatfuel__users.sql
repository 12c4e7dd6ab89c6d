with

user_presence as (
    select * from {{ ref('int_chatfuel__user_presence') }}
),

versions as (
    select * from {{ ref('int_chatfuel__attribute_versions') }}
    where settled_at is null
),

kpi_versions as (
    select * from {{ ref('int_chatfuel__kpi_versions') }}
    where settled_at is null
),

user_visits as (
    select * from {{ ref('int_chatfuel__user_visits') }}
    where superseded_at is null
),

events as {{ inlined() }} (
    select * from {{ ref('fct_chatfuel__user_events') }}
),

users as (
    select
        bot_id,
        chatfuel_user_id,
        min(valid_from) as first_observed_at,
        max(case when valid_to is null then 1 else 0 end) = 1 as is_present,
        case when max(case when valid_to is null then 1 else 0 end) = 0 then max(valid_to) end as disappeared_at,
    from user_presence
    group by bot_id, chatfuel_user_id
),

profiles as (
    select
        bot_id,
        chatfuel_user_id,
        {%- for field in profile_fields() %}
            max(case when attribute_name = '{{ field }}' then attribute_value end) as {{ field | replace(' ', '_') }},
        {%- endfor %}
    from versions
    where
        attribute_name in (
            {%- for field in profile_fields() %}
                '{{ field }}'{{ "," if not loop.last }}
            {%- endfor %}
        )
    group by bot_id, chatfuel_user_id
),

standings as (
    select
        bot_id,
        chatfuel_user_id,
        case
            {%- for step in var('chatfuel_engagement_steps') | reverse %}
                when max(case when kpi = '{{ step }}' then 1 end) = 1 then '{{ step }}'
            {%- endfor %}
        end as engagement_step,
        case
            {%- for opinion in var('chatfuel_opinions') %}
                when max(case when kpi = '{{ opinion }}' then 1 end) = 1 then '{{ opinion }}'
            {%- endfor %}
        end as opinion,
        max(case when kpi = 'phone_numbers' then 1 end) = 1 as has_phone_number,
        max(case when kpi = 'emails' then 1 end) = 1 as has_email,
        max(case when kpi = 'unsubscribed' then 1 end) = 1 as is_unsubscribed,
    from kpi_versions
    group by bot_id, chatfuel_user_id
),

event_counts as (
    select
        bot_id,
        chatfuel_user_id,
        count(*) as events,
        sum(case when event_type = 'user_seen' then 1 else 0 end) as visits,
        sum(case when event_type in ('attribute_set', 'attribute_changed', 'attribute_cleared') then 1 else 0 end)
            as attribute_events,
        sum(case when event_type = 'broadcast_received' then 1 else 0 end) as broadcasts_received,
        max(observed_at) as last_event_observed_at,
        max(case when event_type = 'broadcast_received' then occurred_at end) as last_broadcast_at,
    from events
    group by bot_id, chatfuel_user_id
),

last_broadcasts as (
    select
        bot_id,
        chatfuel_user_id,
        broadcast_id,
    from events
    where event_type = 'broadcast_received'
    qualify
        row_number() over (
            partition by bot_id, chatfuel_user_id
            order by occurred_at desc, broadcast_id desc
        ) = 1
),

final as (
    select
        {{ hash_key(['users.bot_id', 'users.chatfuel_user_id']) }} as user_key,
        users.bot_id,
        users.chatfuel_user_id,
        profiles.page_id,
        profiles.first_name,
        profiles.last_name,
        case
            when profiles.instagram_name is not null or profiles.instagram_handle is not null then 'instagram'
            else 'facebook'
        end as platform,
        profiles.status,
        users.is_present,
        profiles.gender,
        profiles.locale,
        {{ safe_cast('profiles.timezone', chatfuel.type_double()) }} as timezone_hours,
        profiles.source,
        profiles.instagram_name,
        profiles.instagram_handle,
        {{ parse_timestamp('profiles.signed_up') }} as signed_up_at,
        users.first_observed_at,
        users.disappeared_at,
        user_visits.last_seen_at,
        standings.engagement_step,
        standings.opinion,
        coalesce(standings.has_phone_number, false) as has_phone_number,
        coalesce(standings.has_email, false) as has_email,
        coalesce(standings.is_unsubscribed, false) as is_unsubscribed,
        cast(coalesce(event_counts.events, 0) as {{ dbt.type_bigint() }}) as event_count,
        cast(coalesce(event_counts.visits, 0) as {{ dbt.type_bigint() }}) as visit_count,
        cast(coalesce(event_counts.attribute_events, 0) as {{ dbt.type_bigint() }}) as attribute_event_count,
        cast(coalesce(event_counts.broadcasts_received, 0) as {{ dbt.type_bigint() }}) as broadcast_count,
        last_broadcasts.broadcast_id as last_broadcast_id,
        event_counts.last_broadcast_at,
    from users
    left join profiles
        on
            users.bot_id = profiles.bot_id
            and users.chatfuel_user_id = profiles.chatfuel_user_id
    left join standings
        on
            users.bot_id = standings.bot_id
            and users.chatfuel_user_id = standings.chatfuel_user_id
    left join user_visits
        on
            users.bot_id = user_visits.bot_id
            and users.chatfuel_user_id = user_visits.chatfuel_user_id
    left join event_counts
        on
            users.bot_id = event_counts.bot_id
            and users.chatfuel_user_id = event_counts.chatfuel_user_id
    left join last_broadcasts
        on
            users.bot_id = last_broadcasts.bot_id
            and users.chatfuel_user_id = last_broadcasts.chatfuel_user_id
)

select * from final
