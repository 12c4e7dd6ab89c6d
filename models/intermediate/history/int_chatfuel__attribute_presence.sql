{{
    config(
        materialized='incremental',
        unique_key='presence_key',
        cluster_by=['bot_id', 'attribute_name'],
        pre_hook="{{ chatfuel.rewind('valid_from', {'valid_to': ['valid_to', 'ended_pull_id']}) }}",
    )
}}

{{ presence_runs(ref('int_chatfuel__observed_attributes'), 'attribute_name') }}
