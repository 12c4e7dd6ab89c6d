"""Small bots for tests: what each pull of a bot would have shown, written as raw rows.

A bot is a list of `Pull`s. Each says who was there and what they had; `write_pulls` lays them down as the loader would,
so that a test of the history needs no server.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb
import yaml

RAW_SCHEMA = yaml.safe_load((Path(__file__).parents[2] / "loader" / "raw_schema.yml").read_text())
BOT_ID = "bot_a"
ROWS_A_STATEMENT = 500


@dataclass
class Pull:
    """What one pull of a bot showed.

    Attributes:
        pulled_at: UTC, as `2024-06-03 07:30:00`.
        users: for every user its values: attributes of the catalogue by name, and `status`, `signed up`, `last seen`, `channel`.
        catalogue: the attributes that Chatfuel listed; by default those that some user has.
        recipients: for every broadcast id when it was sent, and to whom; a campaign of the panel that went out at once has no time.
        broadcast_list: lines of the broadcast list, by column of the raw table.
        entries: scheduled entries beside those that `recipients` implies, each as Chatfuel serves it.
        block_filters: for every broadcast id the block as Chatfuel serves it.
        segments: names by id.
        source: `api`, or `import` for a saved export.
        surface: `classic` or `panel`.
        defaults: on the panel the default value of an attribute; who reads as having it has it in `users`.
    """

    pulled_at: str
    users: dict[str, dict[str, str]]
    catalogue: list[str] | None = None
    recipients: dict[str, tuple[str | None, list[str]]] = field(default_factory=dict)
    bot_id: str = BOT_ID
    broadcast_list: list[dict[str, str]] = field(default_factory=list)
    entries: list[dict] = field(default_factory=list)
    block_filters: dict[str, dict | None] = field(default_factory=dict)
    segments: dict[str, str] = field(default_factory=dict)
    source: str = "api"
    surface: str = "classic"
    defaults: dict[str, str] = field(default_factory=dict)

    @property
    def pull_id(self) -> str:
        """The id that the loader would give the pull."""
        return datetime.fromisoformat(self.pulled_at).strftime("%Y%m%dT%H%M%SZ")

    @property
    def attributes(self) -> list[str]:
        """The catalogue of the pull."""
        if self.catalogue is not None:
            return self.catalogue
        names = {name for values in self.users.values() for name in values}
        return sorted(names - {"status", "signed up", "last seen", "channel"})


def write_pulls(connection: duckdb.DuckDBPyConnection, pulls: list[Pull]) -> None:
    """Writes pulls into the raw tables, creating them where they are missing."""
    connection.execute("create schema if not exists chatfuel_raw")
    for table, spec in RAW_SCHEMA["tables"].items():
        columns = RAW_SCHEMA["pull_columns"] + spec["columns"]
        definition = ", ".join(f"{column['name']} {column['type']}" for column in columns)
        connection.execute(f"create table if not exists chatfuel_raw.{table} ({definition})")
        for column in columns:
            add = f"alter table chatfuel_raw.{table} add column if not exists"
            connection.execute(f"{add} {column['name']} {column['type']}")
    rows: dict[str, list[dict]] = {table: [] for table in RAW_SCHEMA["tables"]}
    for pull in pulls:
        for table, table_rows in _rows_of(pull).items():
            rows[table] += table_rows
    for table, table_rows in rows.items():
        names = list(dict.fromkeys(name for row in table_rows for name in row))
        for start in range(0, len(table_rows), ROWS_A_STATEMENT):
            some = table_rows[start : start + ROWS_A_STATEMENT]
            row_marks = f"({', '.join('?' * len(names))})"
            connection.execute(
                f"insert into chatfuel_raw.{table} ({', '.join(names)}) values {', '.join([row_marks] * len(some))}",
                [row.get(name) for row in some for name in names],
            )


def entry(broadcast_id: str, sent_at: str, title: str | None = None) -> dict:
    """A scheduled entry as Chatfuel serves it; `sent_at` is UTC."""
    return {
        "id": broadcast_id,
        "block_id": f"block {broadcast_id}",
        "enabled": True,
        "planned": False,
        "block_title": title or broadcast_id,
        "broadcast_start_timestamp": int(datetime.fromisoformat(sent_at + "+00:00").timestamp()),
    }


def campaign(broadcast_id: str, created_at: int | None = None) -> dict:
    """A WhatsApp campaign that went out at once, as the loader writes it; when it was made is epoch seconds."""
    about = {"type": "send_now", "created_at": created_at, "recipients": 1, "message": "Hi"}
    return {"id": broadcast_id, "planned": False, "broadcast_start_timestamp": None, "campaign": about}


def line(
    sent_at: str, title: str = "", total: int = 10, read: int = 0, clicked: int = 0, failed: int = 0
) -> dict:
    """A line of the broadcast list; `sent_at` is UTC."""
    return {
        "sent_timestamp": sent_at,
        "broadcast_type": "Broadcast",
        "trigger_settings": title,
        "content": f"message of {title}",
        "progress": "100%",
        "total_users": str(total),
        "read_users": str(read),
        "clicked_users": str(clicked),
        "failed_users": str(failed),
        "is_user_timezone": "false",
    }


def user(**values: str) -> dict[str, str]:
    """A user's values, in the words of Chatfuel; reachable, signed up and last seen long ago unless said otherwise."""
    return {
        "status": "reachable",
        "signed up": "2024-01-01 10:00:00",
        "last seen": "2024-06-01 08:00:00",
        **{name.replace("__", " "): value for name, value in values.items()},
    }


