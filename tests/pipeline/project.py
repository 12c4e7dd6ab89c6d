"""Runs the dbt project of this repository on a warehouse of its own, as a job would.

Each worker parses the project once for all warehouses and variables: but for the areas that are left out, nothing of ours is
decided by a variable when it is parsed. A test about parsing itself says so: `parse`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import yaml
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.base_types import EventMsg

from tests.pipeline import quicker_dbt  # noqa: F401

ROOT = Path(__file__).parents[2]

# Writing what dbt knows of the project takes a tenth of a build, and few tests read it.
WITHOUT_ARTIFACTS = ("--no-write-json",)
# What a build leaves: everything that is not a view, by schema and name.
HISTORY_TABLES = [
    "chatfuel_intermediate.int_chatfuel__pulls",
    "chatfuel_intermediate.int_chatfuel__user_presence",
    "chatfuel_intermediate.int_chatfuel__attribute_presence",
    "chatfuel_intermediate.int_chatfuel__attribute_versions",
    "chatfuel_intermediate.int_chatfuel__user_visits",
    "chatfuel.fct_chatfuel__user_events",
]


class BuildError(AssertionError):
    """A dbt command failed; the message holds what dbt said of each node."""


@dataclass
class Project:
    """The project on one DuckDB file.

    Attributes:
        path: the DuckDB file.
        target_path: where dbt keeps what it compiles and its parse cache; shared by the runs of a test session.
        profiles: where profiles.yml is.
        root: where dbt_project.yml is.
        target: the target of it.
        has_views: whether the views are there already, as in a copy. To make them again takes a third of a run.
    """

    path: Path
    target_path: Path
    profiles: Path = field(default=ROOT, kw_only=True)
    root: Path = field(default=ROOT, kw_only=True)
    target: str = field(default="dev", kw_only=True)
    has_views: bool = field(default=False, kw_only=True)
    # by what a parse depends on: the manifest as dbt packs it, and the folder with its manifest.json
    parsed: ClassVar[dict[tuple, tuple[bytes, Path]]] = {}

    @property
    def listeners(self) -> list[Callable[[EventMsg], None]]:
        """What hears every event of a dbt command."""
        return []

    def dbt(self, *arguments: str, variables: dict[str, Any] | None = None) -> str:
        """Runs one dbt command in this process.

        Returns:
            What dbt said.

        Raises:
            BuildError: it failed.
        """
        os.environ["CHATFUEL_DUCKDB_PATH"] = str(self.path)
        manifest = None if arguments[0] == "parse" else self.manifest(variables)
        command = self.command(*arguments, variables=variables)
        messages: list[str] = []

        def listen(event: EventMsg) -> None:
            if event.info.level != "debug":
                messages.append(event.info.msg)

        listeners = [listen, *self.listeners]
        result = dbtRunner(manifest, callbacks=listeners).invoke(command)
        # dbt leaves the file open, with settings that nobody else may differ from
        DuckDBConnectionManager.close_all_connections()
        if not result.success:
            # a run-operation has a result, but no node
            nodes = [node for node in getattr(result.result, "results", []) if hasattr(node, "node")]
            failures = [
                f"{node.node.name}: {node.message}" for node in nodes if node.status in ("error", "fail")
            ]
            raise BuildError("\n".join([*failures, *messages]))
        return "\n".join(messages)

    def command(self, *arguments: str, variables: dict[str, Any] | None = None) -> list[str]:
        """A dbt command with all that says where things are."""
        command = [
            *arguments,
            *("--project-dir", str(self.root)),
            *("--profiles-dir", str(self.profiles)),
            *("--target-path", str(self.target_path)),
            *("--target", self.target),
            # threads of one process wait for each other: alone, each build takes a tenth less
            *("--threads", "1"),
            # what dbt says reaches us as events; a log would have every statement once more
            *("--log-level", "none", "--log-level-file", "none"),
        ]
        if variables:
            command += ["--vars", yaml.safe_dump(variables, default_flow_style=True, width=10_000)]
        return command

    @property
    def parse_key(self) -> tuple:
        """What a parse depends on. The name of the file is the name of the database."""
        return (self.root, self.profiles, self.path.stem)

    def manifest(self, variables: dict[str, Any] | None) -> Manifest:
        """The parsed project, fresh: a command leaves what it compiled in it."""
        key = (*self.parse_key, *(name for name in variables or {} if name.startswith("chatfuel__using_")))
        if key not in self.parsed:
            os.environ["CHATFUEL_DUCKDB_PATH"] = str(self.path)
            parsed = dbtRunner().invoke(self.command("parse", variables=variables))
            DuckDBConnectionManager.close_all_connections()
            if not parsed.success:
                raise BuildError(str(parsed.exception))
            self.parsed[key] = parsed.result.to_msgpack(), self.target_path
        packed, folder = self.parsed[key]
        if folder != self.target_path:
            self.target_path.mkdir(exist_ok=True)
            shutil.copy(folder / "manifest.json", self.target_path)
        return Manifest.from_msgpack(packed)

    def build(self, *arguments: str, variables: dict[str, Any] | None = None) -> str:
        """Runs `dbt build` with all models, seeds, snapshots and the law's data tests.

        Tests of single columns prove little on a few rows and cost most of a build; the month runs them all.
        """
        command = ["build", "--exclude-resource-type", "unit_test", "--exclude", "test_type:generic"]
        if self.has_views:
            # else the tests of a view were left out with it
            command += ["--indirect-selection", "cautious"]
        return self.dbt(*command, *self.left_out, *arguments, variables=variables)

    def run(self, *arguments: str, variables: dict[str, Any] | None = None) -> str:
        """Builds the models alone, without tests and snapshots."""
        return self.dbt("run", *self.left_out, *arguments, variables=variables)

    def fold(self, *arguments: str, variables: dict[str, Any] | None = None) -> str:
        """Takes new pulls into what is derived pull by pull, alone: all else is made anew from it, whenever it is built."""
        return self.run("--select", "config.materialized:pull_by_pull", *arguments, variables=variables)

    @property
    def left_out(self) -> tuple[str, ...]:
        """What a build does not make."""
        return (*WITHOUT_ARTIFACTS, *(("--exclude", "config.materialized:view") if self.has_views else ()))

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A connection to the warehouse; close it before the next dbt command."""
        return duckdb.connect(str(self.path))

    def query(self, sql: str) -> list[tuple]:
        """The rows of a query."""
        with self.connect() as connection:
            return connection.execute(sql).fetchall()

    def table(self, name: str) -> list[tuple]:
        """All rows of a table, in an order of their own, so that two warehouses can be compared."""
        return self.query(f"select * from {name} order by all")

    def tables(self) -> dict[str, list[tuple]]:
        """All rows of every table that the project builds."""
        with self.connect() as connection:
            names = connection.execute(
                "select schema_name || '.' || table_name from duckdb_tables() where schema_name like 'chatfuel%' "
                "and schema_name not in ('chatfuel_raw', 'chatfuel_utilities') order by all"
            ).fetchall()
            # on one connection: to open the file takes longer than to read a table
            return {
                name: connection.execute(f"select * from {name} order by all").fetchall() for (name,) in names
            }
