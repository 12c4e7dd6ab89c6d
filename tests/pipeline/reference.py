"""The rules of the history (docs/design.md, the fold), one pull after another: slow, plain, and written without the SQL.

The tests compare what the models derive with what this says.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.pipeline.bots import Pull

PROFILE_FIELDS = (
    "page id",
    "first name",
    "last name",
    "signed up",
    "status",
    "timezone",
    "gender",
    "locale",
    "source",
    "instagram name",
    "instagram handle",
)
VOLATILE = ("last seen", "sessions", "last visited block id", "last visited block name")
ATTRIBUTION = timedelta(days=7)


@dataclass
class Version:
    """An uninterrupted run of one value of one attribute of one user."""

    bot_id: str
    user: str
    attribute: str
    value: str
    valid_from: datetime
    start_reason: str
    valid_to: datetime | None = None
    end_reason: str | None = None
    hidden_until: datetime | None = None

    def row(self) -> tuple:
        """As `VERSIONS_SQL` shows it."""
        return (
            self.bot_id,
            self.user,
            self.attribute,
            self.value,
            self.valid_from,
            self.valid_to,
            self.start_reason,
            self.end_reason,
            self.hidden_until,
        )


VERSIONS_SQL = """
    select bot_id, chatfuel_user_id, attribute_name, attribute_value,
        valid_from, valid_to, start_reason, end_reason, hidden_until
    from chatfuel_intermediate.int_chatfuel__attribute_versions
"""
EVENTS_SQL = """
    select bot_id, chatfuel_user_id, event_type, attribute_name, old_value, new_value,
        observed_after, observed_at, occurred_at, broadcast_id
    from chatfuel.fct_chatfuel__user_events
