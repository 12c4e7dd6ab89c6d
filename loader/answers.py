"""What Chatfuel's JSON must look like, checked when it comes and when it is read from the landing zone.

What is not listed here is kept as it is, for the payloads of the raw tables.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from loader.errors import ContractError

# What was fetched is in the landing zone, or nowhere: a warehouse gets whole pulls.
CHANGED = "Nothing was loaded. Pull again; if it stays, Chatfuel's API has changed: report it."
T = TypeVar("T")
_KINDS = {"str": "text", "int": "number", "float": "number", "bool": "true or false", "array": "list"}


class Attribute(msgspec.Struct, frozen=True):
    """An attribute of the catalogue; ``type`` is ``system`` or ``custom``."""

    name: str
    type: str


class Segment(msgspec.Struct):
    """A segment."""

    id: str
    name: str


class Entry(msgspec.Struct):
    """A scheduled entry. One that repeats has no moment."""

    id: str
    enabled: bool | None = None
    broadcast_start_timestamp: float | None = None
    block_id: str | None = None
    block_title: str | None = None


class Count(float):
    """A number of users, given as 52415 or as the text 52,415."""


class BroadcastResult(msgspec.Struct):
    """The result of a broadcast."""

    block_title: str | None = None
    in_progress: bool | None = None
    total_users: Count | None = None


class Block(msgspec.Struct):
    """A block; without a filter its audience is gone."""

    user_filter: dict[str, Any] | None = None


class Document(msgspec.Struct):
    """Where an export can be downloaded."""

    downloadUrl: str  # noqa: N815


class Shape(NamedTuple):
    """Where the part of an answer is that matters, and what it is."""

    path: tuple[str, ...]
    kind: Any


# What SQL reads as a number of users too: the macro whole_number.
COUNT = r"[0-9]{1,18}|[0-9]{1,3}(,[0-9]{3}){1,5}"
# By raw table.
SHAPES = {
    "attributes": Shape(("data", "bot", "variableSuggest"), list[Attribute]),
    "segments": Shape(("data", "bot", "segments"), list[Segment]),
    "scheduled_entries": Shape(("result",), list[Entry]),
    "broadcast_stats": Shape(("result",), list[BroadcastResult]),
    "block_filters": Shape(("data", "bot", "block"), Block | None),
}


def parse(body: bytes, what: str) -> Any:
    """Return JSON as Python's own types.

    Raises:
        ContractError: It is no JSON, or what no warehouse can read: NaN, infinite, without end.
    """
    try:
        return json.loads(body, parse_constant=_refuse_number, parse_float=_finite, parse_int=_whole)
    except (ValueError, RecursionError):
        raise ContractError(f"Chatfuel answered {what} with something that is not JSON. {CHANGED}") from None


def pick(content: Any, shape: Shape, what: str) -> tuple[Any, Any]:
    """Return the part of an answer that matters, as it came and as what it is.

    Raises:
        ContractError: Something in it is of another kind, or missing.
    """
    for number, key in enumerate(shape.path, start=1):
        if not isinstance(content, Mapping) or key not in content:
            path = ".".join(shape.path[:number])
            raise ContractError(f"Chatfuel's answer to {what}: {path}: missing. {CHANGED}")
        content = content[key]
    try:
        # What is meant plainly is taken, a number in quotes.
        return content, msgspec.convert(content, shape.kind, strict=False, dec_hook=_count)
    except (msgspec.ValidationError, RecursionError, UnicodeError) as error:
        problem = _problem(str(error), ".".join(shape.path))
    raise ContractError(f"Chatfuel's answer to {what}: {problem}. {CHANGED}")


def epoch_seconds(moment: str | float, what: str) -> float:
    """Return the seconds since 1970 of a moment: milliseconds, or a text with its time zone.

    Raises:
        ContractError: It is neither; ``what`` is dated by it.
    """
    try:
        number = float(moment)
        return number / 1000 if number > 1e11 else number
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(str(moment)).timestamp()
    except ValueError:
        raise ContractError(f"Chatfuel dates the {what} in a way that is not known. {CHANGED}") from None


def _count(_: type, value: Any) -> Count:
    if isinstance(value, str) and re.fullmatch(COUNT, value):
        value = value.replace(",", "")
    try:
        if not isinstance(value, bool):
            return Count(value)
    except (ValueError, TypeError):
        pass
    raise ValueError("Expected `float`")


def _problem(message: str, path: str) -> str:
    """Return msgspec's message as path and kind: ``result[3].id: text expected``."""
    message, _, place = message.partition(" - at ")
    path += place.strip("`").removeprefix("$")
    if missing := re.search(r"missing required field `(\w+)`", message):
        return f"{path}.{missing[1]}: missing"
    expected = re.search(r"Expected `(\w+)", message)
    kind = _KINDS.get(expected[1], expected[1]) if expected else "something else"
    return f"{path}: {kind} expected"


def _refuse_number(name: str) -> float:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _whole(text: str) -> int:
    _finite(text)
    return int(text)
