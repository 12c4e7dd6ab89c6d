"""The models, evaluated by Google's reference implementation, and the partitions that a daily run reads."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from tests.emulator.compare import comparable, difference
from tests.emulator.warehouse import GCP_PROJECT
from tests.googlesql.conftest import DATASET, on_bigquery_name, on_duckdb_name
from tests.pipeline.bots import RAW_SCHEMA

# on one worker: the builds are the expensive part
pytestmark = [pytest.mark.googlesql, pytest.mark.xdist_group("bigquery")]

# What grows with history, or with pulls, and the column that a daily run has to compare with constants to read a part.
PARTITIONED = {
    "stg_chatfuel__users": "pull_date",
    "stg_chatfuel__user_attributes": "pull_date",
    "stg_chatfuel__broadcast_recipients": "pull_date",
    "int_chatfuel__observed_values": "pull_date",
    "int_chatfuel__attribute_versions": "settled_at",
    "int_chatfuel__kpi_versions": "settled_at",
    "int_chatfuel__user_visits": "superseded_at",
    "int_chatfuel__kpi_events": "observed_at",
    "fct_chatfuel__user_events": "observed_at",
    "fct_chatfuel__broadcast_recipients": "known_at",
}

# Models that read such a table whole all the same, each with the reason.
READ_WHOLE = {
    (
        "fct_chatfuel__broadcasts",
        "fct_chatfuel__broadcast_recipients",
    ): "counts the recipients of every broadcast",
    (
        "fct_chatfuel__daily_kpi_values",
        "int_chatfuel__kpi_events",
    ): "every day anew, from the events that count",
    ("fct_chatfuel__broadcasts", "int_chatfuel__kpi_events"): "counts what followed every broadcast",
    # these days see nobody move between steps
    **dict.fromkeys(
        [
            ("int_chatfuel__engagement_moves", "fct_chatfuel__user_events"),
            ("int_chatfuel__engagement_moves", "int_chatfuel__kpi_versions"),
        ],
        "an empty table does not tell which pulls it has seen",
    ),
}


def test_google_s_own_evaluator_gives_the_rows_of_duckdb(builds, analysed):
    different = []
    for name, node in builds.nodes.items():
        # a snapshot is several statements; the emulator runs them
        if node["resource_type"] != "model" or node["config"]["materialized"] == "ephemeral":
            continue
        before, after = builds.first.rows, builds.clump.rows
        if node["config"]["materialized"] == "pull_by_pull":
            derived = before[on_duckdb_name(node)]
            steps = builds.clump.step_queries(node["unique_id"])
            assert steps, f"{name} had nothing to do"
            for query in steps:
                changes = evaluate(builds, node, query, {**after, on_duckdb_name(node): derived})
                derived = replaced(derived, changes, node["config"].get("unique_key"))
        else:
            derived = evaluate(builds, node, builds.clump.results[name]["compiled_code"], after)
        if comparable(derived) != comparable(after[on_duckdb_name(node)]):
            different.append(f"{name}: {difference(derived, after[on_duckdb_name(node)])}")
    assert different == []


def evaluate(builds, node, query, rows):
    names = {
        on_duckdb_name(known): on_bigquery_name(known) for known in builds.nodes.values() if "alias" in known
    }
    names |= {
        f"chatfuel_raw.{table}": f"{GCP_PROJECT}.{DATASET}_raw.{table}" for table in RAW_SCHEMA["tables"]
    }
    contents = {names[name]: rows[name] for name in rows if name in names}
    return builds.oracle.evaluate(node["unique_id"], query, contents)


def replaced(rows, changes, unique_key):
    if not unique_key:
        return rows + changes
    return list(({row[unique_key]: row for row in rows} | {row[unique_key]: row for row in changes}).values())


def test_a_daily_run_reads_the_big_tables_at_constant_partitions(builds):
    read_whole = set()
    for name, node in builds.nodes.items():
        if node["resource_type"] != "model" or node["config"]["materialized"] in ("view", "ephemeral"):
            continue
        queries = builds.clump.step_queries(node["unique_id"]) or [
            builds.clump.results[name]["compiled_code"]
        ]
        for query in queries:
            for table in sqlglot.parse_one(query, read="bigquery").find_all(exp.Table):
                if table.name in PARTITIONED and not reads_part(table, PARTITIONED[table.name]):
                    read_whole.add((name, table.name))
    assert sorted(read_whole ^ READ_WHOLE.keys()) == []


def reads_part(table, column):
    """Whether the select that reads a table compares its partition column with constants alone, or with null."""
    where = table.parent_select.args.get("where")
    return where is not None and any(
        {found.name for found in condition.find_all(exp.Column)} == {column}
        and not condition.find(exp.Subquery, exp.Select)
        for condition in conditions(where.this)
    )


def conditions(expression):
    """What must all hold, also within brackets."""
    if isinstance(expression, exp.And | exp.Paren):
        for part in expression.iter_expressions():
            yield from conditions(part)
        if isinstance(expression, exp.And):
            return
    yield expression


def test_a_step_deletes_from_a_big_table_only_where_rows_can_still_change(builds):
    deleted = {}
    for node, statement in builds.clump.statements():
        if (name := node.split(".")[-1]) in PARTITIONED and statement.strip().startswith("delete from"):
            deleted[name] = f"{PARTITIONED[name]} is null" in statement
    assert deleted == dict.fromkeys(
        ["int_chatfuel__attribute_versions", "int_chatfuel__kpi_versions", "int_chatfuel__user_visits"], True
    )
