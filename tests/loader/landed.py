"""Pulls in a landing zone, made by hand, so that every byte of an export can be chosen."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from loader.convert import _BROADCAST_COLUMNS, user_columns
from loader.landing import Landing, Pull, PullFolder

ALWAYS = ("last seen", "page id")
MOMENT = datetime(2024, 6, 3, 7, 30, tzinfo=UTC)


def cell(value: str) -> str:
    """Return a value as a CSV cell, quoted always."""
    return '"' + value.replace('"', '""') + '"'


def kind(name: str) -> str:
    """Return the type that the catalogue has of a name."""
    return "system" if name in user_columns() else "custom"


def users_csv(ids: Sequence[str]) -> bytes:
    """Return a users export; every cell but the id's is empty."""
    names = [*ALWAYS, *(name for name in user_columns() if name not in ALWAYS)]
    place = names.index("chatfuel user id")
    lines = [",".join(names)]
    lines += [",".join(user if i == place else "" for i in range(len(names))) for user in ids]
    return ("\n".join(lines) + "\n").encode()


def chunk_csv(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """Return an export of attributes: ``rows`` hold the id and the value of each name."""
    lines = [",".join(cell(name) for name in (*ALWAYS, "chatfuel user id", *names))]
    lines += [
        ",".join(["2024-06-01 00:00:00", "1", *(cell(value) if value else "" for value in row)])
        for row in rows
    ]
    return ("\n".join(lines) + "\n").encode()


def land(
    landing: Path,
    *,
    users: bytes,
    chunks: Sequence[bytes],
    names: Sequence[Sequence[str]],
    listed: Sequence[str] | None = None,
    json_files: dict[str, object] | None = None,
    custom: Sequence[str] = (),
    broadcasts: Sequence[Sequence[str]] = (),
    bot_id: str = "bot",
    moment: datetime = MOMENT,
) -> PullFolder:
    """Land a pull.

    Args:
        landing: The landing zone.
        users: The users export.
        chunks: The exports of attributes.
        names: The attributes asked for in each of them.
        listed: The catalogue; by default all the names.
        json_files: Content of JSON files, by table, in place of empty ones.
        broadcasts: The rows of the broadcast list.
        custom: Those of the names that are custom attributes, though named as system fields.
        bot_id: The bot.
        moment: The moment of the pull.
    """
    folder = Landing(landing).folder(Pull(bot_id, moment))
    folder.begin()

    def write(name: str, table: str, body: bytes, **facts) -> None:
        folder.write(name, table, body, **facts)

    listed = [name for chunk in names for name in chunk] if listed is None else listed
    contents = {
        "attributes": {"data": {"bot": {"variableSuggest": [{"name": n, "type": kind(n)} for n in listed]}}},
        "segments": {"data": {"bot": {"segments": []}}},
        "scheduled_entries": {"result": []},
        "broadcast_stats": {"result": []},
    } | (json_files or {})
    for table, content in contents.items():
        write(f"{table}.json.gz", table, json.dumps(content).encode())
    write("users.csv.gz", "users", users, fields=tuple(name for name in user_columns() if name not in ALWAYS))
    for number, (chunk, asked) in enumerate(zip(chunks, names, strict=True), start=1):
        fields = ("chatfuel user id", *asked)
        write(
            f"user_attributes-{number:03}.csv.gz",
            "user_attributes",
            chunk,
            fields=fields,
            custom=tuple(custom),
        )
    lines = [",".join(map(cell, row)) for row in (_BROADCAST_COLUMNS, *broadcasts)]
    write("broadcasts.csv.gz", "broadcasts", ("\n".join(lines) + "\n").encode())
    folder.commit("api", "test")
    return folder
