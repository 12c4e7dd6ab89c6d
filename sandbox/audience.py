"""Audience filters: the JSON that blocks hold and the users export takes, and the users they select."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.attributes import Attributes
from sandbox.clock import stamp
from sandbox.users import Users

Test = Callable[[int], bool]


class AudienceError(ValueError):
    """A filter that the server cannot understand."""


@dataclass(frozen=True)
class Parameter:
    """One condition. ``values`` are alternatives; for a segment ``name`` is none and they are segment ids."""

    type: str
    name: str | None
    operation: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Filter:
    """Conditions joined by ``and`` or ``or``. No condition at all selects everyone."""

    operation: str
    parameters: tuple[Parameter, ...]
    valid: bool = True


@dataclass(frozen=True)
class Segment:
    """A named filter."""

    id: str
    name: str
    filter: Filter


class Catalogue(Protocol):
    """The bot whose users are selected: what a condition can name."""

    attributes: Attributes
    blocks: Sequence[Any]
    segments: Mapping[str, Segment]


EVERYONE = Filter("or", ())


def parse(text: str | None) -> Filter:
    """Read a filter from the JSON string that the users export takes.

    Args:
        text: The JSON; none selects everyone.

    Raises:
        AudienceError: The text is not a filter.
    """
    if text is None:
        return EVERYONE
    try:
        found = json.loads(text)
        parameters = tuple(
            Parameter(
                type=str(parameter["type"]),
                name=parameter.get("name"),
                operation=str(parameter["operation"]),
                values=tuple(str(value) for value in parameter["values"]),
            )
            for parameter in found["parameters"]
        )
        operation = found["operation"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AudienceError(f"filter is not a JSON filter: {error}") from error
    if operation not in ("and", "or"):
        raise AudienceError(f'filter operation "{operation}" is neither "and" nor "or"')
    return Filter(operation, parameters)


def select(audience: Filter, bot: Catalogue, users: Users) -> array:
    """Return the numbers of the users whom a filter selects, in the order of signing up.

    Args:
        audience: The filter.
        bot: Whose attributes and segments the filter means.
        users: The users to select from, as they are or as they were copied.

    Raises:
        AudienceError: The filter names something that the bot does not have.
    """
    test = _test(audience, bot, users)
    return array("I", (user for user in _present(users) if test(user)))


def _present(users: Users) -> Iterator[int]:
    present = users.present
    return (user for user in range(len(users)) if present[user])


def _test(audience: Filter, bot: Catalogue, users: Users) -> Test:
    tests = [condition(parameter, bot, users) for parameter in audience.parameters]
    if not tests:
        return lambda user: True
    if len(tests) == 1:
        return tests[0]
    if audience.operation == "and":
        return lambda user: all(test(user) for test in tests)
    return lambda user: any(test(user) for test in tests)


def condition(parameter: Parameter, bot: Catalogue, users: Users) -> Test:
    """Return what tells whether a user meets one condition; arguments as those of ``select``."""
    if parameter.type == "segment":
        test = _in_segments(parameter, bot, users)
    elif parameter.type == "sequence":
        # The simulated bot has no sequences: nobody is in one.
        if parameter.operation not in ("is", "is_not"):
            raise AudienceError(f'a sequence cannot be compared by "{parameter.operation}"')
        test = _never
    elif parameter.type in ("custom", "system"):
        test = _has_value(parameter, bot, users)
    else:
        raise AudienceError(f'unknown filter type "{parameter.type}"')
    # Who has no value at all is not that value.
    return (lambda user: not test(user)) if parameter.operation == "is_not" else test


def _never(user: int) -> bool:
    return False


def _in_segments(parameter: Parameter, bot: Catalogue, users: Users) -> Test:
    if parameter.operation not in ("is", "is_not"):
        raise AudienceError(f'a segment cannot be compared by "{parameter.operation}"')
    tests = []
    for segment_id in parameter.values:
        segment = bot.segments.get(segment_id)
        if segment is None:
            raise AudienceError(f'unknown segment "{segment_id}"')
        tests.append(_test(segment.filter, bot, users))
    return lambda user: any(test(user) for test in tests)


def _has_value(parameter: Parameter, bot: Catalogue, users: Users) -> Test:
    matches = _comparison(parameter)
    attribute = bot.attributes.get(parameter.name or "", parameter.type)
    if attribute is not None:
        # Each distinct value is compared once; a user is then one set operation.
        matching = {
            fact for fact, text in zip(attribute.facts(), attribute.texts, strict=True) if matches(text)
        }
        facts = users.facts
        return lambda user: not matching.isdisjoint(facts[user])
    if parameter.type == "system" and parameter.name in READERS:
        read = READERS[parameter.name]
        return lambda user: matches(read(bot, users, user))
    raise AudienceError(f'unknown {parameter.type} attribute "{parameter.name}" in filter')


def _comparison(parameter: Parameter) -> Callable[[str], bool]:
    if parameter.operation in ("is", "is_not"):
        wanted = frozenset(parameter.values)
        return lambda text: text in wanted
    if parameter.operation not in ("gt", "lt"):
        raise AudienceError(f'unknown filter operation "{parameter.operation}"')
    bounds = [_number(value) for value in parameter.values]
    if None in bounds:
        raise AudienceError(f'"{parameter.operation}" compares numbers, not {list(parameter.values)}')

    def compare(text: str) -> bool:
        number = _number(text)
        if number is None:
            return False
        if parameter.operation == "gt":
            return any(number > bound for bound in bounds)
        return any(number < bound for bound in bounds)

    return compare


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


# The system fields that are columns of their own, not facts: each as the export shows it.
READERS: dict[str, Callable[[Catalogue, Users, int], str]] = {
    "chatfuel user id": lambda bot, users, user: users.ids[user],
    "signed up": lambda bot, users, user: stamp(users.signed_up[user]),
    "last seen": lambda bot, users, user: stamp(users.last_seen[user]),
    "sessions": lambda bot, users, user: str(users.sessions[user]),
    "last visited block id": lambda bot, users, user: bot.blocks[users.blocks[user]].id,
    "last visited block name": lambda bot, users, user: bot.blocks[users.blocks[user]].title,
}
