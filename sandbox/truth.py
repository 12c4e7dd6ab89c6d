"""The truth log: everything that happened to a bot, which Chatfuel never tells.

``GET /_sandbox/events?from=A&to=B[&bot=ID]`` answers ``{"events": [...]}``: what happened after day A's time,
up to and including day B's time, in order. A may go back to -7, when the simulation begins; the users of that
moment are its starting point and have no events. Several bots come one after the other unless ``bot`` names
one. Every event is

    {"bot_id": ..., "at": "2024-06-05T14:42:16Z", "type": ..., "chatfuel_user_id": ..., "attribute_name": ...,
     "old_value": ..., "new_value": ...}

with null for what does not apply. All values are text, as the export shows them. The types:

``signed_up``
    A new user. It is followed by one ``attribute`` event, from null, for each value the user begins with
    (``chatfuel user id``, ``signed up`` and ``status`` among them), and by a ``seen``.
``deleted``, ``restored``
    The user leaves the export, or comes back to it with the values of before. A user can do both within a
    window. Who was deleted before day A comes back with values that only the log from
    -7 on, or an older export, can tell.
``attribute``
    A value changed: custom attributes, system fields that are not volatile, and ``status``. Null is no value.
    One attribute of one user can change many times within a window. An attribute that is not in the catalogue
    keeps its hidden values, and their changes are logged too.
``seen``
    ``new_value`` is the new ``last seen``, written as the export writes it.
``broadcast_sent``
    Has ``broadcast_id``, the id of the scheduled entry (null for a broadcast that has no entry), and
    ``recipients``, the ids of all users whom the audience selected at that moment, blocked ones (who count as
    failed) included.
``attribute_added``, ``attribute_retired``
    The catalogue lists ``attribute_name`` from now on, or no longer. One that comes back is added again.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from typing import Protocol

from sandbox.attributes import Attributes
from sandbox.broadcasts import Broadcast
from sandbox.clock import iso, stamp
from sandbox.users import Users

SIGNED_UP, DELETED, RESTORED, ATTRIBUTE, SEEN, BROADCAST_SENT, ATTRIBUTE_ADDED, ATTRIBUTE_RETIRED = range(8)
_TYPES = (
    "signed_up", "deleted", "restored", "attribute", "seen", "broadcast_sent", "attribute_added",
    "attribute_retired",
)  # fmt: skip


class Subjects(Protocol):
    """The bot whose log it is: what the numbers in the log stand for."""

    id: str
    attributes: Attributes
    broadcasts: list[Broadcast]
    users: Users


class TruthLog:
    """What happened, by column: 29 bytes an event, because a large bot has millions."""

    def __init__(self) -> None:
        self._at = array("q")
        self._type = array("B")
        self._subject = array("I")
        self._old = array("Q")
        self._new = array("Q")

    def record(self, at: int, kind: int, subject: int, old: int = 0, new: int = 0) -> None:
        """Add an event; events come in order of time.

        Args:
            at: Epoch seconds.
            kind: One of the types above.
            subject: The number of the user, of the broadcast or of the attribute, as the type has it.
            old: The fact before, for an ``attribute`` event.
            new: The fact after, for an ``attribute`` event.
        """
        self._at.append(at)
        self._type.append(kind)
        self._subject.append(subject)
        self._old.append(old)
        self._new.append(new)

    def between(self, after: int, until: int, bot: Subjects) -> Iterator[dict]:
        """Return the events after one moment, up to and including another."""
        for place in range(bisect_right(self._at, after), bisect_right(self._at, until)):
            yield from self._events(place, bot)

    def _events(self, place: int, bot: Subjects) -> Iterator[dict]:
        at, kind, subject = self._at[place], self._type[place], self._subject[place]
        event = {
            "bot_id": bot.id,
            "at": iso(at),
            "type": _TYPES[kind],
            "chatfuel_user_id": None,
            "attribute_name": None,
            "old_value": None,
            "new_value": None,
        }
        if kind == BROADCAST_SENT:
            broadcast = bot.broadcasts[subject]
            recipients = [bot.users.ids[user] for user in broadcast.recipients]
            yield event | {
                "broadcast_id": broadcast.id if broadcast.scheduled else None,
                "recipients": recipients,
            }
            return
        if kind in (ATTRIBUTE_ADDED, ATTRIBUTE_RETIRED):
            yield event | {"attribute_name": bot.attributes.numbered(subject).name}
            return
        user_id = event["chatfuel_user_id"] = bot.users.ids[subject]
        if kind == ATTRIBUTE:
            old, new = self._old[place], self._new[place]
            yield event | {
                "attribute_name": bot.attributes.of(new or old).name,
                "old_value": bot.attributes.text(old),
                "new_value": bot.attributes.text(new),
            }
            return
        if kind == SEEN:
            event["new_value"] = stamp(at)
        yield event
        if kind == SIGNED_UP:
            fixed = {"chatfuel user id": user_id, "signed up": stamp(at)}
            for name, value in fixed.items():
                yield event | {"type": "attribute", "attribute_name": name, "new_value": value}