"""


def history(pulls: list[Pull]) -> tuple[list[tuple], list[tuple]]:
    """The versions and the events of all bots, as rows of `VERSIONS_SQL` and `EVENTS_SQL`, sorted."""
    by_bot = defaultdict(list)
    for pull in pulls:
        by_bot[pull.bot_id].append(pull)
    versions, events = [], []
    for bot_pulls in by_bot.values():
        bot = _Bot()
        for pull in sorted(bot_pulls, key=lambda pull: pull.pulled_at):
            bot.see(pull)
        versions += [version.row() for version in bot.versions]
        events += bot.events
    return sorted(versions, key=_sortable), sorted(events, key=_sortable)


def _sortable(row: tuple) -> tuple:
    return tuple((value is not None, value) for value in row)


class _Bot:
    def __init__(self) -> None:
        self.versions: list[Version] = []
        self.events: list[tuple] = []
        self.previous: datetime | None = None
        self.surface, self.is_moved, self.catalogue = "", False, set()
        self.present: set[str] = set()
        self.last_present: dict[str, datetime] = {}
        self.last_seen: dict[str, datetime] = {}
        # for every user the broadcasts: when it was sent at the latest, its id, and when at the earliest
        self.received: dict[str, list[tuple[datetime, str, datetime]]] = defaultdict(list)
        # for every user and attribute: the last version, and when and with which value it was last observed
        self.current: dict[tuple[str, str], Version] = {}
        self.observed: dict[tuple[str, str], tuple[datetime, str | None]] = {}

    def see(self, pull: Pull) -> None:
        now = datetime.fromisoformat(pull.pulled_at)
        first = self.previous is None
        known = set(self.last_present)
        self.is_moved = not first and pull.surface != self.surface
        catalogue = {*pull.attributes} - {*VOLATILE}
        if pull.surface == "classic":
            catalogue |= {*PROFILE_FIELDS}
        listed = catalogue
        if pull.surface == "panel" and not self.is_moved:
            # what nobody has any more the panel does not list
            catalogue = listed | self.catalogue
        self.surface, self.catalogue = pull.surface, catalogue
        new: list[tuple] = []

        # the pull before a move saw no campaigns, so none is dated after it
        campaigns_seen_until = now if first or self.is_moved else self.previous
        for broadcast_id, (sent_at, users) in sorted(pull.recipients.items()):
            for user in users:
                at = datetime.fromisoformat(sent_at) if sent_at else None
                if broadcast_id not in [known_id for _, known_id, _ in self.received[user]]:
                    self.received[user].append((at or now, broadcast_id, at or campaigns_seen_until))
                    new.append(
                        (
                            user,
                            "broadcast_received",
                            None,
                            None,
                            None,
                            self.previous,
                            at,
                            broadcast_id,
                        )
                    )

        for (user, attribute), version in list(self.current.items()):
            if version.valid_to is not None:
                continue
            if user not in pull.users:
                version.valid_to, version.end_reason = now, "user_disappeared"
            elif attribute not in catalogue:
                version.valid_to, version.end_reason = now, "retired"

        for user in self.present - set(pull.users):
            new.append((user, "user_disappeared", None, None, None, self.previous, None, None))
        for user, values in pull.users.items():
            if not first and not self.is_moved and user not in self.present:
                new.append((user, "user_appeared", None, None, None, self.previous, None, None))
                if user not in known:
                    signed_up = values.get("signed up")
                    at = datetime.fromisoformat(signed_up) if signed_up else None
                    new.append((user, "user_signed_up", None, None, None, self.previous, at, None))
            if values.get("last seen"):
                seen_at = datetime.fromisoformat(values["last seen"])
                if not first and self.last_seen.get(user) != seen_at:
                    new.append((user, "user_seen", None, None, None, self.previous, seen_at, None))
                self.last_seen[user] = seen_at
            for attribute in catalogue:
                value = (attribute in listed and values.get(attribute)) or None
                new += self._observe(pull.bot_id, now, user, attribute, value, user not in known)

        for attribute, default in pull.defaults.items():
            gained = [event for event in new if event[1:5] == ("attribute_set", attribute, None, default)]
            if 2 * len(gained) > len(pull.users):
                # the team set a default value, and nobody did anything
                new = [event for event in new if event not in gained]
                new.append(
                    (None, "attribute_default_set", attribute, None, default, self.previous, None, None)
                )
        for user, event_type, attribute, old, value, after, occurred_at, broadcast_id in new:
            receipts = [
                receipt
                for receipt in self.received[user]
                if now - ATTRIBUTION <= receipt[0] and receipt[2] < now
            ]
            attributed = broadcast_id or (max(receipts)[1] if receipts else None)
            self.events.append(
                (pull.bot_id, user, event_type, attribute, old, value, after, now, occurred_at, attributed)
            )
        for user in pull.users:
            self.last_present[user] = now
        self.present, self.previous = set(pull.users), now

    def _observe(
        self, bot_id: str, now: datetime, user: str, attribute: str, value: str | None, is_new_user: bool
    ) -> list[tuple]:
        key = (user, attribute)
        last = self.observed.get(key)
        self.observed[key] = (now, value)
        version = self.current.get(key)
        hidden = version if version and version.end_reason in ("user_disappeared", "retired") else None
        if hidden and hidden.hidden_until is None:
            hidden.hidden_until = now
        after = last[0] if last else self.last_present.get(user, self.previous)
        if last is None or last[1] is None:
            if value is None:
                return []
            if self.previous is None or self.is_moved:
                reason = "baseline"
            elif last is None and is_new_user:
                reason = "user_appeared"
            else:
                reason = "set"
            self._start(bot_id, key, value, now, reason)
            if reason == "baseline":
                return []
            return self._event(key, "attribute_set", None, value, after)
        if value == last[1]:
            if version.valid_to is not None:
                self._start(bot_id, key, value, now, "observed_again")
            return []
        if version.valid_to is None:
            version.valid_to, version.end_reason = now, "changed" if value else "cleared"
        if value is None:
            return self._event(key, "attribute_cleared", last[1], None, after)
        self._start(bot_id, key, value, now, "changed")
        return self._event(key, "attribute_changed", last[1], value, after)

    def _start(self, bot_id: str, key: tuple[str, str], value: str, now: datetime, reason: str) -> None:
        version = Version(bot_id, *key, value, now, reason)
        self.versions.append(version)
        self.current[key] = version

    def _event(
        self, key: tuple[str, str], event_type: str, old: str | None, value: str | None, after: datetime
    ) -> list[tuple]:
        user, attribute = key
        if attribute == "status":
            if value == "blocked":
                event_type = "user_blocked"
            elif value == "reachable" and event_type == "attribute_changed":
                event_type = "user_unblocked"
            else:
                return []
        return [(user, event_type, attribute, old, value, after, None, None)]
