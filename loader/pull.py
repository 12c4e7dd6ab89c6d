"""What a pull does, in order."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from loader import __version__
from loader.answers import CHANGED, Attribute, BroadcastResult, Entry
from loader.chatfuel import ALWAYS_SERVED, ASK_AFTER, ASK_BEFORE, MOST_FIELDS, USER_ID, Answer, Chatfuel
from loader.convert import convert, has_user_of, is_system, user_columns, value_counts, with_default
from loader.errors import ContractError, RefusedError
from loader.landing import Pull, PullFolder
from loader.logs import progress
from loader.warehouse import Converted, Warehouse

# The share of values and attributes that a pull must have of the pull before; the share of the users who may
# gain or lose one attribute from one pull to the next, and how many always may.
_LEAST_KEPT, _MOST_CHANGED, _FEW_USERS = 0.5, 0.5, 10

_USER_ID_FIELD = Attribute(USER_ID, "system")


class Plan(NamedTuple):
    """What a pull asks for beside the lists that Chatfuel always gives.

    Attributes:
        attributes: The fields of the catalogue that are exported.
        chunks: The same, in as many exports as it takes; each begins with the user's id.
        entries: The scheduled entries whose audience is asked for.
    """

    attributes: list[Attribute]
    chunks: list[list[Attribute]]
    entries: list[Entry]


def plan(client: Chatfuel, pull: Pull, recorded: Collection[str] | None) -> Plan:
    """Find out what a pull would ask for; nothing is written."""
    fields = _fields(client.attributes(pull.bot_id).content)
    entries, stats = client.scheduled_entries(pull.bot_id), client.broadcast_stats(pull.bot_id)
    return Plan(fields, _chunks(fields), _to_ask(entries.content, stats.content, pull.pulled_at, recorded))


def fetch(client: Chatfuel, folder: PullFolder, recorded: Collection[str] | None) -> None:
    """Land everything that Chatfuel has in a folder, which is emptied first.

    The audience of the ``recorded`` broadcasts is in the warehouse, and not asked for; before the first pull
    there is none.
    """
    bot_id = folder.pull.bot_id
    catalogue = client.attributes(bot_id)
    folder.begin()

    def keep(table: str, answer: Answer) -> Any:
        folder.write(f"{table}.json.gz", table, answer.body)
        return answer.content

    def export(name: str, table: str, fields: Sequence[Attribute], audience: Any = None, **facts) -> None:
        names = tuple(field.name for field in fields)
        custom = tuple(field.name for field in fields if field.type == "custom" and is_system(field.name))
        facts |= {"fields": names, "custom": custom}
        client.download_users(bot_id, fields, lambda: folder.writer(name, table, **facts), audience)

    keep("attributes", catalogue)
    system = [Attribute(name, "system") for name in user_columns() if name not in ALWAYS_SERVED]
    export("users.csv.gz", "users", system)
    for number, chunk in enumerate(_chunks(_fields(catalogue.content)), start=1):
        export(f"user_attributes-{number:03}.csv.gz", "user_attributes", chunk)

    keep("segments", client.segments(bot_id))
    client.download_broadcasts(bot_id, lambda: folder.writer("broadcasts.csv.gz", "broadcasts"))
    entries = keep("scheduled_entries", client.scheduled_entries(bot_id))
    stats = keep("broadcast_stats", client.broadcast_stats(bot_id))

    for entry in _to_ask(entries, stats, folder.pull.pulled_at, recorded):
        broadcast_id, block_id = entry.id, str(entry.block_id)
        if not re.fullmatch(r"[\w-]+", broadcast_id, re.ASCII):
            raise ContractError(f"The scheduled entry id {broadcast_id!r} cannot be a file's name. {CHANGED}")
        body, block = client.block(bot_id, block_id)
        facts = {"broadcast_id": broadcast_id, "block_id": block_id}
        folder.write(f"block_filters-{broadcast_id}.json.gz", "block_filters", body, **facts)
        audience = block and block.user_filter
        if audience and audience.get("valid") is not False:
            name = f"broadcast_recipients-{broadcast_id}.csv.gz"
            export(name, "broadcast_recipients", [_USER_ID_FIELD], audience, broadcast_id=broadcast_id)

    folder.commit("api", __version__)


def _fields(catalogue: Sequence[Attribute]) -> list[Attribute]:
    """Return what the users export does not have. What is listed twice is one attribute."""
    asked = [
        field for field in dict.fromkeys(catalogue) if field.type == "custom" or not is_system(field.name)
    ]
    # The columns that every export begins with hide a custom attribute of the same name.
    return [field for field in asked if field.name not in (*ALWAYS_SERVED, USER_ID)]


def _chunks(fields: Sequence[Attribute]) -> list[list[Attribute]]:
    # No export has two columns of one name. Each has the user's id.
    first = {field.name: field for field in reversed(fields)}
    seconds = [field for field in fields if first[field.name] != field]
    step = MOST_FIELDS - 1
    return [
        [_USER_ID_FIELD, *group[start : start + step]]
        for group in ([*reversed(first.values())], seconds)
        for start in range(0, len(group), step)
    ]


def _to_ask(
    entries: Sequence[Entry],
    stats: Sequence[BroadcastResult],
    pulled_at: datetime,
    recorded: Collection[str] | None,
) -> list[Entry]:
    # What is listed twice is one entry.
    chosen = {entry.id: entry for entry in reversed(qualifying(entries, stats, pulled_at))}
    return [entry for entry in reversed(chosen.values()) if entry.id not in (recorded or ())]


def qualifying(
    entries: Sequence[Entry], stats: Sequence[BroadcastResult], pulled_at: datetime
) -> list[Entry]:
    """Return the entries whose audience a pull at that moment asks for; the results are newest first."""
    final = {}
    for result in stats:
        final.setdefault(result.block_title, result.in_progress is False and bool(result.total_users))
    first, last = (pulled_at - ASK_BEFORE).timestamp(), (pulled_at - ASK_AFTER).timestamp()
    return [
        entry
        for entry in entries
        if entry.enabled is True
        and first <= (entry.broadcast_start_timestamp or 0) <= last
        and final.get(entry.block_title, False)
    ]


def load(
    warehouse: Warehouse, folder: PullFolder, min_users_ratio: float, *, force: bool = False
) -> Converted:
    """Convert a complete pull and load it.

    Args:
        warehouse: Where it goes.
        folder: The pull.
        min_users_ratio: The share of the previous pull's users that this one must have.
        force: Believe what the gates do not: too much that changed, or exports that disagree about the users.

    Raises:
        ContractError: A file is not what Chatfuel always sent.
        RefusedError: A gate refused the pull. It stays in the landing zone.
    """
    try:
        with folder.workspace() as workdir:
            converted = convert(folder, workdir, force=force)
            if not force and (problem := _too_much_changed(warehouse, folder, converted, min_users_ratio)):
                raise RefusedError(
                    f"{problem}. Nothing was loaded."
                    f" If it is right: `python -m loader reload {folder.pull.pull_id} --force`."
                )
            progress("loading")
            warehouse.write(folder.pull, converted)
    except (ContractError, RefusedError) as error:
        folder.refuse(error.message)
        raise
    folder.accept()
    return converted


def _too_much_changed(
    warehouse: Warehouse, folder: PullFolder, converted: Converted, min_users_ratio: float
) -> str:
    """Return what changed too much since the pull before to be believed; empty if nothing did."""
    pull, rows = folder.pull, converted.rows
    before = [
        row
        for row in warehouse.committed_pulls()
        if row["bot_id"] == pull.bot_id and row["pull_id"] < pull.pull_id
    ]
    if not before:
        return ""
    last, source = before[-1], folder.read_manifest().source
    is_panel = source == "panel"
    shares = {"users": min_users_ratio}
    # Who saves a file chooses its columns; what another surface knows is no news.
    is_of_same_kind = is_panel == (last.get("surface") == "panel") and (is_panel or source == last["source"])
    if is_of_same_kind:
        shares |= {"attributes": _LEAST_KEPT, "user_attributes": min_users_ratio}
    for table, share in shares.items():
        if rows[table] < (known := last[f"{table}_rows"]) * share:
            what = "values" if table == "user_attributes" else table
            return f"{rows[table]} {what}, and {known} in the pull before: suspiciously few"
    pull_before = Pull(pull.bot_id, last["pulled_at"].replace(tzinfo=UTC))
    known_users = warehouse.some_users(pull_before)
    if len(known_users) > _FEW_USERS and not has_user_of(converted, known_users):
        return (
            f"None of {len(known_users)} users of the pull before is in it:"
            " their ids come from another column, or they are another bot's"
        )
    if not is_of_same_kind:
        return ""
    counts, known = value_counts(converted), warehouse.value_counts(pull_before)
    defaults = with_default(converted)
    # Of an attribute that is new, or that nobody had, every value is a new one; a default is everybody's.
    changes = {name: counts.get(name, 0) - known[name] for name in known}
    changes = {name: gain for name, gain in changes.items() if gain < 0 or name not in defaults}
    name = max(changes, key=lambda name: abs(changes[name]), default="")
    # Who came or went changes the count too.
    most = max(_FEW_USERS, rows["users"] * _MOST_CHANGED) + abs(rows["users"] - last["users_rows"])
    if name not in converted.attributes or abs(changes[name]) <= most:
        return ""
    verb = "gained" if changes[name] > 0 else "lost"
    return f"{abs(changes[name])} of {rows['users']} users {verb} {name!r}: too many to believe"
