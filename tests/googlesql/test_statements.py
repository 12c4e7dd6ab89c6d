"""BigQuery would accept what dbt sends, and a daily run reads and writes no more than it must.

What dbt sent while the story was told (`tests/emulator/scenario.py`) is judged by Google's GoogleSQL analyser.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import sqlglot
import yaml
from sqlglot import exp

from tests.emulator.compare import comparable, difference, relations
from tests.emulator.scenario import OTHER_BOT
from tests.googlesql.conftest import ALIASES, NOT_ANALYSED, on_bigquery_name, statements, step_sql
from tests.googlesql.oracle import RejectedError
from tests.pipeline.bots import RAW_SCHEMA
from tests.pipeline.project import ROOT, BuildError

pytestmark = [pytest.mark.googlesql, pytest.mark.xdist_group("bigquery"), pytest.mark.timeout(1500)]

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
    "int_chatfuel__recipient_outcomes": "observed_at",
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
    (
        "fct_chatfuel__broadcasts",
        "int_chatfuel__recipient_outcomes",
    ): "counts what followed every broadcast",
}


def test_bigquery_would_accept_every_statement(judged):
    assert judged.rejected == []


def test_the_unit_tests_pass_by_google_s_own_evaluator_too(judged):
    assert judged.failed == ""


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ("date_part('day', date '2024-06-03') = 3", "Function not found: date_part"),
        ("'1' = 1", "No matching signature for operator ="),
        ("date '2024-06-03' < timestamp '2024-06-03'", "No matching signature for operator <"),
        ("exists (select 1 union all select 'a')", "incompatible types"),
    ],
)
def test_what_only_bigquery_refuses_is_told_with_the_name_of_the_model(judged, mistake, words):
    query = judged.story.daily.results["stg_chatfuel__segments"]["compiled_code"]
    with pytest.raises(RejectedError, match=words) as caught:
        judged.oracle.analyse("model.chatfuel.stg_chatfuel__segments", f"{query} where {mistake}")
    assert str(caught.value).startswith("model.chatfuel.stg_chatfuel__segments: ")


def test_every_model_snapshot_test_and_analysis_was_analysed(judged):
    story = judged.story
    first, daily = ({node for node, _ in build.sent} for build in (story.first, story.daily))
    for name, node in story.nodes.items():
        if node["resource_type"] in ("model", "snapshot") and node["config"]["materialized"] != "ephemeral":
            assert node["unique_id"] in daily & judged.analysed
        if node["resource_type"] == "snapshot" or node["config"]["materialized"] == "pull_by_pull":
            assert node["unique_id"] in first
        if node["resource_type"] in ("test", "analysis") and name not in NOT_ANALYSED:
            assert node["unique_id"] in judged.queries.keys() & judged.analysed
    assert story.unit_tests.keys() <= judged.analysed


def test_columns_have_the_types_that_the_documentation_names(judged):
    wrong = []
    for name, node in judged.story.nodes.items():
        documented = {
            column["name"]: column["data_type"].upper()
            for column in node.get("columns", {}).values()
            if column["data_type"]
        }
        if (
            documented
            and node["resource_type"] in ("model", "snapshot", "seed")
            and node["config"]["materialized"] != "ephemeral"
        ):
            types = judged.oracle.tables[on_bigquery_name(node)]
            wrong += [
                f"{name}.{column}: documented as {kind}, is {types.get(column)}"
                for column, kind in documented.items()
                if types.get(column) != ALIASES.get(kind, kind)
            ]
    assert wrong == []


def test_a_daily_run_reads_the_big_tables_at_constant_partitions(judged):
    story, read_whole = judged.story, set()
    for name, node in story.nodes.items():
        if node["resource_type"] != "model" or node["config"]["materialized"] in ("view", "ephemeral"):
            continue
        queries = step_sql(story.daily, node) or [story.daily.results[name]["compiled_code"]]
        for table in (
            table
            for query in queries
            for table in sqlglot.parse_one(query, read="bigquery").find_all(exp.Table)
        ):
            if table.name in PARTITIONED and not reads_part(table, PARTITIONED[table.name]):
                read_whole.add((name, table.name))
    assert sorted(read_whole ^ READ_WHOLE.keys()) == []


def reads_part(table, column):
    """Whether the select that reads a table compares its partition column with constants alone, or with null."""
    where = table.parent_select.args.get("where")
    for condition in conditions(where.this) if where else []:
        columns = {found.name for found in condition.find_all(exp.Column)}
        if columns == {column} and not condition.find(exp.Subquery, exp.Select):
            return True
    return False


def conditions(expression):
    """What has to hold, all of it."""
    expression = expression.unnest()
    if isinstance(expression, exp.And):
        return [*conditions(expression.left), *conditions(expression.right)]
    return [expression]


def test_a_step_looks_for_the_rows_it_replaces_where_they_can_be(judged):
    replaced = {}
    for node, script in judged.story.daily.sent:
        name = node.split(".")[-1]
        for statement in statements(script):
            if name in PARTITIONED and statement.startswith("delete from"):
                where = sqlglot.parse_one(statement, read="bigquery").args["where"].this
                replaced[name] = any(
                    {found.name for found in condition.find_all(exp.Column)} == {PARTITIONED[name]}
                    for condition in conditions(where)
                )
    assert {"int_chatfuel__attribute_versions", "int_chatfuel__user_visits"} <= replaced.keys()
    assert all(replaced.values()), replaced


def test_on_prod_nothing_of_the_emulator_is_active(judged, tmp_path, monkeypatch):
    """The marts' DDL as prod sends it: the emulator takes no column list, so dbt fails, after it sent what counts."""
    profiles = yaml.safe_load((ROOT / "profiles.yml").read_text())
    # prod itself, but for what signs in
    profiles["chatfuel"]["outputs"]["prod"] |= {"method": "oauth-secrets", "token": "none", "job_retries": 0}
    (tmp_path / "profiles.yml").write_text(yaml.safe_dump(profiles))
    monkeypatch.setenv("CHATFUEL_ENVIRONMENT", "production")
    prod = replace(judged.story.on_bigquery, target="prod", profiles=tmp_path, target_path=tmp_path)
    sent = []
    for mart in ("fct_chatfuel__broadcasts", "fct_chatfuel__user_events"):
        with pytest.raises(BuildError, match=mart):
            prod.run("--full-refresh", "--select", mart)
        sent += prod.sent
    created = {node.split(".")[-1]: sql for node, sql in sent if "create or replace table" in sql}
    assert "partition by timestamp_trunc(observed_at, day)" in created["fct_chatfuel__user_events"]
    assert "cluster by bot_id, event_type" in created["fct_chatfuel__user_events"]
    assert '("environment", "production")' in created["fct_chatfuel__user_events"].replace("'", '"')
    assert "broadcast_key string" in created["fct_chatfuel__broadcasts"]
    for node, statement in sent:
        judged.oracle.analyse(node, statement)


