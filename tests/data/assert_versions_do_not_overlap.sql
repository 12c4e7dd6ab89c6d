-- Of one attribute of one user, two versions never hold at the same time. Looked at: what the last pulls started, beside what
-- was open or hidden then.
with

versions as {{ inlined() }} (
    select * from {{ ref('int_chatfuel__attribute_versions') }}
    where settled_at is null or {{ is_of_last_pulls('settled_at') }}
),

new_keys as (
    select distinct
        bot_id,
        chatfuel_user_id,
        attribute_name,
    from versions
    where {{ is_of_last_pulls('valid_from') }}
),

followed_versions as (
    select
        versions.version_key,
        versions.valid_to,
        lead(versions.valid_from) over (
            partition by versions.bot_id, versions.chatfuel_user_id, versions.attribute_name
            order by versions.valid_from
        ) as next_valid_from,
    from versions
    inner join new_keys
        on
            versions.bot_id = new_keys.bot_id
            and versions.chatfuel_user_id = new_keys.chatfuel_user_id
            and versions.attribute_name = new_keys.attribute_name
)

select * from followed_versions
where next_valid_from < {{ open_ended('valid_to') }}
