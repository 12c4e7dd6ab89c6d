{%- do hashes_change() %}
with

user_attributes as (
    select * from {{ raw_table('user_attributes') }}
),

pulls as (
    select * from {{ ref('stg_chatfuel__pulls') }}
),

committed as (
    select user_attributes.*
    from user_attributes
    inner join pulls
        on
            user_attributes.bot_id = pulls.bot_id
            and user_attributes.pull_id = pulls.pull_id
            and user_attributes.pull_date = pulls.pull_date
),

final as (
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        chatfuel_user_id,
        attribute_name,
        {{ pii_attribute_value('attribute_name', 'attribute_value') }},
    from committed
)

select * from final
