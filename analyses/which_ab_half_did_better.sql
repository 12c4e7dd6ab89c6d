{{ config(enabled=var('chatfuel__using_broadcasts')) }}
-- Which side of an A/B test did better? Pairs of broadcasts, sent within an hour, whose audiences part the users by
-- AB_Split.
-- How to read: the difference of the click rates (a less b) lies, 95 times of 100, between `from` and `to`. The
-- verdict is "undecided" if p, two-sided, is not below 0.05, or fewer than five clicked or did not on a side; then
-- another test is needed, not a decision. Only broadcasts whose window is over. With many tests, one of twenty is
-- decided by chance.
with

broadcasts as (
    select * from {{ ref('fct_chatfuel__broadcasts') }}
    where
        lower(audience) like '%ab_split%'
        and recipients > 0
        and is_mature
),

pairs as (
    select
        a.bot_id,
        a.sent_at,
        a.audience as audience_a,
        b.audience as audience_b,
        a.message as message_a,
        b.message as message_b,
        a.recipients as recipients_a,
        b.recipients as recipients_b,
        a.clicked as clicked_a,
        b.clicked as clicked_b,
        a.click_rate as click_rate_a,
        b.click_rate as click_rate_b,
        {{ rate('(a.clicked + b.clicked)', '(a.recipients + b.recipients)') }} as click_rate_both,
    from broadcasts as a
    inner join broadcasts as b
        on
            a.bot_id = b.bot_id
            and a.audience < b.audience
    where abs({{ epoch_seconds('a.sent_at') }} - {{ epoch_seconds('b.sent_at') }}) <= 3600
),

errors as (
    select
        *,
        click_rate_a - click_rate_b as difference,
        sqrt(
            click_rate_a * (1 - click_rate_a) / recipients_a + click_rate_b * (1 - click_rate_b) / recipients_b
        ) as error_of_difference,
        nullif(
            sqrt(click_rate_both * (1 - click_rate_both) * (1.0 / recipients_a + 1.0 / recipients_b)), 0
        ) as error_if_equal,
        least(clicked_a, clicked_b, recipients_a - clicked_a, recipients_b - clicked_b) as smallest_group,
    from pairs
),

scores as (
    select
        *,
        abs(difference) / error_if_equal as z,
    from errors
),

-- The tail of the normal distribution, as Abramowitz and Stegun approximate it (26.2.17): to a ten-millionth.
tails as (
    select
        *,
        1 / (1 + 0.2316419 * z) as t,
        exp(-z * z / 2) / 2.5066282746 as density,
    from scores
),

tested as (
    select
        *,
        2 * density * t * (
            0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429)))
        ) as p,
    from tails
)

select
    sent_at,
    audience_a,
    message_a,
    recipients_a,
    click_rate_a,
    audience_b,
    message_b,
    recipients_b,
    click_rate_b,
    difference,
    difference - 1.96 * error_of_difference as difference_from,
    difference + 1.96 * error_of_difference as difference_to,
    p,
    case
        when p < 0.05 and smallest_group >= 5 and difference > 0 then 'a'
        when p < 0.05 and smallest_group >= 5 then 'b'
        else 'undecided'
    end as verdict,
from tested
order by sent_at desc, audience_a asc, audience_b asc
