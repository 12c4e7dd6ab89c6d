"""The simulated bot: deterministic, as alive as a real one, and its truth log tells all of it."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from sandbox.server import running
from tests.sandbox.conftest import DAYS, EVERYONE, EXPORT, OPTIONS, SEGMENTS, Client, flat

UNLOGGED = {"page id", "sessions", "last visited block id", "last visited block name"}

FINGERPRINT = """
import hashlib, json, sys
from sandbox.server import running
from tests.sandbox.test_sandbox_simulation import fingerprint
with running(users=60, attributes=60, day=int(sys.argv[1])) as sandbox:
    print(fingerprint(sandbox))
"""


def fingerprint(sandbox):
    """A hash of everything a client can see."""
    client = Client(sandbox)
    catalogue = client.catalogue()
    fields = [*catalogue, {"name": "status", "type": "system"}]
    export = client.get(client.generate(fields)).content
    seen = [
        catalogue,
        client.broadcasts(),
        client.entries(),
        client.results(),
        client.data(SEGMENTS),
        sandbox.events(-7, sandbox.day),
        hashlib.sha256(export).hexdigest(),
    ]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


# Determinism


def test_one_jump_and_day_by_day_are_the_same():
    with running(users=60, attributes=60) as walker, running(users=60, attributes=60, day=16) as jumper:
        for day in range(1, 17):
            walker.move_to(day)
        assert fingerprint(walker) == fingerprint(jumper)


def test_two_processes_are_the_same_whatever_the_hash_seed():
    prints = set()
    for seed in ("1", "2"):
        command = [sys.executable, "-c", FINGERPRINT, "9"]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
        assert ended.returncode == 0, ended.stderr
        prints.add(ended.stdout)
    assert len(prints) == 1


def test_another_seed_is_another_bot():
    with running(users=60, attributes=60) as one, running(users=60, attributes=60, seed=8) as other:
        assert fingerprint(one) != fingerprint(other)


# The truth log


def test_folded_truth_of_a_window_is_the_difference_of_two_exports(life):
    """Folds as the design's law does: deleted users and retired attributes keep their values, hidden."""
    exports, catalogues, windows = life
    users = {user_id: dict(values) for user_id, values in exports[0].items()}
    present = set(users)
    listed = {one["name"] for one in catalogues[0]} | {"status"}
    deleted_before = set()  # back again, but nobody knows with which values
    for export, catalogue, window in zip(exports[1:], catalogues[1:], windows[1:], strict=True):
        for event in window:
            user_id, name = event["chatfuel_user_id"], event["attribute_name"]
            match event["type"]:
                case "attribute_added":
                    listed.add(name)
                case "attribute_retired":
                    listed.remove(name)
                case "signed_up":
                    assert user_id not in users
                    users[user_id] = {}
                    present.add(user_id)
                case "deleted":
                    present.remove(user_id)
                case "restored":
                    present.add(user_id)
                    if user_id not in users:
                        users[user_id] = {}
                        deleted_before.add(user_id)
                case "seen":
                    users[user_id]["last seen"] = event["new_value"]
                case "attribute":
                    old = users[user_id].pop(name, None)
                    assert old == event["old_value"] != event["new_value"] or user_id in deleted_before
                    if event["new_value"] is not None:
                        users[user_id][name] = event["new_value"]
        assert {one["name"] for one in catalogue} | {"status"} == listed
        assert export.keys() == present
        for user_id in present - deleted_before:
            told = {n: value for n, value in users[user_id].items() if n in listed - UNLOGGED}
            assert told == {n: value for n, value in export[user_id].items() if n not in UNLOGGED}
    assert len(deleted_before) < 10


def test_events_are_in_order_and_inside_their_window(life):
    _, _, windows = life
    morning = datetime(2024, 6, 3, 7, 30, tzinfo=UTC)
    for day, window in enumerate(windows[1:], 1):
        moments = [datetime.fromisoformat(event["at"]) for event in window]
        assert moments == sorted(moments)
        assert morning + timedelta(days=day - 1) < moments[0]
        assert moments[-1] <= morning + timedelta(days=day)


def test_windows_add_up(life):
    _, _, windows = life
    with running(**OPTIONS, day=5) as sandbox:
        answer = Client(sandbox).get("/_sandbox/events?from=2&to=5").json()
    assert answer["events"] == windows[3] + windows[4] + windows[5]


@pytest.mark.parametrize(
    "query", ["?from=0&to=99", "?from=2&to=1", "?from=-8&to=0", "?from=0", "?from=a&to=b"]
)
def test_a_window_that_is_not_over_is_refused(client, query):
    assert client.get(f"/_sandbox/events{query}").status_code == 400


