{{ config(enabled=var('chatfuel__using_dashboard')) }}
-- What the page has to know of the project's variables.
select
    '{{ setting("chatfuel_engagement_steps") | join(",") }}' as engagement_steps,
    '{{ setting("chatfuel_opinions") | join(",") }}' as opinions,
    '{{ var("chatfuel_timezone") }}' as timezone,
    {{ setting('chatfuel_attribution_days') }} as attribution_days,
    {{ setting('chatfuel_dashboard_min_group') }} as min_group
