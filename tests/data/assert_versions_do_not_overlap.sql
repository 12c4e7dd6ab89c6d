-- Of one attribute of one user, two versions never hold at the same time. Looked at: versions that started at the last
-- pulls, and all that were open or hidden then.
with

versions as {{ inlined() }} (
    select * from {{ ref('int_chatfuel__attribute_versions') }}
    where settled_at is null or settled_at >= timestamp '{{ earliest_last_pull_date() }} 00:00:00'
),

new_versions as (
    select * from versions
    where valid_from >= timestamp '{{ earliest_last_pull_date() }} 00:00:00'
)

select
    new_versions.version_key,
    versions.version_key as overlapped_version_key,
from new_versions
inner join versions
    on
        new_versions.bot_id = versions.bot_id
        and new_versions.chatfuel_user_id = versions.chatfuel_user_id
        and new_versions.attribute_name = versions.attribute_name
        and new_versions.version_key <> versions.version_key
where
    new_versions.valid_from < {{ open_ended('versions.valid_to') }}
    and versions.valid_from < {{ open_ended('new_versions.valid_to') }}
