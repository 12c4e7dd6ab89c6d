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
from collections.abc import Callable, Iterator
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


FAULTS: dict[str, Fault] = {}


def _fault(name: str, place: str = "") -> Callable:
    """Register a function as a fault that its docstring describes."""

    def register(function: Callable[[Call], Response]) -> Callable[[Call], Response]:
        FAULTS[name] = Fault(" ".join(function.__doc__.split()), place, function)
        return function

    return register


def _csv_fault(name: str, place: str = "export") -> Callable:
    """Register a function of header and rows as a fault of exports."""

    def register(change: Callable[[Row, list[Row]], tuple[Row, list[Row]]]) -> Callable:
        def befall(call: Call) -> Response:
            response, content = call.content()
            header, *rows = csv.reader(io.StringIO(content.decode(), newline=""))
            header, rows = change(header, rows)
            lines = (b",".join(map(csv_cell, row)) + b"\n" for row in (header, *rows))
            return replace(response, body=b"".join(lines))

        befall.__doc__ = change.__doc__
        return _fault(name, place)(befall)

    return register


# What is refused


@_fault("401")
def _unauthorized(call: Call) -> Response:
    """401, as for a wrong token."""
    return unauthorized()


@_fault("login-page")
def _login_page(call: Call) -> Response:
    """200 with the page to log in, as for a token that expired."""
    return login_page()


@_fault("graphql-error", "graphql")
def _graphql_error(call: Call) -> Response:
    """200 with a GraphQL error and no data."""
    return json_response(200, {"errors": [{"message": "Something broke"}], "data": None})


@_fault("graphql-error-code", "graphql")
def _graphql_error_code(call: Call) -> Response:
    """200 with a GraphQL error whose nested code says that the token is wrong."""
    error = {"message": "Something broke", "path": ["bot"], "extensions": {"code": "UNAUTHENTICATED"}}
    return json_response(200, {"errors": [error], "data": None})


@_fault("graphql-error-beside-data", "graphql")
def _graphql_error_beside_data(call: Call) -> Response:
    """200 with the data asked for and a GraphQL error beside it."""
    _, content = call.content()
    return json_response(200, {"errors": [{"message": "Something broke"}]} | json.loads(content))


@_fault("too-many-fields", "GenerateUsersDocument")
def _too_many_fields(call: Call) -> Response:
    """The refusal of an export of more than 1,500 fields, however many were asked for."""
    error = {"message": "too many fields: 1501, at most 1500 are allowed"}
    return json_response(200, {"errors": [error], "data": None})


@_fault("expired-document", "export")
def _expired_document(call: Call) -> Response:
    """404: the document is no more."""
    return expired_document()


@_fault("gone-document", "export")
def _gone_document(call: Call) -> Response:
    """410: the document is no more."""
    return replace(expired_document(), status=410)


# What is busy, slow or silent


@_fault("429")
def _too_many_requests(call: Call) -> Response:
    """429 with Retry-After in seconds."""
    return Response(429, b"", headers={"Retry-After": str(math.ceil(call.seconds))})


@_fault("429-date")
def _too_many_requests_until(call: Call) -> Response:
    """429 with Retry-After as a date."""
    moment = datetime.now(UTC) + timedelta(seconds=call.seconds)
    return Response(429, b"", headers={"Retry-After": format_datetime(moment, usegmt=True)})


def _server_error(status: HTTPStatus) -> None:
    def befall(call: Call) -> Response:
        return Response(status, status.phrase.encode(), "text/plain")

    befall.__doc__ = f"{status.value} {status.phrase}."
    _fault(str(status.value))(befall)


for _status in (500, 502, 503, 504):
    _server_error(HTTPStatus(_status))


@_fault("slow")
def _slow(call: Call) -> Response:
    """The right answer, after ``seconds`` of silence."""
    call.over.wait(call.seconds)
    return call.answer()


@_fault("trickle")
def _trickle(call: Call) -> Response:
    """The right answer in small pieces, with ``seconds`` between them."""
    response, content = call.content()

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(content), _TRICKLE):
            yield content[start : start + _TRICKLE]
            call.over.wait(call.seconds)

    return replace(response, body=pieces())


@_fault("stalled")
def _stalled(call: Call) -> Response:
    """No answer at all, and the connection stays open until the faults are called off."""
    call.over.wait()
    raise ConnectionAbortedError


