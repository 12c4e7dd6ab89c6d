"""The team's broadcasts and segments, in the lists, the results and the truth log."""

import json
from collections import Counter
from datetime import UTC, datetime

from sandbox.server import running
from tests.sandbox.conftest import DAYS, OPTIONS, SEGMENTS, USER_ID, Client, flat


def test_two_or_three_broadcasts_a_week(life):
    _, _, windows = life
    for week in range(0, DAYS, 7):
        sent = [e for e in flat(windows[week + 1 : week + 8]) if e["type"] == "broadcast_sent"]
        assert 2 <= len(sent) <= 4  # two in one second make it four


def test_recipients_are_whom_the_audience_selects(life):
    """The first broadcast after day 0 goes to one half of a segment."""
    _, _, windows = life
    event = next(event for event in flat(windows) if event["type"] == "broadcast_sent")
    with running(**OPTIONS, day=2) as sandbox:
        client = Client(sandbox)
        entry = next(one for one in client.entries() if one["id"] == event["broadcast_id"])
        selected = set(client.ids(json.dumps(client.block(entry["block_id"])["user_filter"])))
        row = next(one for one in client.broadcasts() if one["Trigger settings"] == entry["block_title"])
    recipients = set(event["recipients"])
    assert len(recipients) == len(event["recipients"]) == int(row["Total users"])
    assert len(recipients & selected) > 0.8 * len(recipients | selected)


def test_counters_grow_for_days_and_are_consistent():
    with running(**OPTIONS, day=6) as sandbox:
        client = Client(sandbox)
        reads = []
        title = client.broadcasts()[0]["Trigger settings"]
        for day in range(6, 13):
            sandbox.move_to(day)
            row = next(one for one in client.broadcasts() if one["Trigger settings"] == title)
            total, read, clicked, failed = (int(row[n]) for n in ("Total users", "Read", "Clicked", "Failed"))
            assert clicked <= read <= total - failed
            assert row["Progress"] == "100%"
            reads.append(read)
    assert reads == sorted(reads)
    assert len(set(reads)) >= 4


def test_what_recipients_do_is_in_the_log(life):
    _, _, windows = life
    grown = [
        int(event["new_value"]) - int(event["old_value"] or 0)
        for event in flat(windows)
        if event["attribute_name"] == "bcast_read_rate" and event["old_value"]
    ]
    assert len(grown) > 50
    assert set(grown) == {1}


def test_list_entries_and_results_join(month):
    rows, entries = month.broadcasts(), month.entries()
    results = {one["block_title"]: one for one in month.results("?limit=100")}
    by_title = {one["block_title"]: one for one in entries}
    assert len(by_title) == len(entries)
    without_entry = 0
    for row in rows:
        entry = by_title.get(row["Trigger settings"])
        if entry is None:
            without_entry += 1
            continue
        sent = datetime.fromtimestamp(entry["broadcast_start_timestamp"], UTC)
        assert row["Timestamp"] == f"{sent:%Y-%m-%d %H:%M:%S}"
        assert f"{sent:%b} {sent.day}" in entry["block_title"]
        if entry["block_title"] in results:
            assert results[entry["block_title"]]["total_users"] == int(row["Total users"])
    assert without_entry == 2  # one in four weeks, and this bot is five weeks old
    assert any("{{first name}}" in row["Content"] and "," in row["Content"] for row in rows)


def test_every_oddity_of_entries_happens_within_a_month(month):
    entries, results = month.entries(), {one["block_title"]: one for one in month.results("?limit=100")}
    past = [one for one in entries if not one["planned"]]
    assert any(one["planned"] for one in entries)
    assert any(not one["enabled"] for one in past)
    assert any(one["enabled"] and one["block_title"] not in results for one in past)
    assert any(one["total_users"] == 0 for one in results.values())
    same_second = Counter(one["broadcast_start_timestamp"] for one in past)
    assert max(same_second.values()) == 2
    blocks = [month.block(one["block_id"]) for one in past]
    assert any(block["removed"] for block in blocks)
    assert any(block["user_filter"]["parameters"] == [] for block in blocks)
    assert any(parameter["type"] == "segment" for b in blocks for parameter in b["user_filter"]["parameters"])


def test_a_slow_broadcast_is_still_in_progress_at_the_pull_after_it():
    with running(**OPTIONS, day=16) as sandbox:
        client = Client(sandbox)
        assert client.results()[0]["in_progress"]
        assert client.broadcasts()[0]["Progress"] == "33%"
        sandbox.move_to(17)
        assert not client.results()[0]["in_progress"]


def test_segments_change_in_time(client, month):
    first, later = (
        {s["id"]: s["name"] for s in c.data(SEGMENTS)["bot"]["segments"]} for c in (client, month)
    )
    assert later.keys() - first.keys()
    assert any(later[one] != first[one] for one in first.keys() & later.keys())


def test_phone_numbers_and_addresses_are_partly_malformed(month):
    rows = month.rows(
        [USER_ID, {"name": "Phone number", "type": "custom"}, {"name": "email", "type": "custom"}]
    )
    phones, emails = ([row[name] for row in rows if row[name]] for name in ("Phone number", "email"))
    assert any(phone.isdigit() for phone in phones)
    assert any(any(letter.isalpha() for letter in phone) for phone in phones)
    assert any("@" in email for email in emails)
    assert any("@" not in email for email in emails)


def test_a_small_bot_lives_on_when_all_its_segments_are_renamed():
    with running(users=20, attributes=40, day=408) as sandbox:
        assert '"seg ' not in json.dumps(Client(sandbox).data(SEGMENTS))
