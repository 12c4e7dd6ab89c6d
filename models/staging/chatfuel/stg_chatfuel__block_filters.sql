{%- do hashes_change() %}
with

block_filters as (
    select * from {{ raw_table('block_filters') }}
),

pulls as (
    select * from {{ ref('stg_chatfuel__pulls') }}
),

committed as (
    select block_filters.*
    from block_filters
    inner join pulls
        on
            block_filters.bot_id = pulls.bot_id
            and block_filters.pull_id = pulls.pull_id
            and block_filters.pull_date = pulls.pull_date
),

shown as (
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        broadcast_id,
        block_id,
        {{ pii_filter('payload') }},
    from committed
),

final as (
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        broadcast_id,
        block_id,
        {{ json_text('payload', 'title') }} as block_title,
        {{ json_text('payload', 'removed') }} = 'true' as is_removed,
        {{ json_text('payload', 'user_filter.operation') }} as filter_operation,
        coalesce({{ json_text('payload', 'user_filter.valid') }}, 'true') = 'true' as is_filter_valid,
        payload,
    from shown
)

select * from final
