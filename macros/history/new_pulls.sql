{#
  What the SQL of a model that is derived pull by pull says of the new pulls. As they stand these conditions hold for every
  pull, so that the SQL can be compiled, linted and unit-tested with the rows of one step; the materialization replaces them
  by constants, so that a warehouse reads the partitions of the new pulls and no others.
#}

{# Rows of the new pulls, in a relation with bot_id, pull_id, pull_date and pulled_at. #}
{% macro in_new_pulls() -%}
    true /* in the new pulls */
{%- endmacro %}

{# Rows of bots that have a new pull. #}
{% macro of_bots_with_new_pulls() -%}
    true /* of bots with new pulls */
{%- endmacro %}

{# The pulled_at of the first of the new pulls, and of the last. #}
{% macro first_new_pull_at() -%}
    timestamp '1970-01-01 00:00:00' /* first new pull */
{%- endmacro %}

{% macro last_new_pull_at() -%}
    timestamp '9999-12-31 00:00:00' /* last new pull */
{%- endmacro %}

{#
  The CTEs `pulls` and `new_events`: the new pulls, and the events that they show. Of bots that share a step, each has its
  own new pulls.
#}
{% macro new_events() -%}
pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
    where {{ in_new_pulls() }}
),

events as (
    select * from {{ ref('fct_chatfuel__user_events') }}
    where
        observed_at >= {{ first_new_pull_at() }}
        and observed_at <= {{ last_new_pull_at() }}
        and {{ of_bots_with_new_pulls() }}
),

new_events as (
    select events.*
    from events
    inner join pulls
        on
            events.bot_id = pulls.bot_id
            and events.pull_id = pulls.pull_id
)
{%- endmacro %}

{% macro fill_in_new_pulls(sql, step) %}
    {% set times = step | map(attribute='pulled_at') | sort %}
    {{ return(
        sql
        | replace(chatfuel.in_new_pulls(), chatfuel.new_pulls_condition(step))
        | replace(chatfuel.of_bots_with_new_pulls(), chatfuel.one_of_bots(step | map(attribute='bot_id') | unique | list))
        | replace(chatfuel.first_new_pull_at(), "timestamp '" ~ times | first ~ "'")
        | replace(chatfuel.last_new_pull_at(), "timestamp '" ~ times | last ~ "'")
    ) }}
{% endmacro %}

{#
  Plain equalities where bots have one new pull, which warehouses compare quickest, and a span where they have several: a
  step takes a bot's new pulls without a gap. (A late pull may lie within; models join the pulls of the history anyway.)
  Bots with the same new pulls share a condition.
#}
{% macro new_pulls_condition(step) -%}
    {%- set dates = step | map(attribute='pull_date') | sort -%}
    {%- set bots_of = {} -%}
    {%- set span_of = {} -%}
    {%- for bot_id in step | map(attribute='bot_id') | unique -%}
        {%- set bot_pulls = step | selectattr('bot_id', 'equalto', bot_id) | list -%}
        {%- set span = bot_pulls | map(attribute='pull_id') | join(' ') -%}
        {%- do bots_of.update({span: bots_of.get(span, []) + [bot_id]}) -%}
        {%- do span_of.update({span: bot_pulls}) -%}
    {%- endfor -%}
    (pull_date >= date '{{ dates | first }}' and pull_date <= date '{{ dates | last }}' and (
    {%- for span, pulls in span_of.items() -%}
        {{ " or " if not loop.first }}({{ chatfuel.one_of_bots(bots_of[span]) }}
        {%- if pulls | length == 1 %} and pull_id = '{{ pulls[0]["pull_id"] }}'
        {%- else %} and pulled_at >= timestamp '{{ pulls[0]["pulled_at"] }}' and pulled_at <= timestamp '{{ pulls[-1]["pulled_at"] }}'
        {%- endif %})
    {%- endfor -%}
    ))
{%- endmacro %}

{# A condition on bot_id: an equality where one bot will do, for warehouses compare it quicker than a list. #}
{% macro one_of_bots(bot_ids) -%}
    {%- if bot_ids | length == 1 -%}
        bot_id = '{{ bot_ids[0] }}'
    {%- else -%}
        bot_id in ('{{ bot_ids | join("', '") }}')
    {%- endif -%}
{%- endmacro %}
