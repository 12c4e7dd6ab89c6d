"""The cases that the history must get right, one bot each, all in one warehouse: what the history makes of them."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from tests.pipeline.cases import NASTY

pytestmark = pytest.mark.xdist_group("cases")


def test_a_bot_moves_to_the_panel(case):
    assert case.events() == [
        (2, "dan", "user_disappeared", None, None),
        (3, "ann", "attribute_cleared", "x", None),
        (3, "cat", "attribute_cleared", "x", None),
        (3, "cat", "attribute_set", None, "z"),
        (3, "eve", "attribute_set", None, "z"),
        (3, "eve", "user_appeared", None, None),
        (3, "eve", "user_signed_up", None, None),
    ]
    assert case.versions("chatfuel_user_id, attribute_name, start_reason, end_reason") == [
        ("ann", "a", "baseline", "cleared"),
        ("ann", "b", "baseline", "retired"),
        ("ann", "c", "baseline", None),
        ("cat", "a", "baseline", "cleared"),
        ("cat", "c", "set", None),
        ("eve", "c", "user_appeared", None),
    ]
    # What the panel cannot know is null, and not nought; eve signed up, cat was there before.
    kpis = case.rows(
        "day(date), new_subscribers, blocked, blocked_total", "chatfuel.rpt_chatfuel__daily_kpis"
    )
    assert kpis == [(3, 0, None, None), (4, 1, None, None)]
    base = case.rows("day(date), reachable_at_start, reachable_at_end", "chatfuel.rpt_chatfuel__daily_kpis")
    assert base == [(3, 2, None), (4, None, None)]
    assert case.rows("chatfuel_user_id, status, visit_count", "chatfuel.dim_chatfuel__users") == [
        ("ann", None, 0),
        ("cat", None, None),
        ("dan", "reachable", 0),
        ("eve", None, None),
    ]


def test_vanish_and_return_unchanged(case):
    assert case.events() == [
        (2, "1", "user_disappeared", None, None),
        (3, "1", "user_appeared", None, None),
    ]
    assert case.versions() == [
        ("1", "x", "baseline", "user_disappeared"),
        ("1", "x", "observed_again", None),
    ]


def test_vanish_and_return_changed(case):
    assert case.events("event_type, old_value, new_value, day(observed_after) - 2, day(observed_at) - 2") == [
        ("attribute_changed", "x", "y", 1, 3),
        ("user_appeared", None, None, 2, 3),
        ("user_disappeared", None, None, 1, 2),
    ]
    assert case.versions() == [("1", "x", "baseline", "user_disappeared"), ("1", "y", "changed", None)]


def test_vanish_and_return_without_value(case):
    assert case.events() == [
        (2, "1", "user_disappeared", None, None),
        (3, "1", "attribute_cleared", "x", None),
        (3, "1", "user_appeared", None, None),
        (4, "1", "attribute_set", None, "x"),
    ]
    assert case.versions()[:2] == [("1", "x", "baseline", "user_disappeared"), ("1", "x", "set", None)]


def test_value_emptied_then_same_value(case):
    assert case.events() == [(2, "1", "attribute_cleared", "x", None), (3, "1", "attribute_set", None, "x")]
    assert case.versions()[:2] == [("1", "x", "baseline", "cleared"), ("1", "x", "set", None)]


def test_same_value_again(case):
    assert case.events() == []
    assert case.versions() == [("1", "x", "baseline", None)]


def test_attribute_retired_then_back(case):
    assert case.events() == [(3, "2", "attribute_changed", "y", "z")]
    assert case.versions() == [
        ("1", "x", "baseline", "retired"),
        ("1", "x", "observed_again", None),
        ("2", "y", "baseline", "retired"),
        ("2", "z", "changed", None),
    ]


def test_attribute_renamed_in_case_only(case):
    assert case.events() == [(2, "1", "attribute_set", None, "red")]
    assert case.versions("attribute_name, start_reason, end_reason") == [
        ("Color", "baseline", "retired"),
        ("color", "set", None),
    ]


def test_names_that_differ_in_case_or_space_only(case):
    assert case.events("attribute_name, old_value, new_value") == [("AB_Split", "1", "0")]


def test_new_attribute_on_existing_users(case):
    assert case.events() == [(2, "1", "attribute_set", None, "x")]
    assert case.versions() == [("1", "x", "set", None)]


def test_new_user(case):
    assert case.events("chatfuel_user_id, event_type, occurred_at") == [
        ("2", "attribute_set", None),
        ("2", "user_appeared", None),
        ("2", "user_signed_up", datetime(2024, 6, 3, 20, 0)),
    ]
    assert case.versions() == [("2", "x", "user_appeared", None)]


def test_user_id_above_2_53(case):
    assert case.events() == [(2, "9007199254740993", "attribute_changed", "x", "y")]


def test_two_pulls_in_a_day(case):
    assert case.events("observed_at, old_value, new_value") == [
        (datetime(2024, 6, 3, 19, 30), "x", "y"),
        (datetime(2024, 6, 4, 7, 30), "y", "x"),
    ]


def test_skipped_day(case):
    # the window is two days long; its middle is the 4th, and the 3rd has no pull that reports on it
    assert case.events("observed_after, observed_at, activity_date") == [
        (datetime(2024, 6, 3, 7, 30), datetime(2024, 6, 5, 7, 30), date(2024, 6, 4))
    ]
    assert case.rows("date, hero, hero_total", "chatfuel.rpt_chatfuel__daily_kpis") == [
        (date(2024, 6, 4), 1, 1),
        (date(2024, 6, 5), 0, 1),
    ]


def test_base_adds_up_across_a_gap(case):
    columns = (
        "date, window_days, reachable_at_start, reachable_appeared, reachable_returned, reachable_unblocked, "
        "-reachable_blocked, -reachable_disappeared, reachable_at_end"
    )
    days = case.rows(columns, "chatfuel.rpt_chatfuel__daily_kpis", "pull_count > 0")
    assert days == [
        (date(2024, 6, 3), 0.5, 3, 0, 0, 0, -2, 0, 1),
        (date(2024, 6, 4), 0.5, 1, 1, 0, 1, 0, 0, 3),
        (date(2024, 12, 23), 404.0, 3, 1, 1, 0, -1, -1, 3),
        (date(2025, 7, 13), 1.0, 3, 0, 0, 1, 0, 0, 4),
    ]
    gap = case.rows("*", "chatfuel.rpt_chatfuel__daily_kpis", "pull_count = 0")
    assert len(gap) == (date(2025, 7, 13) - date(2024, 6, 3)).days + 1 - len(days)
    assert {value for row in gap for value in row[4:]} == {None}


def test_first_pull(case):
    assert case.events() == [(1, "1", "broadcast_received", None, None)]
    assert case.versions() == [("1", "x", "baseline", None)]
    assert case.rows("*", "chatfuel.rpt_chatfuel__daily_kpis") == []


def test_same_user_ids_of_one_bot(case):
    assert case.events() == [(2, "1", "attribute_changed", "x", "y")]


def test_same_user_ids_of_another_bot(case):
    assert case.events() == []


def test_nasty_values(case):
    assert case.events("cast(chatfuel_user_id as int), new_value") == list(enumerate(NASTY))


def test_blocked_and_unblocked(case):
    assert case.events() == [
        (2, "1", "user_blocked", "reachable", "blocked"),
        (3, "1", "user_unblocked", "blocked", "reachable"),
    ]


def test_first_seen_blocked(case):
    assert case.events() == [
        (2, "2", "user_appeared", None, None),
        (2, "2", "user_blocked", None, "blocked"),
        (2, "2", "user_signed_up", None, None),
    ]
    # who signed up and was not reachable at that pull is no new subscriber
    assert case.rows("new_subscribers, blocked, blocked_total", "chatfuel.rpt_chatfuel__daily_kpis") == [
        (0, 1, 1)
    ]


def test_volatile_attributes(case):
    assert case.events() == []
    assert case.versions() == []


def test_seen_again(case):
    assert case.rows(
        "chatfuel_user_id, occurred_at, activity_date",
        "chatfuel.fct_chatfuel__user_events",
        "event_type = 'user_seen'",
    ) == [("1", datetime(2024, 6, 3, 21, 0), date(2024, 6, 3))]
