"""Parts 3 to 5: what a day's build costs, on the first day and a year later, and what the rivals cost."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from benchmarks.data import connect
from benchmarks.measure import ROOT, Measured, call, run

# What DuckDB is given; it would take four fifths of the machine's.
MEMORY = "6GB"


@dataclass(frozen=True)
class Shape:
    """The size of a bot.

    Attributes:
        users: Users of the first pull.
        attributes: Attributes of the catalogue.
        values: Values of each user.
        recipients: Recipients of a broadcast; there is one every second day.
        changed: The share of the values that changes from one pull to the next.
    """

    users: int
    attributes: int
    values: int = 24
    recipients: int = 0
    changed: float = 0.01


class Warehouse:
    """A DuckDB file with raw pulls, and the project built on it."""

    def __init__(self, path: Path, shape: Shape) -> None:
        self.path = path
        self.shape = shape
        # one for all, for dbt keeps there what it parsed
        self.target = path.parent / "target"

    def pull(self, day: int) -> None:
        """Write a day's raw rows."""
        shape = self.shape
        arguments = (shape.users, shape.attributes, shape.values, shape.recipients, shape.changed)
        call("benchmarks.data:write_pull", str(self.path), day, *arguments)

    def fill(self, until: int) -> None:
        """Make the history of the days up to one."""
        call("benchmarks.data:fill", str(self.path), until)
        # what dbt counts from the events, it counts from those that were made too
        dbt = str(Path(sys.executable).with_name("dbt"))
        counted = "int_chatfuel__user_activity"
        allowed = "{chatfuel_accept_history_loss: true}"
        self.run([dbt, "--quiet", "run", "--full-refresh", "--select", counted, "--vars", allowed])

    def run(self, command: list[str]) -> Measured:
        """Run a command of dbt or of the dashboard on the warehouse."""
        # Under one name always: views hold it, and dbt parses everything again when its settings differ.
        place = self.path.with_name("built.duckdb")
        environment = {
            "CHATFUEL_DUCKDB_PATH": str(place),
            "DBT_PROFILES_DIR": str(profiles(self.path.parent)),
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(self.target),
        }
        self.path.rename(place)
        try:
            return run(command, environment)[0]
        finally:
            place.rename(self.path)

    def build(self, *options: str) -> dict[str, Any]:
        """Build as a nightly job does; the rest as ``run_nodes``."""
        return self.run_nodes("build", "--selector", "daily", *options)

    def test(self) -> dict[str, Any]:
        """Run the tests that read all of history; the rest as ``run_nodes``."""
        return self.run_nodes("test", "--select", "tag:weekly")

    def run_nodes(self, *command: str) -> dict[str, Any]:
        """Have dbt run nodes; return what it cost, and of that each kind of node and the slowest.

        ``nodes_seconds`` is from the start of the first node to the end of the last: without dbt's own start.
        """
        dbt = str(Path(sys.executable).with_name("dbt"))
        measured = self.run([dbt, "--quiet", *command])
        results = json.loads((self.target / "run_results.json").read_text())["results"]
        times = [
            datetime.fromisoformat(step[moment])
            for result in results
            for step in result["timing"]
            for moment in ("started_at", "completed_at")
            if result["unique_id"].startswith(("model.", "seed.", "snapshot.", "test."))
        ]
        seconds: dict[str, float] = {}
        for result in results:
            kind = result["unique_id"].split(".")[0]
            seconds[kind] = seconds.get(kind, 0) + result["execution_time"]
        slowest = sorted(results, key=lambda result: -result["execution_time"])[:6]
        return measured.record | {
            "models_seconds": sum(seconds.get(kind, 0) for kind in ("model", "snapshot", "seed")),
            "tests_seconds": seconds.get("test", 0),
            "nodes_seconds": (max(times) - min(times)).total_seconds(),
            "slowest": {
                node["unique_id"].split(".")[2]: round(node["execution_time"], 1) for node in slowest
            },
            "bytes": self.path.stat().st_size,
        }


def profiles(folder: Path) -> Path:
    """Make our profiles.yml with a limit of memory, so that what does not fit goes to disk; return its folder."""
    content = yaml.safe_load((ROOT / "profiles.yml").read_text())
    content["chatfuel"]["outputs"] = {
        "dev": content["chatfuel"]["outputs"]["dev"] | {"settings": {"memory_limit": MEMORY}}
    }
    (folder / "profiles.yml").write_text(yaml.safe_dump(content))
    return folder


# What the history takes from the users export: the fields that the catalogue of these bots does not list.
_PROFILE = "page_id, first_name, last_name, signed_up, status, timezone, gender, locale, source, instagram_name, instagram_handle"


def full_join(path: str) -> dict[str, int]:
    """Compare the values of the last two pulls, those of the profiles too, as barely as it can be done.

    A full join, the changed ones counted.
    """
    values = f"""
        select bot_id, chatfuel_user_id, attribute_name, attribute_value
        from chatfuel_raw.user_attributes where pull_id = '{{pull_id}}'
        union all
        select bot_id, chatfuel_user_id, attribute_name, attribute_value
        from (unpivot (from chatfuel_raw.users where pull_id = '{{pull_id}}') on {_PROFILE}
            into name attribute_name value attribute_value)
    """
    *_, before, last = pull_ids(path)["pull_ids"]
    with connect(path) as connection:
        compared, changed = connection.execute(
            f"""
            select count(*), count(*) filter (old.attribute_value is distinct from new.attribute_value)
            from ({values.format(pull_id=before)}) as old
            full join ({values.format(pull_id=last)}) as new using (bot_id, chatfuel_user_id, attribute_name)
            """
        ).fetchone()
    return {"compared": compared, "changed": changed}


def storage(path: str) -> dict[str, Any]:
    """Return rows, and bytes of text and numbers as BigQuery would count them, of the large tables."""
    tables: dict[str, Any] = {}
    with connect(path) as connection:
        names = connection.execute(
            "select schema_name, table_name from duckdb_tables() where estimated_size > 1000 and schema_name like 'chatfuel%'"
        ).fetchall()
        for schema, name in names:
            columns = connection.execute(
                "select column_name, data_type from duckdb_columns() where schema_name = ? and table_name = ?",
                [schema, name],
            ).fetchall()
            size = " + ".join(
                f"coalesce(strlen({column}) + 2, 0)" if kind == "VARCHAR" else f"if({column} is null, 0, 8)"
                for column, kind in columns
            )
            rows, each = connection.execute(
                f"select count(*), (select avg({size}) from (from {schema}.{name} using sample 20000 rows)) from {schema}.{name}"
            ).fetchone()
            (blocks,) = connection.execute(
                f"select count(distinct block_id) from pragma_storage_info('{schema}.{name}') where block_id >= 0"
            ).fetchone()
            tables[name if schema != "chatfuel_raw" else f"raw.{name}"] = {
                "rows": rows,
                "bigquery_bytes": round(rows * (each or 0)),
                "duckdb_bytes": blocks * 262144,
            }
    return tables


def pull_ids(path: str) -> dict[str, list[str]]:
    """Return the pulls whose raw rows are there."""
    with connect(path) as connection:
        rows = connection.execute("select distinct pull_id from chatfuel_raw.users order by 1").fetchall()
    return {"pull_ids": [pull_id for (pull_id,) in rows]}
