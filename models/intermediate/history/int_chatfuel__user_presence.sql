{{
    config(
        materialized='incremental',
        unique_key='presence_key',
        cluster_by=['bot_id', 'chatfuel_user_id'],
        pre_hook="{{ chatfuel.rewind('valid_from', {'valid_to': ['valid_to', 'ended_pull_id']}) }}",
    )
}}

{{ presence_runs(ref('stg_chatfuel__users'), 'chatfuel_user_id') }}
