{{
    config(
        materialized='pull_by_pull',
        unique_key='presence_key',
        incremental_predicates=['valid_to is null'],
        cluster_by=['bot_id', 'chatfuel_user_id'],
        on_schema_change='append_new_columns',
        meta={'started_at': 'valid_from', 'reopened': {'valid_to': ['valid_to', 'ended_pull_id']}},
    )
}}

-- One row per bot, user and uninterrupted run of pulls that hold the user.
{{ presence_of('chatfuel_user_id', observed=ref('stg_chatfuel__users'), kept='platform') }}
