{%- do hashes_change() %}
with

users as (
    select * from {{ raw_table('users') }}
),

pulls as (
    select * from {{ ref('stg_chatfuel__pulls') }}
),

committed as (
    select users.*
    from users
    inner join pulls
        on
            users.bot_id = pulls.bot_id
            and users.pull_id = pulls.pull_id
            and users.pull_date = pulls.pull_date
),

final as (
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        chatfuel_user_id,
        {{ pii_column('page_id') }},
        {{ pii_column('first_name') }},
        {{ pii_column('last_name') }},
        signed_up,
        {{ parse_timestamp('signed_up') }} as signed_up_at,
        last_seen,
        {{ parse_timestamp('last_seen') }} as last_seen_at,
        status,
        {{ pii_column('timezone') }},
        {{ pii_column('gender') }},
        {{ pii_column('locale') }},
        {{ pii_column('source') }},
        {{ pii_column('sessions') }},
        {{ pii_column('last_visited_block_id') }},
        {{ pii_column('last_visited_block_name') }},
        {{ pii_column('instagram_name') }},
        {{ pii_column('instagram_handle') }},
        coalesce(
            channel,
            case when concat(coalesce(instagram_name, ''), coalesce(instagram_handle, '')) <> '' then 'instagram' end,
            'facebook'
        ) as platform,
    from committed
)

select * from final
