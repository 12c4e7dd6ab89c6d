with

attributes as (
    select * from {{ raw_table('attributes') }}
),

pulls as (
    select * from {{ ref('stg_chatfuel__pulls') }}
),

committed as (
    select attributes.*
    from attributes
    inner join pulls
        on
            attributes.bot_id = pulls.bot_id
            and attributes.pull_id = pulls.pull_id
            and attributes.pull_date = pulls.pull_date
),

final as (
    select
        bot_id,
        pull_id,
        pull_date,
        pulled_at,
        attribute_name,
        attribute_type,
        {{ normalise_name('attribute_name') }} as attribute_rule_name,
        data_type,
        {{ pii_attribute_value('attribute_name', 'default_value') }},
    from committed
)

select * from final
