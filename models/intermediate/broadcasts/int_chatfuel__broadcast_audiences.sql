{{
    config(
        materialized='pull_by_pull',
        meta={'all_pulls_at_once': true, 'started_at': 'pulled_at'},
    )
}}

-- One row per broadcast whose audience Chatfuel was asked for: the filter, and what it says in words.
with

pulls as (
    select * from {{ ref('int_chatfuel__pulls') }}
    where {{ in_new_pulls() }}
),

answers as (
    select * from {{ ref('stg_chatfuel__block_filters') }}
    where {{ in_new_pulls() }}
),

segments as (
    select * from {{ ref('stg_chatfuel__segments') }}
    where {{ in_new_pulls() }}
),

known_audiences as (
    select * from {{ this }}
),

-- The loader asks once for a broadcast; should it have asked again, the first answer is nearest to what was sent.
block_filters as (
    select answers.*
    from answers
    inner join pulls
        on
            answers.bot_id = pulls.bot_id
            and answers.pull_id = pulls.pull_id
    left join known_audiences
        on
            answers.bot_id = known_audiences.bot_id
            and answers.broadcast_id = known_audiences.broadcast_id
    where known_audiences.broadcast_id is null
    qualify row_number() over (partition by answers.bot_id, answers.broadcast_id order by answers.pulled_at) = 1
),

parameters as (
    select
        block_filters.bot_id,
        block_filters.pull_id,
        block_filters.broadcast_id,
        block_filters.filter_operation,
        position as parameter_number,
        position = min(position) over (
            partition by block_filters.bot_id, block_filters.pull_id, block_filters.broadcast_id
        ) as is_first,
        {{ json_text('element', 'type') }} as parameter_type,
        {{ json_text('element', 'name') }} as parameter_name,
        {{ json_text('element', 'operation') }} as parameter_operation,
        {{ json_text('element', 'before') }} as words_before,
        {{ json_text('element', 'after') }} as words_after,
        element as parameter_json,
    from block_filters
    cross join {{ unnest_json_array('block_filters.payload', 'user_filter.parameters', 'parameter') }}
),

parameter_values as (
    select
        parameters.*,
        position as value_number,
        {{ json_scalar('element') }} as parameter_value,
    from parameters
    cross join {{ unnest_json_array('parameters.parameter_json', 'values', 'value') }}
),

named_values as (
    select
        parameter_values.*,
        case
            when parameter_values.parameter_type = 'segment'
                then coalesce(segments.segment_name, concat('unknown segment ', parameter_values.parameter_value))
            else parameter_values.parameter_value
        end as value_in_words,
    from parameter_values
    left join segments
        on
            parameter_values.bot_id = segments.bot_id
            and parameter_values.pull_id = segments.pull_id
            and parameter_values.parameter_value = segments.segment_id
),

value_lists as (
    select
        bot_id,
        pull_id,
        broadcast_id,
        parameter_number,
        string_agg(value_in_words, ' or ' order by value_number) as values_in_words,
    from named_values
    group by bot_id, pull_id, broadcast_id, parameter_number
),

-- Conditions of a campaign may stand in brackets: each says what is read before and after it. Others are joined alike.
phrases as (
    select
        parameters.bot_id,
        parameters.pull_id,
        parameters.broadcast_id,
        parameters.parameter_number,
        concat(
            case
                when parameters.words_before is not null then parameters.words_before
                when parameters.is_first then ''
                when parameters.filter_operation = 'or' then ' or '
                else ' and '
            end,
            coalesce(parameters.parameter_name, parameters.parameter_type, 'unknown'),
            ' ',
            coalesce(parameters.parameter_operation, 'unknown'),
            case
                when parameters.parameter_operation in ('is_empty', 'is_not_empty') then ''
                else concat(' ', coalesce(value_lists.values_in_words, 'nothing'))
            end,
            coalesce(parameters.words_after, '')
        ) as phrase,
    from parameters
    left join value_lists
        on
            parameters.bot_id = value_lists.bot_id
            and parameters.pull_id = value_lists.pull_id
            and parameters.broadcast_id = value_lists.broadcast_id
            and parameters.parameter_number = value_lists.parameter_number
),

audiences as (
    select
        bot_id,
        pull_id,
        broadcast_id,
        string_agg(phrase, '' order by parameter_number) as audience,
    from phrases
    group by bot_id, pull_id, broadcast_id
),

final as (
    select
        {{ hash_key(['block_filters.bot_id', 'block_filters.broadcast_id']) }} as audience_key,
        block_filters.bot_id,
        block_filters.broadcast_id,
        block_filters.block_id,
        block_filters.pull_id,
        block_filters.pulled_at,
        block_filters.payload as filter_json,
        case
            when block_filters.filter_operation is null or not block_filters.is_filter_valid then 'unknown'
            else coalesce(audiences.audience, 'everyone')
        end as audience,
    from block_filters
    left join audiences
        on
            block_filters.bot_id = audiences.bot_id
            and block_filters.pull_id = audiences.pull_id
            and block_filters.broadcast_id = audiences.broadcast_id
)

select * from final
