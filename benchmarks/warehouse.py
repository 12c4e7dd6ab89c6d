"""A warehouse of the benchmark: raw pulls in a DuckDB file, and what dbt builds of them."""

from __future__ import annotations

import json
import sys
from dataclasses import astuple, dataclass
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

    def pull(self, day: int, until: int | None = None) -> None:
        """Write the raw rows of a day, or of all days from one to another."""
        call("benchmarks.data:write_pulls", str(self.path), day, until or day, *astuple(self.shape))

    def fill(self, until: int) -> None:
        """Make the history of the days up to one."""
        call("benchmarks.data:fill", str(self.path), until)
        # what dbt counts from the events, it counts from those that were made too
        allowed = ("--vars", "{chatfuel_accept_history_loss: true}")
        self.dbt("run", "--full-refresh", "--select", "int_chatfuel__user_activity", *allowed)

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
        """Build as a nightly job does; the rest as ``dbt``."""
        return self.dbt("build", "--selector", "daily", *options)

    def dbt(self, *command: str) -> dict[str, Any]:
        """Have dbt run nodes; return what it cost, and of that models and tests, and the slowest nodes.

        ``nodes_seconds`` is from the start of the first node to the end of the last: without dbt's own start.
        """
        measured = self.run([str(Path(sys.executable).with_name("dbt")), "--quiet", *command])
        results = json.loads((self.target / "run_results.json").read_text())["results"]
        nodes: dict[str, dict[str, float]] = {"models": {}, "tests": {}}
        for result in results:
            kind, _, name = result["unique_id"].split(".")[:3]
            nodes["tests" if "test" in kind else "models"][name] = result["execution_time"]
        times = [
            step[at]
            for result in results
            for step in result["timing"]
            for at in ("started_at", "completed_at")
        ]
        first, last = (datetime.fromisoformat(moment) for moment in (min(times), max(times)))
        slowest = sorted((nodes["models"] | nodes["tests"]).items(), key=lambda node: -node[1])[:6]
        return measured.record | {
            "models_seconds": sum(nodes["models"].values()),
            "tests_seconds": sum(nodes["tests"].values()),
            "versions_seconds": nodes["models"].get("int_chatfuel__attribute_versions"),
            "nodes_seconds": (last - first).total_seconds(),
            "slowest": {name: round(seconds, 1) for name, seconds in slowest},
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


def pull_ids(path: str) -> dict[str, list[str]]:
    """Return the pulls whose raw rows are there."""
    with connect(path) as connection:
        rows = connection.execute("select distinct pull_id from chatfuel_raw.users order by 1").fetchall()
    return {"pull_ids": [pull_id for (pull_id,) in rows]}