def test_events_of_one_bot():
    with running(users=30, attributes=60, bot_id="first,second", day=2) as sandbox:
        client = Client(sandbox)
        both = client.get("/_sandbox/events?from=0&to=2").json()["events"]
        second = client.get("/_sandbox/events?from=0&to=2&bot=second").json()["events"]
        assert client.get("/_sandbox/events?from=0&to=2&bot=third").status_code == 404
    assert {event["bot_id"] for event in both} == {"first", "second"}
    assert [event for event in both if event["bot_id"] == "second"] == second != []


def test_values_change_several_times_between_two_pulls(life):
    _, _, windows = life
    there_and_back = on_and_on = cleared_and_set_again = 0
    for window in windows:
        chains = defaultdict(list)
        for event in window:
            if event["type"] == "attribute":
                chains[event["chatfuel_user_id"], event["attribute_name"]].append(
                    (event["old_value"], event["new_value"])
                )
        for chain in chains.values():
            assert all(before[1] == after[0] for before, after in pairwise(chain))
            values = [chain[0][0]] + [new for _, new in chain]
            if len(chain) > 1 and values[0] and values[0] == values[-1]:
                there_and_back += None not in values
                cleared_and_set_again += None in values
            if len(set(values) - {None}) > 2:
                on_and_on += 1
    assert min(there_and_back, on_and_on, cleared_and_set_again) >= 5


def test_users_sign_up_and_are_deleted_between_two_pulls(life):
    exports, _, windows = life
    unseen = 0
    for day, window in enumerate(windows):
        new = {event["chatfuel_user_id"] for event in window if event["type"] == "signed_up"}
        unseen += len(new - exports[day].keys())
    assert unseen >= 5


def test_users_vanish_and_some_come_back(life):
    exports, _, windows = life
    for day in range(1, DAYS + 1):
        assert len(exports[day].keys() - exports[day - 1].keys()) >= 3
    gone_and_back = 0
    for user_id in exports[0].keys() & exports[-1].keys():
        gone_and_back += any(user_id not in export for export in exports)
    assert gone_and_back >= 1
    assert sum(event["type"] == "deleted" for event in flat(windows)) > DAYS


def test_sign_ups_come_every_day_by_facebook_and_by_instagram(life):
    exports, _, _ = life
    for before, after in pairwise(exports):
        new = [after[user_id] for user_id in after.keys() - before.keys()]
        instagram = ["instagram handle" in values for values in new]
        assert any(instagram)
        assert not all(instagram)


def test_users_block_and_unblock(life):
    _, _, windows = life
    steps = Counter(
        (event["old_value"], event["new_value"])
        for event in flat(windows)
        if event["attribute_name"] == "status"
    )
    assert steps[None, "reachable"] > 50
    assert steps["reachable", "blocked"] > 20
    assert steps["blocked", "reachable"] > 20


def test_the_catalogue_changes_every_week_and_retired_attributes_come_back(life):
    _, catalogues, windows = life
    names = [{one["name"] for one in catalogue} for catalogue in catalogues]
    for week in range(0, DAYS, 7):
        assert names[week + 7] - names[week]
        assert any(names[day] - names[day + 1] for day in range(week, week + 7))
    changes = [event for event in flat(windows) if event["type"].startswith("attribute_")]
    retired = {event["attribute_name"] for event in changes if event["type"] == "attribute_retired"}
    added = {event["attribute_name"] for event in changes if event["type"] == "attribute_added"}
    assert retired & added
    assert {name.lower() for name in retired - added} & {name.lower() for name in added}


def test_a_retired_attribute_changes_hidden(life):
    _, catalogues, windows = life
    hidden = 0
    for day in range(1, DAYS + 1):
        names = (
            {one["name"] for one in catalogues[day]}
            | {one["name"] for one in catalogues[day - 1]}
            | {"status"}
        )
        hidden += sum(e["type"] == "attribute" and e["attribute_name"] not in names for e in windows[day])
    assert hidden >= 5


def test_a_retired_attribute_cannot_be_exported(life):
    _, catalogues, _ = life
    gone = next(one for day in range(1, 6) for one in catalogues[day - 1] if one not in catalogues[day])
    with running(**OPTIONS, day=5) as sandbox:
        answer = Client(sandbox).graphql(EXPORT, params={"fields": [gone]}, filter=EVERYONE)
    assert gone["name"] in answer["errors"][0]["message"]
