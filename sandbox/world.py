"""Everything behind the server: the bots, the day it is, and the documents that were generated."""

from __future__ import annotations

import hashlib
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from threading import RLock

from sandbox.audience import parse, select
from sandbox.bot import FIRST_DAY, Bot
from sandbox.broadcasts import list_csv
from sandbox.clock import day_time
from sandbox.export import export_csv
from sandbox.options import Options
from sandbox.users import Users


class DayError(ValueError):
    """A day that the world cannot move to or tell about."""


@dataclass(frozen=True)
class Document:
    """A generated document.

    Attributes:
        id: Its id.
        path: Where to download it, relative to the base URL.
        expires: When it is gone, on the clock of ``time.monotonic``.
        stream: Yields its bytes.
    """

    id: str
    path: str
    expires: float
    stream: Callable[[], Iterator[bytes]]


class World:
    """The bots and their documents. Whoever changes or reads them holds the lock; streaming needs none."""

    def __init__(self, options: Options) -> None:
        self.lock = RLock()
        self.bots = {
            bot_id: Bot(
                bot_id,
                place,
                users=options.users,
                attributes=options.attributes,
                seed=options.seed,
                start=options.start,
            )
            for place, bot_id in enumerate(options.bot_ids)
        }
        self._options = options
        self._documents: dict[str, Document] = {}
        self._numbers = count(1)
        self._copies: dict[str, tuple[int, Users]] = {}
        for bot in self.bots.values():
            bot.move_to(options.day)
        self.day = options.day

    @property
    def now(self) -> int:
        """The moment it is, epoch seconds."""
        return day_time(self._options.start, self.day)

    def move_to(self, day: int) -> None:
        """Let every bot live on until a day.

        Raises:
            DayError: The day is over.
        """
        if day < self.day:
            raise DayError(f"it is day {self.day} already: time does not go back to day {day}")
        with self.lock:
            for bot in self.bots.values():
                bot.move_to(day)
            self.day = day

    def events(self, after: int, until: int, bot_id: str | None = None) -> Iterator[dict]:
        """Return what happened between two days (see ``sandbox.truth``).

        Args:
            after: A day, from -7.
            until: A day, today at the latest.
            bot_id: Of one bot; otherwise of all, one after the other.

        Raises:
            DayError: The days are no window of the past.
        """
        if not FIRST_DAY <= after <= until <= self.day:
            raise DayError(f"from and to must be {FIRST_DAY} <= from <= to <= {self.day}, the day it is")
        start, end = day_time(self._options.start, after), day_time(self._options.start, until)
        bots = [self.bots[bot_id]] if bot_id else list(self.bots.values())
        return (event for bot in bots for event in bot.truth.between(start, end, bot))

    def export_users(
        self, bot: Bot, fields: list[tuple[str, str]], audience: str | None, newest_first: bool
    ) -> Document:
        """Generate a users export: the state at this moment, whatever happens until it is downloaded.

        Args:
            bot: Whose users.
            fields: Name and type of the columns wanted.
            audience: The filter as JSON; none exports everyone.
            newest_first: Order by ``last seen``, the latest first; otherwise in the order of signing up.

        Raises:
            AudienceError: The filter is wrong.
            FieldError: A field is wrong.
        """
        users = self._copy(bot)
        chosen = select(parse(audience), bot, users)
        if newest_first:
            chosen = array("I", sorted(chosen, key=lambda user: -users.last_seen[user]))
        return self._document(bot, "users", export_csv(bot, users, chosen, fields))

    def export_broadcasts(self, bot: Bot) -> Document:
        """Generate the broadcast list."""
        content = list_csv(bot.broadcasts, bot.now)
        return self._document(bot, "broadcasts", lambda: iter((content,)))

    def document(self, path: str) -> Document | None:
        """Return the document of this path, or none if there never was one or it expired."""
        with self.lock:
            self._forget_expired()
            return self._documents.get(path)

    def _copy(self, bot: Bot) -> Users:
        # One copy a day: the chunks of one pull share it.
        day, users = self._copies.get(bot.id, (None, None))
        if day != bot.day:
            users = bot.users.copy()
            self._copies[bot.id] = (bot.day, users)
        return users

    def _document(self, bot: Bot, kind: str, stream: Callable[[], Iterator[bytes]]) -> Document:
        self._forget_expired()
        number = f"{self._options.seed}/{bot.id}/{next(self._numbers)}"
        document_id = hashlib.sha256(number.encode()).hexdigest()[:24]
        path = f"/export/{bot.id}/{kind}/{document_id}.csv"
        expires = time.monotonic() + self._options.document_seconds
        document = self._documents[path] = Document(document_id, path, expires, stream)
        return document

    def _forget_expired(self) -> None:
        now = time.monotonic()
        for path in [path for path, document in self._documents.items() if document.expires <= now]:
            del self._documents[path]
