{%- set steps = setting('chatfuel_engagement_steps') | reverse | list %}
{%- set opinions = setting('chatfuel_opinions') %}
{#- nobody knows when a value was set that the first pull showed, or that was hidden for a while #}
{%- set set_at = "case when start_reason in ('set', 'changed', 'user_appeared') then valid_from end" %}
with

user_presence as (
    select * from {{ ref('int_chatfuel__user_presence') }}
),

versions as (
    select
        *,
        coalesce(end_reason = 'retired', false) as is_retired,
    from {{ ref('int_chatfuel__attribute_versions') }}
    where settled_at is null
),

kpi_versions as (
    select
        *,
        {{ set_at }} as set_at,
    from {{ if_used('kpis', 'int_chatfuel__kpi_versions', {
        'bot_id': 'string', 'chatfuel_user_id': 'string', 'kpi': 'string', 'start_reason': 'string',
        'valid_from': 'timestamp', 'settled_at': 'timestamp'
    }) }}
    where settled_at is null
),

user_visits as (
    select * from {{ ref('int_chatfuel__user_visits') }}
    where superseded_at is null
),

user_activity as {{ inlined() }} (
    select * from {{ ref('int_chatfuel__user_activity') }}
),

users as (
    select
        bot_id,
        chatfuel_user_id,
        min(valid_from) as first_observed_at,
        max(platform) as first_platform,
        max(case when valid_to is null then 1 else 0 end) = 1 as is_present,
        case when max(case when valid_to is null then 1 else 0 end) = 0 then max(valid_to) end as disappeared_at,
    from user_presence
    group by bot_id, chatfuel_user_id
),

profiles as (
    select
        bot_id,
        chatfuel_user_id,
        -- the panel does not tell the status: after a bot moved there nobody knows it
        {%- for field in profile_fields() %}
            max(
                case
                    when
                        attribute_name = '{{ field }}'
                        {{ "and not is_retired" if field == 'status' }}
                        then attribute_value
                end
            ) as {{ field | replace(' ', '_') }},
        {%- endfor %}
        max(case when attribute_name = 'status' and not is_retired then {{ set_at }} end) as status_set_at,
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
        {{ first_of_kpis(steps) }} as engagement_step,
        {{ first_of_kpis(steps, 'set_at') }} as engagement_step_set_at,
        {{ first_of_kpis(opinions) }} as opinion,
        {{ first_of_kpis(opinions, 'set_at') }} as opinion_set_at,
        {%- for kpi in ['phone_numbers', 'emails', 'unsubscribed'] %}
            max(case when kpi = '{{ kpi }}' then 1 end) = 1 as has_{{ kpi }},
            max(case when kpi = '{{ kpi }}' then set_at end) as {{ kpi }}_set_at,
        {%- endfor %}
    from kpi_versions
    group by bot_id, chatfuel_user_id
),

activity as (
    select
        bot_id,
        chatfuel_user_id,
        sum(event_count) as event_count,
        sum(visit_count) as visit_count,
        sum(attribute_event_count) as attribute_event_count,
        sum(broadcast_count) as broadcast_count,
        max(last_broadcast_at) as last_broadcast_at,
    from user_activity
    group by bot_id, chatfuel_user_id
),

last_broadcasts as (
    select
        activity.bot_id,
        activity.chatfuel_user_id,
        max(user_activity.last_broadcast_id) as last_broadcast_id,
    from activity
    inner join user_activity
        on
            activity.bot_id = user_activity.bot_id
            and activity.chatfuel_user_id = user_activity.chatfuel_user_id
            and activity.last_broadcast_at = user_activity.last_broadcast_at
    group by activity.bot_id, activity.chatfuel_user_id
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
            when users.first_platform <> 'facebook' then users.first_platform
            when profiles.instagram_name is not null or profiles.instagram_handle is not null then 'instagram'
            else 'facebook'
        end as platform,
        profiles.status,
        profiles.status_set_at,
        users.is_present,
        profiles.gender,
        profiles.locale,
        {{ decimal_number('profiles.timezone') }} as timezone_hours,
        profiles.source,
        profiles.instagram_name,
        profiles.instagram_handle,
        {{ parse_timestamp('profiles.signed_up') }} as signed_up_at,
        users.first_observed_at,
        users.disappeared_at,
        user_visits.last_seen_at,
        standings.engagement_step,
        standings.engagement_step_set_at,
        standings.opinion,
        standings.opinion_set_at,
        coalesce(standings.has_phone_numbers, false) as has_phone_number,
        standings.phone_numbers_set_at as phone_number_set_at,
        coalesce(standings.has_emails, false) as has_email,
        standings.emails_set_at as email_set_at,
        coalesce(standings.has_unsubscribed, false) as is_unsubscribed,
        standings.unsubscribed_set_at as unsubscribed_at,
        cast(coalesce(activity.event_count, 0) as {{ dbt.type_bigint() }}) as event_count,
        case
            when user_visits.last_seen_at is not null
                then cast(coalesce(activity.visit_count, 0) as {{ dbt.type_bigint() }})
        end as visit_count,
        cast(coalesce(activity.attribute_event_count, 0) as {{ dbt.type_bigint() }}) as attribute_event_count,
        cast(coalesce(activity.broadcast_count, 0) as {{ dbt.type_bigint() }}) as broadcast_count,
        last_broadcasts.last_broadcast_id,
        activity.last_broadcast_at,
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
    left join activity
        on
            users.bot_id = activity.bot_id
            and users.chatfuel_user_id = activity.chatfuel_user_id
    left join last_broadcasts
        on
            users.bot_id = last_broadcasts.bot_id
            and users.chatfuel_user_id = last_broadcasts.chatfuel_user_id
)

select * from final
