"""The cases of `test_history_cases.py` that are about broadcasts: who got them, what followed, and what was counted."""

from __future__ import annotations

from datetime import datetime

import pytest

pytestmark = pytest.mark.xdist_group("cases")


def test_recipients_that_come_later(case):
    assert case.events("day(observed_at) - 2, event_type, broadcast_id") == [
        (2, "attribute_changed", None),
        (3, "attribute_changed", "b1"),
        (3, "broadcast_received", "b1"),
    ]


def test_two_broadcasts_received(case):
    assert case.events("event_type, broadcast_id") == [
        ("attribute_changed", "b2"),
        ("broadcast_received", "b1"),
        ("broadcast_received", "b2"),
    ]


def test_a_campaign_goes_out_at_once(case):
    assert case.events("day(observed_at) - 2, event_type, broadcast_id, occurred_at") == [
        (2, "attribute_changed", "c", None),
        (2, "broadcast_received", "c", None),
        (3, "attribute_changed", "c", None),
    ]
    sent = "day(sent_after) - 2, day(sent_at) - 2, recipients, opened, known_recipients"
    followed = "followed_by_active_users, followed_by_seen, followed_by_blocked, followed_by_unsubscribed"
    assert case.rows(f"{sent}, {followed}", "chatfuel.fct_chatfuel__broadcasts") == [
        (1, 2, 1, None, 1, 0, None, None, None)
    ]
    assert case.rows("day(pulled_at) - 2", "chatfuel.fct_chatfuel__broadcast_metrics") == [(2,), (3,)]


def test_broadcast_too_long_ago(case):
    events = case.events("event_type, broadcast_id")
    assert events == [("attribute_changed", None), ("broadcast_received", "b1")]


def test_counters_that_grow(case):
    assert case.rows(
        "broadcast_id, opened, clicked, open_rate, click_rate", "chatfuel.fct_chatfuel__broadcasts"
    ) == [("b1", 4, 2, 0.4, 0.2)]
    assert case.rows("pulled_at, opened", "chatfuel.fct_chatfuel__broadcast_metrics") == [
        (datetime(2024, 6, 3, 7, 30), 1),
        (datetime(2024, 6, 4, 7, 30), 4),
    ]


def test_broadcast_without_entry(case):
    columns = "broadcast_id, block_title, audience, recipients, open_rate"
    assert case.rows(columns, "chatfuel.fct_chatfuel__broadcasts") == [(None, None, "unknown", 0, None)]


def test_two_broadcasts_in_one_second(case):
    rows = case.rows("broadcast_id, recipients", "chatfuel.fct_chatfuel__broadcasts")
    assert rows == [("b1", 10), ("b2", 20)]


def test_audiences(case):
    assert case.rows("broadcast_id, audience", "chatfuel.fct_chatfuel__broadcasts") == [
        ("b0", "segment is all_climate and AB_Split lt 51"),
        ("b1", "everyone"),
        ("b2", "unknown"),
        ("b3", "unknown"),
    ]
