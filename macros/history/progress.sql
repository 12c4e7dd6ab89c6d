{#
  How far an incremental history table has come: {bot_id: pulled_at of the last pull that left a trace in it}.
  Asked when the model is compiled, so that what follows from it stands in the SQL as constants and prunes partitions.
  A pull that changed nothing leaves no trace; it is worked through again, which changes nothing again.

  changed_at: the columns that say when a row was made or altered; every one a pulled_at.
  partition_at: the partition column of a large table. Its newest partitions (and its rows without one) are asked
    first; the whole table only if a bot left no trace there.
#}
{% macro processed_through(changed_at, partition_at=none) %}
    {% if not (execute and is_incremental()) %}
        {{ return({}) }}
    {% endif %}
    {% if partition_at is none %}
        {{ return(chatfuel.last_traces(changed_at, 'true')) }}
    {% endif %}
    {% set recent = run_query(
        "select min(pull_date) as recent_date, count(distinct bot_id) as bots from ("
        ~ "select bot_id, pull_date, row_number() over (partition by bot_id order by pulled_at desc) as pull_rank from "
        ~ ref('int_chatfuel__pulls') ~ ") as ranked where pull_rank <= 10"
    ).rows[0] %}
    {% if recent['bots'] == 0 %}
        {{ return({}) }}
    {% endif %}
    {% set processed = chatfuel.last_traces(
        changed_at,
        "(" ~ partition_at ~ " is null or " ~ partition_at ~ " >= timestamp '" ~ recent['recent_date'] ~ " 00:00:00')"
    ) %}
    {% if processed | length < recent['bots'] or processed.values() | min | string < recent['recent_date'] | string %}
        {% set processed = chatfuel.last_traces(changed_at, 'true') %}
    {% endif %}
    {{ return(processed) }}
{% endmacro %}

{% macro last_traces(changed_at, condition) %}
    {% set traces = [] %}
    {% for column in changed_at %}
        {% set before = " and " ~ column ~ " < " ~ chatfuel.rebuild_start() if var('chatfuel_rebuild_from') else "" %}
        {% do traces.append(
            "select bot_id, " ~ column ~ " as changed_at from " ~ this
            ~ " where " ~ condition ~ " and " ~ column ~ " is not null" ~ before
        ) %}
    {% endfor %}
    {% set processed = {} %}
    {% for row in run_query(
        "select bot_id, max(changed_at) as changed_at from (" ~ traces | join(" union all ")
        ~ ") as traces group by bot_id"
    ).rows %}
        {% do processed.update({row['bot_id']: row['changed_at']}) %}
    {% endfor %}
    {{ return(processed) }}
{% endmacro %}

{# Whether a pull comes after what processed_through() answered; pulls is the relation that holds bot_id and pulled_at. #}
{% macro is_unprocessed(processed, pulls) -%}
    {%- if processed -%}
    case {{ pulls }}.bot_id
        {%- for bot_id, changed_at in processed | dictsort %}
        when '{{ bot_id }}' then {{ pulls }}.pulled_at > timestamp '{{ changed_at.strftime("%Y-%m-%d %H:%M:%S") }}'
        {%- endfor %}
        else true
    end
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}

{# The first pull_date, as a constant, that holds an unprocessed pull; none where every pull is new. #}
{% macro first_unprocessed_date(processed) %}
    {% if not processed %}
        {{ return(none) }}
    {% endif %}
    {{ return(
        run_query(
            "select coalesce(min(pull_date), date '9999-12-31') as first_date from " ~ ref('int_chatfuel__pulls')
            ~ " as pulls where " ~ chatfuel.is_unprocessed(processed, 'pulls')
        ).rows[0]['first_date']
    ) }}
{% endmacro %}

{# Whether there is more to work through than one pull of each bot that the table knows, as on any day after a first. #}
{% macro has_backlog(processed) %}
    {% if not processed %}
        {{ return(true) }}
    {% endif %}
    {{ return(
        run_query(
            "select count(*) as bots from (select bot_id from " ~ ref('int_chatfuel__pulls') ~ " as pulls where "
            ~ chatfuel.is_unprocessed(processed, 'pulls')
            ~ " group by bot_id having count(*) > 1 or min(pull_number) = 1) as backlogs"
        ).rows[0]['bots'] > 0
    ) }}
{% endmacro %}

{# The first moment that chatfuel_rebuild_from derives again. #}
{% macro rebuild_start() -%}
    timestamp '{{ var("chatfuel_rebuild_from") }} 00:00:00'
{%- endmacro %}

{#
  The earliest broadcast, as a constant, that pulls from a day on can bring news of: the loader asks for recipients for
  7 days, and an event looks back chatfuel_attribution_days. Nobody is known as a recipient before a broadcast is sent,
  so the partitions of known_at from then on hold all of them.
#}
{% macro earliest_sent_at(first_date) -%}
    {{ chatfuel.days_before("timestamp '" ~ first_date ~ " 00:00:00'", [var('chatfuel_attribution_days'), 8] | max) }}
{%- endmacro %}

{#
  CTEs for the models to which a missing row says something: `pulls`, each with whether it is to be worked through.
  A pull whose raw rows have expired was worked through while they were there, even if it left no trace.
#}
{% macro pulls_to_compare(processed, first_date) -%}
pulls_with_rows as (
    select
        pulls.bot_id,
        pulls.pull_id,
    from {{ ref('int_chatfuel__pulls') }} as pulls
    where
        exists (
            select 1
            from {{ ref('stg_chatfuel__users') }} as users
            where
                users.bot_id = pulls.bot_id
                and users.pull_id = pulls.pull_id
                {%- if first_date is not none %}
                and users.pull_date >= date '{{ first_date }}'
                {%- endif %}
        )
),

pulls as (
    select
        pulls.*,
        (pulls_with_rows.pull_id is not null or pulls.users_rows = 0)
        and {{ chatfuel.is_unprocessed(processed, 'pulls') }} as is_unprocessed,
    from {{ ref('int_chatfuel__pulls') }} as pulls
    left join pulls_with_rows
        on
            pulls.bot_id = pulls_with_rows.bot_id
            and pulls.pull_id = pulls_with_rows.pull_id
)
{%- endmacro %}
