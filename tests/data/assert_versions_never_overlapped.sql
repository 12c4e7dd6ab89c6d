-- Of one attribute of one user, no two versions ever held at the same time: all of history, once a week.
-- (Every day, the law compares the versions that hold with the last pull.)
{{ config(tags=['weekly']) }}

with

versions as (
    select * from {{ ref('int_chatfuel__attribute_versions') }}
),

followed_versions as (
    select
        version_key,
        valid_to,
        lead(valid_from) over (
            partition by bot_id, chatfuel_user_id, attribute_name
            order by valid_from
        ) as next_valid_from,
    from versions
)

select * from followed_versions
where next_valid_from < {{ open_ended('valid_to') }}
