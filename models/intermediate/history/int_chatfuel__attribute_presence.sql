{{
    config(
        materialized='pull_by_pull',
        unique_key='presence_key',
        incremental_predicates=['valid_to is null'],
        cluster_by=['bot_id', 'attribute_name'],
        meta={'started_at': 'valid_from', 'reopened': {'valid_to': ['valid_to', 'ended_pull_id']}},
    )
}}

-- One row per bot, attribute and uninterrupted run of pulls that list the attribute. The panel lists it only while some
-- user has a value: there it stays, and its values were cleared.
{{ presence_of('attribute_name', observed=ref('int_chatfuel__observed_attributes'), stays_on='panel') }}