@_fault("stalled-midway")
def _stalled_midway(call: Call) -> Response:
    """Half of the answer, and the connection stays open until the faults are called off."""
    response, content = call.content()

    def half() -> Iterator[bytes]:
        yield content[: _middle(content)]
        call.over.wait()
        raise ConnectionAbortedError

    return replace(response, body=half())


# What does not arrive whole


@_fault("broken-off")
def _broken_off(call: Call) -> Response:
    """Half of the answer in chunked encoding, then the connection is closed without the last chunk."""
    response, content = call.content()

    def half() -> Iterator[bytes]:
        yield content[: _middle(content)]
        raise ConnectionAbortedError

    return replace(response, body=half())


@_fault("wrong-length")
def _wrong_length(call: Call) -> Response:
    """The Content-Length of the answer and half of the answer, then the connection is closed."""
    response, content = call.content()
    headers = response.headers | {"Content-Length": str(len(content)), "Connection": "close"}
    return replace(response, body=content[: _middle(content)], headers=headers)


@_csv_fault("cut-at-line-end")
def _cut_at_line_end(header: Row, rows: list[Row]) -> tuple[Row, list[Row]]:
    """An export without its last tenth of rows, whole as far as HTTP and CSV can tell."""
    return header, rows[: len(rows) * 9 // 10]


@_csv_fault("fewer-users", "users")
def _fewer_users(header: Row, rows: list[Row]) -> tuple[Row, list[Row]]:
    """An export with two of every five users."""
    return header, [row for number, row in enumerate(rows) if number % 5 < 2]


@_csv_fault("other-users", "users")
def _other_users(header: Row, rows: list[Row]) -> tuple[Row, list[Row]]:
    """An export with another user in the place of every twentieth; it must have the ids."""
    column = header.index(_USER_ID)
    for row in rows[::20]:
        row[column] += "0"
    return header, rows


@_csv_fault("no-rows")
def _no_rows(header: Row, rows: list[Row]) -> tuple[Row, list[Row]]:
    """An export that is nothing but its header."""
    return header, []


@_fault("no-bytes", "export")
def _no_bytes(call: Call) -> Response:
    """An export of no bytes."""
    return replace(call.answer(), body=b"")


# What is no such CSV as always


@_csv_fault("missing-column")
def _missing_column(header: Row, rows: list[Row]) -> tuple[Row, list[Row]]:
    """An export without its last column."""
    return header[:-1], [row[:-1] for row in rows]


@_fault("vanished-attribute", "GenerateUsersDocument")
def _vanished_attribute(call: Call) -> Response:
    """An export without the last field asked for: the team deleted it after the catalogue was read."""
    body = json.loads(call.request.body)
    body["variables"]["params"]["fields"].pop()
    return call.respond(replace(call.request, body=json.dumps(body).encode()))


@_csv_fault("extra-column")
def _extra_column(header: Row, rows: list[Row]) -> tuple[Row, list[Row]]:
    """An export with a column that nobody asked for, before the others."""
    return ["surprise", *header], [["x", *row] for row in rows]


@_csv_fault("duplicate-column")
def _duplicate_column(header: Row, rows: list[Row]) -> tuple[Row, list[Row]]:
    """An export with its last column twice."""
    return header + header[-1:], [row + row[-1:] for row in rows]


@_csv_fault("short-row")
def _short_row(header: Row, rows: list[Row]) -> tuple[Row, list[Row]]:
    """An export with a row in its middle that has a cell less than the header."""
    del rows[len(rows) // 2][-1]
    return header, rows


@_csv_fault("long-row")
def _long_row(header: Row, rows: list[Row]) -> tuple[Row, list[Row]]:
    """An export with a row in its middle that has a cell more than the header."""
    rows[len(rows) // 2].append("x")
    return header, rows


@_csv_fault("nul-byte")
def _nul_byte(header: Row, rows: list[Row]) -> tuple[Row, list[Row]]:
    """An export with a NUL byte inside the last cell of a row in its middle."""
    rows[len(rows) // 2][-1] = "before\0after"
    return header, rows


@_fault("byte-order-mark", "export")
def _byte_order_mark(call: Call) -> Response:
    """An export that begins with a byte-order mark."""
    response, content = call.content()
    return replace(response, body=_BYTE_ORDER_MARK + content)


def _middle(content: bytes) -> int:
    """Return where to cut: after a line if possible, where the text itself does not show it."""
    return content.rfind(b"\n", 0, len(content) // 2) + 1 or len(content) // 2


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
