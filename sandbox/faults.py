"""Every way in which Chatfuel is known to fail, on demand.

A fault is put on requests that will come, with ``POST /_sandbox/faults`` and a body like
``{"fault": "broken-off", "on": "users", "times": 2}``:

- ``fault``: its name, one of ``FAULTS``;
- ``on``: the name of a GraphQL operation or a part of the path, as ``segments``, ``export``, ``users``,
  ``broadcast_stats``; without, every request that the fault can befall;
- ``times``: how many of these requests it befalls, 1 unless told otherwise; ``null``: all of them, for good;
- ``after``: how many of them are answered well before;
- ``seconds``: how long, for those faults that last; 1 unless told otherwise.

``GET`` tells which faults there are and which are still to come, ``DELETE`` calls them all off. A request
meets one fault at most, the first that was asked for.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from threading import Event, Lock
from typing import Any, NamedTuple

from sandbox.attributes import csv_cell
from sandbox.messages import Request, Response, expired_document, json_response, login_page, unauthorized

_USER_ID = "chatfuel user id"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_TRICKLE = 500
_LONGEST = 86_400

Row = list[str]


class FaultError(ValueError):
    """A fault that nobody can have."""


class Call(NamedTuple):
    """A request that a fault befalls.

    Attributes:
        request: The request.
        respond: What would answer it.
        seconds: How long the fault lasts, if it lasts.
        over: Is set when the faults are called off.
    """

    request: Request
    respond: Callable[[Request], Response]
    seconds: float
    over: Event

    def answer(self) -> Response:
        """Return the answer without the fault."""
        return self.respond(self.request)

    def content(self) -> tuple[Response, bytes]:
        """Return the same, and its body whole."""
        response = self.answer()
        return response, response.body if isinstance(response.body, bytes) else b"".join(response.body)


class Fault(NamedTuple):
    """A way to fail; ``place`` is what ``on`` would have to be for it to make sense, or empty."""

    description: str
    place: str
    befall: Callable[[Call], Response]


def _error(message: str, **details: Any) -> Response:
    """Return what GraphQL says when it has no data."""
    return json_response(200, {"errors": [{"message": message} | details], "data": None})


def _error_beside_data(call: Call) -> Response:
    _, content = call.content()
    return json_response(200, {"errors": [{"message": "Something broke"}]} | json.loads(content))


def _busy_until(call: Call) -> Response:
    moment = datetime.now(UTC) + timedelta(seconds=call.seconds)
    return Response(429, b"", headers={"Retry-After": format_datetime(moment, usegmt=True)})


def _slow(call: Call) -> Response:
    call.over.wait(call.seconds)
    return call.answer()


def _trickle(call: Call) -> Response:
    response, content = call.content()

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(content), _TRICKLE):
            yield content[start : start + _TRICKLE]
            call.over.wait(call.seconds)

    return replace(response, body=pieces())


def _stalled(call: Call) -> Response:
    call.over.wait()
    raise ConnectionAbortedError


def _half(call: Call, *, stalls: bool) -> Response:
    response, content = call.content()

    def half() -> Iterator[bytes]:
        yield content[: _middle(content)]
        if stalls:
            call.over.wait()
        raise ConnectionAbortedError

    return replace(response, body=half())


def _wrong_length(call: Call) -> Response:
    response, content = call.content()
    headers = response.headers | {"Content-Length": str(len(content)), "Connection": "close"}
    return replace(response, body=content[: _middle(content)], headers=headers)


def _middle(content: bytes) -> int:
    """Return where to cut: after a line if possible, where the text itself does not show it."""
    return content.rfind(b"\n", 0, len(content) // 2) + 1 or len(content) // 2


def _vanished_attribute(call: Call) -> Response:
    body = json.loads(call.request.body)
    body["variables"]["params"]["fields"].pop()
    return call.respond(replace(call.request, body=json.dumps(body).encode()))


def _byte_order_mark(call: Call) -> Response:
    response, content = call.content()
    return replace(response, body=_BYTE_ORDER_MARK + content)


def _table(change: Callable[[Row, list[Row]], Iterable[Row]]) -> Callable[[Call], Response]:
    """Return a fault of exports: it makes other lines of header and rows."""

    def befall(call: Call) -> Response:
        response, content = call.content()
        header, *rows = csv.reader(io.StringIO(content.decode(), newline=""))
        lines = (b",".join(map(csv_cell, row)) + b"\n" for row in change(header, rows))
        return replace(response, body=b"".join(lines))

    return befall


def _middle_row(change: Callable[[Row], Row]) -> Callable[[Call], Response]:
    """Return a fault of exports that changes the row in their middle."""

    def changed(header: Row, rows: list[Row]) -> Iterator[Row]:
        yield header
        for number, row in enumerate(rows):
            yield change(row) if number == len(rows) // 2 else row

    return _table(changed)


def _other_users(header: Row, rows: list[Row]) -> list[Row]:
    column = header.index(_USER_ID)
    for row in rows[::20]:
        row[column] += "0"
    return [header, *rows]


_GENERATE = "GenerateUsersDocument"
_BROKE = "Something broke"
_UNAUTHENTICATED = {"path": ["bot"], "extensions": {"code": "UNAUTHENTICATED"}}
_TOO_MANY = "too many fields: 1501, at most 1500 are allowed"

# By name: what it is, where it can be, what it does.
FAULTS = {
    name: Fault(*fault)
    for name, fault in {
        # what is refused
        "401": ("401, as for a wrong token.", "", lambda call: unauthorized()),
        "login-page": ("200 with the login page, as for an expired token.", "", lambda call: login_page()),
        "graphql-error": ("200 with a GraphQL error and no data.", "graphql", lambda call: _error(_BROKE)),
        "graphql-error-code": (
            "200 with a GraphQL error whose nested code says that the token is wrong.",
            "graphql",
            lambda call: _error(_BROKE, **_UNAUTHENTICATED),
        ),
        "graphql-error-beside-data": (
            "200 with the data asked for and a GraphQL error beside it.", "graphql", _error_beside_data
        ),
        "too-many-fields": (
            "The refusal of an export of more than 1,500 fields, however many were asked for.",
            _GENERATE,
            lambda call: _error(_TOO_MANY),
        ),
        "expired-document": ("404: the document is gone.", "export", lambda call: expired_document()),
        "gone-document": (
            "410: the document is gone.", "export", lambda call: replace(expired_document(), status=410)
        ),
        # what is busy, slow or silent
        "429": (
            "429 with Retry-After in seconds.",
            "",
            lambda call: Response(429, b"", headers={"Retry-After": str(math.ceil(call.seconds))}),
        ),
        "429-date": ("429 with Retry-After as a date.", "", _busy_until),
        **{
            str(status.value): (
                f"{status.value} {status.phrase}.",
                "",
                lambda call, status=status: Response(status, status.phrase.encode(), "text/plain"),
            )
            for status in map(HTTPStatus, (500, 502, 503, 504))
        },
        "slow": ("The right answer, after `seconds` of silence.", "", _slow),
        "trickle": ("The right answer in small pieces, with `seconds` between them.", "", _trickle),
        "stalled": ("No answer; the connection stays open until the faults are called off.", "", _stalled),
        "stalled-midway": (
            "Half of the answer, and the connection stays open until the faults are called off.",
            "",
            lambda call: _half(call, stalls=True),
        ),
        # what does not arrive whole
        "broken-off": (
            "Half of the answer in chunked encoding, then the connection is closed without the last chunk.",
            "",
            lambda call: _half(call, stalls=False),
        ),
        "wrong-length": (
            "The Content-Length of the answer and half of the answer, then the connection is closed.",
            "",
            _wrong_length,
        ),
        "cut-at-line-end": (
            "An export without its last tenth of rows, whole as far as HTTP and CSV can tell.",
            "export",
            _table(lambda header, rows: [header, *rows[: len(rows) * 9 // 10]]),
        ),
        "fewer-users": (
            "An export with two of every five users.",
            "users",
            _table(lambda header, rows: [header, *(row for n, row in enumerate(rows) if n % 5 < 2)]),
        ),
        "other-users": (
            "An export with another user in the place of every twentieth; it must have the ids.",
            "users",
            _table(_other_users),
        ),
        "no-rows": ("An export with a header and no rows.", "export", _table(lambda header, rows: [header])),
        "no-bytes": ("An export of no bytes.", "export", lambda call: replace(call.answer(), body=b"")),
        # what is not the usual CSV
        "missing-column": (
            "An export without its last column.",
            "export",
            _table(lambda header, rows: [row[:-1] for row in (header, *rows)]),
        ),
        "vanished-attribute": (
            "An export without the last field asked for: the team deleted it after the catalogue was read.",
            _GENERATE,
            _vanished_attribute,
        ),
        "extra-column": (
            "An export with a column that nobody asked for, before the others.",
            "export",
            _table(lambda header, rows: [["surprise", *header], *(["x", *row] for row in rows)]),
        ),
        "duplicate-column": (
            "An export with its last column twice.",
            "export",
            _table(lambda header, rows: [row + row[-1:] for row in (header, *rows)]),
        ),
        "short-row": (
            "An export with a row in its middle that has a cell less than the header.",
            "export",
            _middle_row(lambda row: row[:-1]),
        ),
        "long-row": (
            "An export with a row in its middle that has a cell more than the header.",
            "export",
            _middle_row(lambda row: [*row, "x"]),
        ),
        "nul-byte": (
            "An export with a NUL byte inside the last cell of a row in its middle.",
            "export",
            _middle_row(lambda row: [*row[:-1], "before\0after"]),
        ),
        "byte-order-mark": ("An export that begins with a byte-order mark.", "export", _byte_order_mark),
    }.items()
}  # fmt: skip


@dataclass
class _Pending:
    """A fault that was asked for. ``befell`` counts the requests it befell."""

    fault: str
    on: str = ""
    times: int | None = 1
    after: int = 0
    seconds: float = 1.0
    befell: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.fault not in FAULTS:
            raise FaultError(f"there is no fault {self.fault!r}; there are {', '.join(sorted(FAULTS))}")
        if not isinstance(self.on, str):
            raise FaultError("on must be a text: the name of an operation or a part of the path")
        if self.times is not None and not _is_whole(self.times, 1):
            raise FaultError("times must be a whole number from 1, or null for always")
        if not _is_whole(self.after, 0):
            raise FaultError("after must be a whole number from 0")
        is_number = isinstance(self.seconds, int | float) and not isinstance(self.seconds, bool)
        if not (is_number and 0 <= self.seconds <= _LONGEST):
            raise FaultError(f"seconds must be a number from 0 to {_LONGEST}")

    def takes(self, request: Request) -> bool:
        """Return whether it befalls this request, and count it."""
        names = {*request.path, _operation(request)}
        wanted = {self.on, FAULTS[self.fault].place} - {""}
        if self.times == 0 or not wanted <= names:
            return False
        if self.after:
            self.after -= 1
            return False
        if self.times:
            self.times -= 1
        self.befell += 1
        return True


class Faults:
    """The faults that are still to come."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pending: list[_Pending] = []
        self._over = Event()

    def add(self, asked: Any) -> None:
        """Ask for a fault, as the module's docstring says.

        Raises:
            FaultError: There is no such fault, or what is said of it makes no sense.
        """
        if not isinstance(asked, dict) or not isinstance(asked.get("fault"), str):
            raise FaultError('the body must be like {"fault": "401"}')
        if unknown := asked.keys() - {"fault", "on", "times", "after", "seconds"}:
            raise FaultError(f"a fault has no {min(unknown)!r}, only fault, on, times, after and seconds")
        pending = _Pending(**asked)
        with self._lock:
            self._pending.append(pending)

    def clear(self) -> None:
        """Call off all faults, also those that last at this moment."""
        with self._lock:
            self._pending.clear()
            self._over.set()
            self._over = Event()

    def listing(self) -> dict[str, Any]:
        """Return the faults known, described, and those still to come."""
        with self._lock:
            pending = [asdict(one) for one in self._pending if one.times != 0]
        return {"known": {name: fault.description for name, fault in FAULTS.items()}, "pending": pending}

    def respond(self, request: Request, respond: Callable[[Request], Response]) -> Response:
        """Answer a request, with a fault if it is due."""
        with self._lock:
            due = next((one for one in self._pending if one.takes(request)), None)
            over = self._over
        if due is None:
            return respond(request)
        return FAULTS[due.fault].befall(Call(request, respond, due.seconds, over))


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _operation(request: Request) -> str:
    """Return the name of the GraphQL operation; clients may leave it out of the address."""
    try:
        return str(json.loads(request.body)["operationName"])
    except (ValueError, KeyError, TypeError):
        return request.query.get("opName", "")
