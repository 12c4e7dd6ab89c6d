{{ config(materialized='table') }}
{%- if execute and load_relation(this) is not none %}{% do hashes_change() %}{% endif %}

-- Made after the values, so that a build that fails between does not say that they are hashed.
-- depends_on: {{ ref('int_chatfuel__attribute_versions') }}
-- depends_on: {{ ref('fct_chatfuel__user_events') }}
-- depends_on: {{ if_used('broadcasts', 'int_chatfuel__broadcast_audiences', {}) | replace('\n', ' ') }}

with

final as (
    select '{{ pii_fingerprint() }}' as fingerprint
)

select * from final
