"""The SQL of the models, run straight in DuckDB: what a build does to the rows, without dbt around it.

dbt compiles the project once; a warehouse in memory is then built in a tenth of a second. The steps are those of
`macros/materializations/`: the markers of the new pulls are replaced by constants, rows of the same key are replaced.
That the materialization itself does so is what the tests with a `Project` prove.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import duckdb

from tests.pipeline.bots import Pull, write_pulls
from tests.pipeline.project import Project

IN_NEW_PULLS = "true /* in the new pulls */"
OF_BOTS = "true /* of bots with new pulls */"
FIRST_NEW_PULL = "timestamp '1970-01-01 00:00:00' /* first new pull */"
LAST_NEW_PULL = "timestamp '9999-12-31 00:00:00' /* last new pull */"


@dataclass(frozen=True)
class Model:
    """One model as dbt compiled it for a warehouse in memory."""

    name: str
    table: str
    sql: str
    columns: dict[str, str]
    config: dict

    @property
    def is_fold(self) -> bool:
        """Whether it is derived pull by pull; else it is a view."""
        return self.config["materialized"] == "pull_by_pull"


def compile_models(target_path: Path, select: str) -> list[Model]:
    """The models that `select` names, in the order of a build."""
    project = Project(Path(":memory:"), target_path)
    # without the step of an event, which asks rules of a seed
    project.dbt("compile", "--select", select, variables={"chatfuel__using_kpis": False})
    manifest = json.loads((target_path / "manifest.json").read_text())
    run = json.loads((target_path / "run_results.json").read_text())
    nodes = {result["unique_id"]: result["compiled_code"] for result in run["results"]}
    models = {}
    for unique_id, sql in nodes.items():
        node = manifest["nodes"][unique_id]
        if node["resource_type"] == "model" and node["config"]["materialized"] != "ephemeral":
            columns = {name: column["data_type"] for name, column in node["columns"].items()}
            models[unique_id] = Model(
                node["name"], f"{node['schema']}.{node['alias']}", sql, columns, node["config"]
            )
    ordered: dict[str, Model] = {}

    def add(unique_id: str) -> None:
        for parent in manifest["parent_map"].get(unique_id, []):
            add(parent)
        if unique_id in models:
            ordered.setdefault(unique_id, models[unique_id])

    for unique_id in models:
        add(unique_id)
    return list(ordered.values())


class StraightWarehouse:
    """A warehouse in memory, empty but for the views and tables of the models."""

    def __init__(self, models: list[Model]) -> None:
        self.connection = duckdb.connect(":memory:")
        self.folds = [model for model in models if model.is_fold]
        self.done: dict[str, dict[str, str]] = {model.name: {} for model in self.folds}
        write_pulls(self.connection, [])
        for model in models:
            self.connection.execute(f"create schema if not exists {model.table.split('.')[0]}")
            if model.is_fold:
                columns = ", ".join(f"{name} {kind}" for name, kind in model.columns.items())
                self.connection.execute(f"create table {model.table} ({columns})")
            else:
                self.connection.execute(f"create view {model.table} as {model.sql}")

    def build(self, pulls: list[Pull]) -> None:
        """Takes in some pulls, as a build does that finds them in the raw tables."""
        write_pulls(self.connection, pulls)
        for model in self.folds:
            for step in self._new_steps(model):
                self._do(model, step)

    def query(self, sql: str) -> list[tuple]:
        """The rows of a query."""
        return self.connection.execute(sql).fetchall()

    def table(self, name: str) -> list[tuple]:
        """All rows of a table, in an order of their own."""
        return self.query(f"select * from {name} order by all")

    def _new_steps(self, model: Model) -> list[list[dict]]:
        source = model.config["meta"].get("pulls", "int_chatfuel__pulls")
        schema = "chatfuel_staging" if source.startswith("stg") else "chatfuel_intermediate"
        cursor = self.connection.execute(
            "select bot_id, pull_id, pull_date::varchar as pull_date, pulled_at::varchar as pulled_at, "
            f"row_number() over (partition by bot_id order by pulled_at) as number from {schema}.{source} "
            "order by bot_id, pulled_at"
        )
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        done = self.done[model.name]
        new = [row for row in rows if row["pulled_at"] > done.get(row["bot_id"], "")]
        if model.config["meta"].get("all_pulls_at_once"):
            return [new] if new else []
        # of several bots their next pulls together
        first = {bot: next(rows)["number"] for bot, rows in groupby(new, itemgetter("bot_id"))}
        by_turn: dict[int, list[dict]] = {}
        for row in new:
            by_turn.setdefault(row["number"] - first[row["bot_id"]], []).append(row)
        return [by_turn[turn] for turn in sorted(by_turn)]

    def _do(self, model: Model, step: list[dict]) -> None:
        sql = filled_in(model.sql, step)
        columns, key = ", ".join(model.columns), model.config.get("unique_key")
        if key:
            self.connection.execute(f"create or replace temp table step_rows as ({sql})")
            where = [filled_in(each, step) for each in model.config.get("incremental_predicates") or []]
            where.append(f"{key} in (select {key} from step_rows)")
            self.connection.execute(f"delete from {model.table} where {' and '.join(where)}")
            sql = "select * from step_rows"
        self.connection.execute(f"insert into {model.table} select {columns} from ({sql})")
        for row in step:
            done = self.done[model.name]
            done[row["bot_id"]] = max(done.get(row["bot_id"], ""), row["pulled_at"])


def filled_in(sql: str, step: list[dict]) -> str:
    """The SQL of a step: the markers of `macros/history/new_pulls.sql` replaced by constants."""
    times = [row["pulled_at"] for row in step]
    pulls = ", ".join(f"('{row['bot_id']}', '{row['pull_id']}')" for row in step)
    bots = ", ".join(f"'{row['bot_id']}'" for row in step)
    return (
        sql.replace(IN_NEW_PULLS, f"(bot_id, pull_id) in ({pulls})")
        .replace(OF_BOTS, f"bot_id in ({bots})")
        .replace(FIRST_NEW_PULL, f"timestamp '{min(times)}'")
        .replace(LAST_NEW_PULL, f"timestamp '{max(times)}'")
    )
