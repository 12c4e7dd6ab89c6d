{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='presence_key',
        merge_update_columns=['valid_to', 'ended_pull_id'],
        cluster_by=['bot_id', 'attribute_name'],
        pre_hook="{{ chatfuel.rewind('valid_from', {'valid_to': ['valid_to', 'ended_pull_id']}) }}",
    )
}}

{{ presence_runs(ref('int_chatfuel__observed_attributes'), 'attribute_name') }}