@pytest.mark.emulator
def test_a_person_is_forgotten_on_both_warehouses(judged):
    """The last that looks at the story: it alters it."""
    story = judged.story
    person = json.dumps({"user_id": "1", "bot_id": OTHER_BOT})
    for project in (story.on_duckdb, story.on_bigquery):
        project.dbt("run-operation", "forget_user", "--args", person)
    # the oracle knows no INFORMATION_SCHEMA; what is asked and altered there is no table of ours
    sent = [(node, sql) for node, sql in story.on_bigquery.sent if "INFORMATION_SCHEMA" not in sql]
    assert sum(sql.count("delete from") for _, sql in sent) > 5
    for node, script in sent:
        for statement in statements(script):
            judged.oracle.analyse(node or "forget_user", statement)
    expected = relations(story.on_duckdb)
    tables = story.on_bigquery.tables() | {
        f"chatfuel_raw.{table}": story.on_bigquery.query(f"select * from chatfuel_raw.{table}")
        for table in RAW_SCHEMA["tables"]
    }
    for name, rows in tables.items():
        assert comparable(rows) == comparable(expected[name]), (
            f"{name}: {difference(rows, expected[name], 'BigQuery')}"
        )
        assert not any(row.get("chatfuel_user_id") == "1" and row["bot_id"] == OTHER_BOT for row in rows)
