{#
  The steps to do, oldest first: per step its pulls (bot_id, pull_id, and as text pull_date and pulled_at). A bot's pulls are
  new if they are later than the last one recorded. Of several bots, their next pulls make one step.
#}
{% macro new_steps(pulls, steps, all_pulls_at_once) %}
    {% set rows = run_query(chatfuel.new_pulls_query(pulls, steps, all_pulls_at_once)).rows %}
    {% set numbers = rows | map(attribute='step_number') | unique | list %}
    {% set new_steps = [] %}
    {% for number in numbers %}
        {% do new_steps.append(rows | selectattr('step_number', 'equalto', number) | list) %}
    {% endfor %}
    {{ return(new_steps) }}
{% endmacro %}

{% macro new_pulls_query(pulls, steps, all_pulls_at_once) %}
    with

    last_steps as (
        select
            bot_id,
            max(pulled_at) as pulled_at,
        from {{ steps }}
        group by bot_id
    ),

    new_pulls as (
        select pulls.*
        from {{ pulls }} as pulls
        left join last_steps
            on pulls.bot_id = last_steps.bot_id
        where last_steps.bot_id is null or pulls.pulled_at > last_steps.pulled_at
    )

    select
        bot_id,
        pull_id,
        cast(pull_date as string) as pull_date,
        cast(pulled_at as string) as pulled_at,
        {%- if all_pulls_at_once %}
            cast(floor(
                (sum(users_rows) over (order by pulled_at, bot_id rows unbounded preceding) - users_rows)
                / cast(1000000 as {{ chatfuel.type_double() }})
            ) as {{ dbt.type_bigint() }}) as step_number,
        {%- else %}
            row_number() over (partition by bot_id order by pulled_at) as step_number,
        {%- endif %}
    from new_pulls
    order by step_number, bot_id, pulled_at
{% endmacro %}

{# One step, whole or not at all. Two builds that do the same step conflict, or the later one finds it recorded and ends. #}
{% macro step_script(sql, step, steps, rules, is_first) %}
    {% set step_sql = chatfuel.fill_in_new_pulls(sql, step) %}
    {% set columns = model['columns'].keys() | join(', ') %}
    {% set unique_key = config.get('unique_key') %}
    begin transaction;
    update {{ steps }} set pull_id = '{{ rules }}' where bot_id = '';
    select
        case
            when count(*) > 0 then error('Another build is working on {{ this.identifier }}: nothing was written twice. Run this build again.')
        end
    from {{ steps }}
    where {{ chatfuel.is_recorded(step) }};
    {% if unique_key and not is_first %}
        create or replace temp table chatfuel_step_rows as (
            {{ step_sql }}
        );
        delete from {{ this }}
        where
            {%- for predicate in config.get('incremental_predicates') or [] %}
                {{ chatfuel.fill_in_new_pulls(predicate, step) }} and
            {%- endfor %}
            {{ unique_key }} in (select {{ unique_key }} from chatfuel_step_rows);
        insert into {{ this }} ({{ columns }})
        select {{ columns }} from chatfuel_step_rows;
        drop table chatfuel_step_rows;
    {% else %}
        insert into {{ this }} ({{ columns }})
        select {{ columns }} from (
            {{ step_sql }}
        ) as step_rows;
    {% endif %}
    insert into {{ steps }} (bot_id, pull_id, pulled_at)
    values
        {%- for pull in step %}
            ('{{ pull["bot_id"] }}', '{{ pull["pull_id"] }}', timestamp '{{ pull["pulled_at"] }}'){{ "," if not loop.last }}
        {%- endfor %};
    commit transaction;
{% endmacro %}

{# A condition on a table of steps: a pull of the step, or a later one of its bot, is recorded. #}
{% macro is_recorded(step) -%}
    {%- set bots_of = {} -%}
    {%- for bot_id in step | map(attribute='bot_id') | unique -%}
        {%- set first_pull_at = (step | selectattr('bot_id', 'equalto', bot_id) | list)[0]['pulled_at'] -%}
        {%- do bots_of.update({first_pull_at: bots_of.get(first_pull_at, []) + [bot_id]}) -%}
    {%- endfor -%}
    {%- for first_pull_at, bot_ids in bots_of.items() -%}
        {{ " or " if not loop.first }}(pulled_at >= timestamp '{{ first_pull_at }}' and {{ chatfuel.one_of_bots(bot_ids) }})
    {%- endfor -%}
{%- endmacro %}
