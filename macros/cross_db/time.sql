{# The day, in chatfuel_timezone, of a UTC timestamp. #}
{% macro local_date(timestamp) %}
    {{- return(adapter.dispatch('local_date', 'chatfuel')(timestamp)) -}}
{% endmacro %}

{% macro default__local_date(timestamp) -%}
    cast(({{ timestamp }}) at time zone 'UTC' at time zone '{{ var("chatfuel_timezone") }}' as date)
{%- endmacro %}

{% macro bigquery__local_date(timestamp) -%}
    date({{ timestamp }}, '{{ var("chatfuel_timezone") }}')
{%- endmacro %}

{# The moment half-way between two timestamps, to the microsecond below. #}
{% macro midpoint(earlier, later) %}
    {{- return(adapter.dispatch('midpoint', 'chatfuel')(earlier, later)) -}}
{% endmacro %}

{% macro default__midpoint(earlier, later) -%}
    make_timestamp((epoch_us({{ earlier }}) + epoch_us({{ later }})) // 2)
{%- endmacro %}

{% macro bigquery__midpoint(earlier, later) -%}
    timestamp_micros(div((unix_micros({{ earlier }}) + unix_micros({{ later }})), 2))
{%- endmacro %}

{# A timestamp so many days of 24 hours before another. #}
{% macro days_before(timestamp, days) %}
    {{- return(adapter.dispatch('days_before', 'chatfuel')(timestamp, days)) -}}
{% endmacro %}

{% macro default__days_before(timestamp, days) -%}
    {{ timestamp }} - interval '{{ days * 24 }} hours'
{%- endmacro %}

{% macro bigquery__days_before(timestamp, days) -%}
    timestamp_sub({{ timestamp }}, interval {{ days * 24 }} hour)
{%- endmacro %}

{# A timestamp so many days of 24 hours after another. #}
{% macro days_after(timestamp, days) -%}
    {{ chatfuel.days_before(timestamp, -days) }}
{%- endmacro %}

{# Whether a UTC timestamp lies more than so many hours before now. Of the history nothing may depend on it. #}
{% macro is_older_than(timestamp, hours) %}
    {{- return(adapter.dispatch('is_older_than', 'chatfuel')(timestamp, hours)) -}}
{% endmacro %}

{% macro default__is_older_than(timestamp, hours) -%}
    {{ timestamp }} < (now() at time zone 'UTC') - interval '{{ hours }} hours'
{%- endmacro %}

{% macro bigquery__is_older_than(timestamp, hours) -%}
    {{ timestamp }} < timestamp_sub(current_timestamp(), interval {{ hours }} hour)
{%- endmacro %}

{# A timestamp from a text of whole seconds since 1970, UTC, as 1718359800. Anything else is null. #}
{% macro epoch_to_timestamp(text) -%}
    case
        when {{ chatfuel.regexp_contains(text, "'^[0-9]{1,11}$'") }}
            then {{ adapter.dispatch('seconds_to_timestamp', 'chatfuel')(chatfuel.safe_cast(text, dbt.type_bigint())) }}
    end
{%- endmacro %}

{% macro default__seconds_to_timestamp(seconds) -%}
    make_timestamp({{ seconds }} * 1000000)
{%- endmacro %}

{% macro bigquery__seconds_to_timestamp(seconds) -%}
    timestamp_seconds({{ seconds }})
{%- endmacro %}

{# For comparisons only: the end of a spell that has none yet lies after every pull. #}
{% macro open_ended(timestamp) -%}
    coalesce({{ timestamp }}, timestamp '9999-12-31 00:00:00')
{%- endmacro %}

{# Whole seconds since 1970 of a UTC timestamp. #}
{% macro epoch_seconds(timestamp) %}
    {{- return(adapter.dispatch('epoch_seconds', 'chatfuel')(timestamp)) -}}
{% endmacro %}

{% macro default__epoch_seconds(timestamp) -%}
    cast(floor(epoch({{ timestamp }})) as bigint)
{%- endmacro %}

{% macro bigquery__epoch_seconds(timestamp) -%}
    unix_seconds({{ timestamp }})
{%- endmacro %}

{# The Monday of the week that a date lies in. #}
{% macro week_start(date) %}
    {{- return(adapter.dispatch('week_start', 'chatfuel')(date)) -}}
{% endmacro %}

{% macro default__week_start(date) -%}
    date_trunc('week', {{ date }})
{%- endmacro %}

{% macro bigquery__week_start(date) -%}
    date_sub({{ date }}, interval mod(extract(dayofweek from {{ date }}) + 5, 7) day)
{%- endmacro %}

{# Whole days from one date to another. #}
{% macro days_between(earlier, later) -%}
    {{ dbt.datediff(earlier, later, 'day') }}
{%- endmacro %}

{# The first day of the month (UTC) that a timestamp lies in. #}
{% macro month_of(timestamp) -%}
    cast({{ dbt.date_trunc('month', timestamp) }} as date)
{%- endmacro %}

{# Days from one timestamp to another, to a hundredth: a quarter of an hour. #}
{% macro window_days(earlier, later) -%}
    round(
        cast({{ chatfuel.epoch_seconds(later) }} - {{ chatfuel.epoch_seconds(earlier) }} as {{ chatfuel.type_double() }}) / 86400, 2
    )
{%- endmacro %}

{# The hour of the day, 0 to 23, in chatfuel_timezone, of a UTC timestamp. #}
{% macro local_hour(timestamp) %}
    {{- return(adapter.dispatch('local_hour', 'chatfuel')(timestamp)) -}}
{% endmacro %}

{% macro default__local_hour(timestamp) -%}
    extract(hour from ({{ timestamp }}) at time zone 'UTC' at time zone '{{ var("chatfuel_timezone") }}')
{%- endmacro %}

{% macro bigquery__local_hour(timestamp) -%}
    extract(hour from {{ timestamp }} at time zone '{{ var("chatfuel_timezone") }}')
{%- endmacro %}
