"""What the history derives from a month of pulls is what really happened, folded to one change per pull window."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

import pytest

from tests.pipeline import reference
from tests.pipeline.bots import Pull

# one worker of pytest-xdist runs all that needs the month, on one build
pytestmark = pytest.mark.xdist_group("month")


class Life:
    """What really happened to a bot, from the sandbox's truth log and the first pull.

    A value that no event touches is the same on every day, so any pull that shows it tells it.
    """

    def __init__(self, month):
        project = month.project
        ledger = project.query("select bot_id, pulled_at from chatfuel_raw.pulls order by pulled_at")
        self.bot_id = ledger[0][0]
        self.days = [pulled_at for _, pulled_at in ledger]
        first = f"pulled_at = timestamp '{self.days[0]}'"
        self.users = {
            user
            for (user,) in project.query(f"select chatfuel_user_id from chatfuel_raw.users where {first}")
        }
        self.catalogue = {
            name
            for (name,) in project.query(f"select attribute_name from chatfuel_raw.attributes where {first}")
        }
        self.events = [
            (datetime.fromisoformat(event["at"]).replace(tzinfo=None), event) for event in month.truth
        ]
        self.changes = defaultdict(list)
        for at, event in self.events:
            if event["type"] == "attribute":
                key = (event["chatfuel_user_id"], event["attribute_name"])
                self.changes[key].append((at, event["old_value"], event["new_value"]))
            elif event["type"] == "seen":
                self.changes[event["chatfuel_user_id"], "last seen"].append((at, None, event["new_value"]))
        self.shown = {
            (user, name): value
            for user, name, value in project.query(
                "select chatfuel_user_id, attribute_name, attribute_value from chatfuel_raw.user_attributes "
                "union all select chatfuel_user_id, 'status', status from chatfuel_raw.users "
                "union all select chatfuel_user_id, 'page id', page_id from chatfuel_raw.users "
                f"union all select chatfuel_user_id, 'last seen', last_seen from chatfuel_raw.users where {first}"
            )
        }
        self.names = defaultdict(set)
        for user, name in [*self.changes, *self.shown]:
            self.names[user].add(name)

    def value(self, key, at):
        changes = self.changes.get(key)
        if not changes:
            return self.shown.get(key)
        before = [new for changed_at, _, new in changes if changed_at <= at]
        if before:
            return before[-1]
        return self.shown.get(key) if key[1] == "last seen" else changes[0][1]

    def pulls(self):
        """The bot as it was at each pull."""
        users, catalogue, since = set(self.users), set(self.catalogue), self.days[0]
        for day in self.days:
            for at, event in self.events:
                if since < at <= day:
                    user, name = event["chatfuel_user_id"], event["attribute_name"]
                    match event["type"]:
                        case "signed_up" | "restored":
                            users.add(user)
                        case "deleted":
                            users.discard(user)
                        case "attribute_added":
                            catalogue.add(name)
                        case "attribute_retired":
                            catalogue.discard(name)
            values = {
                user: {name: self.value((user, name), day) for name in self.names[user]} for user in users
            }
            yield Pull(day.isoformat(" "), values, sorted(catalogue), bot_id=self.bot_id)
            since = day


@pytest.fixture(scope="module")
def happened(month):
    """The versions and the events of the law, from what really happened."""
    return reference.history(list(Life(month).pulls()))


def test_versions_are_what_really_held(month, happened):
    derived = month.project.query(reference.VERSIONS_SQL)
    assert len(derived) > 8000
    assert set(derived) ^ set(happened[0]) == set()


def test_events_are_what_really_happened(month, happened):
    derived = {
        row[:-1] for row in month.project.query(reference.EVENTS_SQL) if row[2] != "broadcast_received"
    }
    assert derived ^ {row[:-1] for row in happened[1]} == set()


def test_every_kind_of_event_happened_in_the_month(month):
    kinds = {
        kind for (kind,) in month.project.query("select event_type from chatfuel.fct_chatfuel__user_events")
    }
    assert kinds == {
        "attribute_set",
        "attribute_changed",
        "attribute_cleared",
        "user_appeared",
        "user_disappeared",
        "user_signed_up",
        "user_seen",
        "user_blocked",
        "user_unblocked",
        "broadcast_received",
    }


def test_recipients_were_really_sent_to(month):
    sent = {
        event["broadcast_id"]: set(event["recipients"])
        for event in month.truth
        if event["type"] == "broadcast_sent"
    }
    known = month.project.query(
        "select broadcast_id, chatfuel_user_id from chatfuel.fct_chatfuel__broadcast_recipients"
    )
    reached = sum(user in sent[broadcast_id] for broadcast_id, user in known)
    # the audience is asked for hours after it was sent: most, not all, of it is still the same
    assert reached > 0.8 * len(known) > 0


def test_building_again_changes_no_row_anywhere(month):
    before = month.project.tables()
    month.project.build()
    assert month.project.tables() == before