def on(channel: str, **values: str) -> dict[str, str]:
    """The values of a user of the panel, which tells no status."""
    return {"channel": channel, **values}


def _rows_of(pull: Pull) -> dict[str, list[dict]]:
    rows: dict[str, list[dict]] = {table: [] for table in RAW_SCHEMA["tables"]}
    for name in pull.attributes:
        default = pull.defaults.get(name)
        rows["attributes"].append(
            {"attribute_name": name, "attribute_type": "custom", "default_value": default}
        )
    for user_id, values in pull.users.items():
        user = {
            column["name"]: values.get(column["name"].replace("_", " "))
            for column in RAW_SCHEMA["tables"]["users"]["columns"]
        }
        rows["users"].append({**user, "chatfuel_user_id": user_id})
        for name in pull.attributes:
            if values.get(name):
                rows["user_attributes"].append(
                    {"chatfuel_user_id": user_id, "attribute_name": name, "attribute_value": values[name]}
                )
    entries = list(pull.entries)
    block_filters = dict(pull.block_filters)
    for broadcast_id, (sent_at, user_ids) in pull.recipients.items():
        entries.append(entry(broadcast_id, sent_at) if sent_at else campaign(broadcast_id))
        if not sent_at:
            block_filters.setdefault(broadcast_id, None)
        for user_id in user_ids:
            rows["broadcast_recipients"].append({"broadcast_id": broadcast_id, "chatfuel_user_id": user_id})
    for served in entries:
        rows["scheduled_entries"].append({"broadcast_id": served["id"], "payload": json.dumps(served)})
    for number, line in enumerate(pull.broadcast_list, start=1):
        rows["broadcasts"].append({"row_number": number, **line})
    for broadcast_id, block in block_filters.items():
        payload = {
            "broadcast_id": broadcast_id,
            "block_id": f"block {broadcast_id}",
            "payload": json.dumps(block),
        }
        rows["block_filters"].append(payload)
    for segment_id, name in pull.segments.items():
        rows["segments"].append({"segment_id": segment_id, "segment_name": name})
    counts = {f"{table}_rows": len(table_rows) for table, table_rows in rows.items() if table != "pulls"}
    rows["pulls"].append({"source": pull.source, "surface": pull.surface, "loader_version": "test", **counts})
    own = {
        "pull_id": pull.pull_id,
        "pull_date": pull.pulled_at[:10],
        "pulled_at": pull.pulled_at,
        "bot_id": pull.bot_id,
    }
    return {table: [own | row for row in table_rows] for table, table_rows in rows.items()}
