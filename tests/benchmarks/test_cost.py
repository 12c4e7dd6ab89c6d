"""What BigQuery bills, by the rules of its documentation, on a table whose size is known: `benchmarks/cost.py`."""

from __future__ import annotations

import json

import pytest

from benchmarks.cost import LEAST, ROWS, Estimate

TABLE = "fct_chatfuel__user_events"
OF_DAY, OF_ALL = ROWS[TABLE]
COLUMNS = {"observed_at": "timestamp", "bot_id": "string", "event_type": "string"}
TIME, BOT, TYPE = 8, 26, 12
SINCE = "observed_at >= timestamp '2024-06-04'"
VIEW = f"create view `p`.`d`.`recent` as select bot_id, observed_at from `p`.`d`.`{TABLE}`"


@pytest.fixture
def bytes_of(tmp_path, monkeypatch):
    """Returns a function that says what a statement is billed."""

    def bill(sql):
        nodes = []
        for name, kind, statement, field in (
            (TABLE, "pull_by_pull", "select 1", "observed_at"),
            ("recent", "view", VIEW, None),
            ("asked", "table", sql, None),
        ):
            path = tmp_path / "run" / "chatfuel" / f"{name}.sql"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(statement)
            config = {"materialized": kind, "partition_by": field and {"field": field}}
            columns = {column: {"data_type": data_type} for column, data_type in COLUMNS.items()}
            columns = (
                columns if name != "recent" else {name: columns[name] for name in ("bot_id", "observed_at")}
            )
            nodes.append(
                {"name": name, "alias": name, "path": f"{name}.sql", "resource_type": "model", "tags": [],
                 "config": config, "columns": columns}
            )  # fmt: skip
        (tmp_path / "manifest.json").write_text(json.dumps({"nodes": {node["name"]: node for node in nodes}}))
        return Estimate(tmp_path).bytes_of(nodes[-1])

    return bill


@pytest.mark.parametrize(
    ("sql", "size"),
    [
        (f"select bot_id from `p`.`d`.`{TABLE}`", BOT * OF_ALL),
        (f"with e as (select * from `p`.`d`.`{TABLE}`) select event_type from e", TYPE * OF_ALL),
        (f"select a.bot_id from d.{TABLE} as a inner join d.{TABLE} as b on a.bot_id = b.bot_id", BOT * OF_ALL),
        (f"select bot_id from d.{TABLE} where {SINCE}", max((BOT + TIME) * OF_DAY, LEAST)),
        (f"select * from d.{TABLE} where {SINCE} and event_type = 'x'", max((BOT + TIME + TYPE) * OF_DAY, LEAST)),
        (f"select event_type from d.{TABLE} where {SINCE} or event_type = 'x'", (TIME + TYPE) * OF_ALL),
        (f"select bot_id from d.{TABLE} where (bot_id = 'x' and {SINCE}) or observed_at is null", LEAST),
        (f"select bot_id from d.{TABLE} where observed_at >= (select max(observed_at) from d.{TABLE})",
         (BOT + TIME) * OF_ALL),
        ("select bot_id from d.recent", BOT * OF_ALL),
        (f"select bot_id from d.recent where {SINCE}", LEAST),
        (f"delete from d.{TABLE} where bot_id = 'x'", (BOT + BOT + TIME + TYPE) * OF_ALL),
        (f"create table d.t as (select bot_id from d.{TABLE}); \nselect bot_id from d.{TABLE}", 2 * BOT * OF_ALL),
        ("select 1", 0),
    ],
)  # fmt: skip
def test_a_statement_is_billed_what_it_names_and_does_not_rule_out(bytes_of, sql, size):
    assert bytes_of(sql) == size
