"""The project on BigQuery, by everything short of BigQuery.

The same days are built on DuckDB and, through the real client and adapter, on an emulator: the rows must be the same
(marker `emulator`). What dbt sent is then judged by Google's GoogleSQL analyser, and the models are evaluated by its
reference implementation (marker `googlesql`).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace

import pytest
import sqlglot
import yaml
from sqlglot import exp

from tests.emulator.compare import comparable, difference, relations
from tests.emulator.scenario import DAYS, load_days
from tests.emulator.warehouse import GCP_PROJECT, EmulatedProject
from tests.googlesql.oracle import Oracle, RejectedError
from tests.pipeline.bots import RAW_SCHEMA
from tests.pipeline.project import ROOT, BuildError, Project

# on one worker: the builds are the expensive part
pytestmark = pytest.mark.xdist_group("bigquery")

DATASET = "googlesql"
ALIASES = {"INTEGER": "INT64", "BIGINT": "INT64", "BOOLEAN": "BOOL", "VARCHAR": "STRING", "DOUBLE": "FLOAT64"}

# What the evaluator is not asked, each with the reason.
NOT_EVALUATED = {
    "snap_chatfuel__broadcast_audiences": "a snapshot is several statements; tests/emulator runs them",
    "snap_chatfuel__segments": "a snapshot is several statements; tests/emulator runs them",
    "snap_chatfuel__users": "a snapshot is several statements; tests/emulator runs them",
}

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


@dataclass
class Build:
    """One build on both warehouses.

    Attributes:
        sent: what dbt sent to BigQuery, as pairs of node and statement.
        results: dbt's results on BigQuery, by name of the node; each holds the compiled code.
        rows: what DuckDB holds after the build, by name of the relation there; views too.
    """

    sent: list[tuple[str, str]]
    results: dict[str, dict]
    rows: dict[str, list[dict]]


@dataclass
class Builds:
    """Builds after the first day, the second, and two more at once; and what dbt knows of the project.

    Attributes:
        queries: what dbt compiles the data tests and analyses to, by their node.
        unit_tests: what dbt sent for its unit tests, as pairs of node and statement; they passed on the emulator.
        unit_test_names: all that there are.
    """

    on_bigquery: EmulatedProject
    first: Build
    second: Build
    clump: Build
    nodes: dict[str, dict]
    oracle: Oracle
    queries: dict[str, str]
    unit_tests: list[tuple[str, str]]
    unit_test_names: Collection[str]


# What the analyser is not asked, each with the reason.
NOT_ANALYSED = {"cost_per_model": "INFORMATION_SCHEMA is BigQuery's own: no catalogue here has it"}


@pytest.fixture(scope="module")
def builds(tmp_path_factory, emulator):
    folder = tmp_path_factory.mktemp("googlesql")
    on_duckdb = Project(folder / "warehouse.duckdb", folder / "target_duckdb")
    on_bigquery = EmulatedProject(on_duckdb.path, folder / "target_bigquery", emulator, DATASET)

    def build(*days, arguments=("--exclude-resource-type", "test")):
        load_days(on_duckdb, *days)
        on_duckdb.build("--exclude-resource-type", "test")
        on_bigquery.load()
        on_bigquery.build(*arguments)
        results = json.loads((on_bigquery.target_path / "run_results.json").read_text())["results"]
        by_name = {result["unique_id"].split(".")[2]: result for result in results}
        return Build(list(on_bigquery.sent), by_name, relations(on_duckdb))

    built = build(DAYS[0]), build(DAYS[1]), build(*DAYS[2:], arguments=())
    manifest = json.loads((on_bigquery.target_path / "manifest.json").read_text())
    nodes = {node["name"]: node for node in manifest["nodes"].values()}
    on_bigquery.dbt("test", "--select", "test_type:unit")
    unit_tests = [(node, statement) for node, statement in on_bigquery.sent if node.startswith("unit_test.")]
    on_bigquery.dbt("compile")
    compiled = json.loads((on_bigquery.target_path / "run_results.json").read_text())["results"]
    queries = {
        result["unique_id"]: result["compiled_code"]
        for result in compiled
        if result["unique_id"].split(".")[0] in ("test", "analysis")
        and result["unique_id"].split(".")[2] not in NOT_ANALYSED
    }
    oracle = Oracle()
    for table, spec in RAW_SCHEMA["tables"].items():
        columns = RAW_SCHEMA["pull_columns"] + spec["columns"]
        oracle.define(f"{GCP_PROJECT}.{DATASET}_raw.{table}", {c["name"]: c["type"] for c in columns})
    for node in nodes.values():
        if node["resource_type"] == "seed":
            # dbt loads seeds through the API: there is no statement to learn their columns from
            table = on_bigquery.client.get_table(f"{node['schema']}.{node['alias']}", retry=None, timeout=30)
            columns = {field.name: ALIASES.get(field.field_type, field.field_type) for field in table.schema}
            oracle.define(on_bigquery_name(node), columns)
    return Builds(on_bigquery, *built, nodes, oracle, queries, unit_tests, manifest["unit_tests"].keys())


def on_bigquery_name(node):
    return f"{node['database']}.{node['schema']}.{node['alias']}"


def on_duckdb_name(node):
    return f"{node['schema'].replace(DATASET, 'chatfuel', 1)}.{node['alias']}"


@pytest.mark.emulator
def test_day_by_day_and_in_a_clump_every_table_has_the_rows_of_duckdb(builds):
    tables = builds.on_bigquery.tables()
    assert len(tables) > 15
    for name, rows in tables.items():
        expected = builds.clump.rows[name]
        assert comparable(rows) == comparable(expected), f"{name}: {difference(rows, expected, 'BigQuery')}"


@pytest.mark.emulator
def test_a_second_build_changes_nothing(builds):
    before = builds.on_bigquery.tables()
    builds.on_bigquery.build("--exclude-resource-type", "test")
    after = builds.on_bigquery.tables()
    assert {name: comparable(rows) for name, rows in after.items()} == {
        name: comparable(rows) for name, rows in before.items()
    }


@pytest.fixture(scope="module")
def analysed(builds):
    """What the analyser refused."""
    rejected = []
    for node, statement in dict.fromkeys(
        [*builds.first.sent, *builds.clump.sent, *builds.unit_tests, *builds.queries.items()]
    ):
        try:
            builds.oracle.analyse(node, statement)
        except RejectedError as error:
            rejected.append(str(error))
    return rejected


@pytest.mark.googlesql
def test_bigquery_would_accept_every_statement(analysed):
    assert analysed == []


@pytest.mark.googlesql
@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ("date_part('day', date '2024-06-03') = 3", "Function not found: date_part"),
        ("'1' = 1", "No matching signature for operator ="),
        ("date '2024-06-03' < timestamp '2024-06-03'", "No matching signature for operator <"),
        ("exists (select 1 union all select 'a')", "incompatible types"),
    ],
)
def test_what_only_bigquery_refuses_is_told_with_the_name_of_the_model(builds, analysed, mistake, words):
    query = builds.first.results["stg_chatfuel__segments"]["compiled_code"]
    with pytest.raises(RejectedError, match=words) as caught:
        builds.oracle.analyse("model.chatfuel.stg_chatfuel__segments", f"{query} where {mistake}")
    assert str(caught.value).startswith("model.chatfuel.stg_chatfuel__segments: ")


@pytest.mark.googlesql
def test_every_model_snapshot_test_and_analysis_was_analysed(builds, analysed):
    first, clump = ({node for node, _ in build.sent} for build in (builds.first, builds.clump))
    for name, node in builds.nodes.items():
        if node["resource_type"] in ("model", "snapshot"):
            assert node["unique_id"] in first & clump
        if node["resource_type"] in ("test", "analysis") and name not in NOT_ANALYSED:
            assert node["unique_id"] in builds.queries
    assert {node for node, _ in builds.unit_tests} == builds.unit_test_names


@pytest.mark.googlesql
def test_columns_have_the_types_that_the_documentation_names(builds, analysed):
    wrong = []
    for name, node in builds.nodes.items():
        documented = {
            column["name"]: column["data_type"].upper()
            for column in node.get("columns", {}).values()
            if column["data_type"]
        }
        if documented and node["resource_type"] in ("model", "snapshot", "seed"):
            types = builds.oracle.tables[on_bigquery_name(node)]
            wrong += [
                f"{name}.{column}: documented as {kind}, is {types.get(column)}"
                for column, kind in documented.items()
                if types.get(column) != ALIASES.get(kind, kind)
            ]
    assert wrong == []


@pytest.mark.googlesql
def test_google_s_own_evaluator_gives_the_rows_of_duckdb(builds, analysed):
    different = []
    evaluated = set()
    for name, node in builds.nodes.items():
        if node["resource_type"] not in ("model", "snapshot") or name in NOT_EVALUATED:
            continue
        evaluated.add(name)
        after_first, before, after = builds.first.rows, builds.second.rows, builds.clump.rows
        expected = after_first[on_duckdb_name(node)]
        derived = evaluate(builds, node, builds.first, after_first)
        if comparable(derived) != comparable(expected):
            different.append(f"{name}, first build: {difference(derived, expected)}")
        # an incremental model reads itself as it stood before
        inputs = {**after, on_duckdb_name(node): before[on_duckdb_name(node)]}
        derived = evaluate(builds, node, builds.clump, inputs)
        if node["config"]["materialized"] == "incremental":
            derived = merged(left_by_hooks(builds, node, before), derived, node["config"]["unique_key"])
        expected = after[on_duckdb_name(node)]
        if comparable(derived) != comparable(expected):
            different.append(f"{name}, incremental build: {difference(derived, expected)}")
    assert different == []
    for name in NOT_EVALUATED:
        statements = [sql for node, sql in builds.clump.sent if node.endswith(f".{name}")]
        assert len(statements) > 1, f"{name} is one statement: it can be evaluated"


def evaluate(builds, node, build, rows):
    names = {
        on_duckdb_name(known): on_bigquery_name(known) for known in builds.nodes.values() if "alias" in known
    }
    names |= {
        f"chatfuel_raw.{table}": f"{GCP_PROJECT}.{DATASET}_raw.{table}" for table in RAW_SCHEMA["tables"]
    }
    contents = {names[name]: rows[name] for name in rows if name in names}
    return builds.oracle.evaluate(node["unique_id"], build.results[node["name"]]["compiled_code"], contents)


def left_by_hooks(builds, node, before):
    """The rows that a model finds of itself, when its hook has deleted some."""
    rows = before[on_duckdb_name(node)]
    for sent_by, statement in builds.clump.sent:
        if (
            sent_by == node["unique_id"]
            and (deletion := sqlglot.parse_one(statement, read="bigquery")).key == "delete"
        ):
            query = exp.select("*").from_(deletion.this).where(exp.not_(deletion.args["where"].this))
            contents = {on_bigquery_name(node): rows}
            rows = builds.oracle.evaluate(node["unique_id"], query.sql("bigquery"), contents)
    return rows


def merged(rows, changes, unique_key):
    if not unique_key:
        return rows + changes
    keys = [unique_key] if isinstance(unique_key, str) else unique_key
    by_key = {tuple(row[key] for key in keys): row for row in rows}
    return list((by_key | {tuple(row[key] for key in keys): row for row in changes}).values())


@pytest.mark.googlesql
def test_a_daily_run_reads_the_big_tables_at_constant_partitions(builds):
    read_whole = set()
    for name, result in builds.clump.results.items():
        node = builds.nodes.get(name)
        if not node or node["resource_type"] != "model" or node["config"]["materialized"] == "view":
            continue
        for table in sqlglot.parse_one(result["compiled_code"], read="bigquery").find_all(exp.Table):
            if table.name in PARTITIONED and not reads_part(table, PARTITIONED[table.name]):
                read_whole.add((name, table.name))
    assert sorted(read_whole ^ READ_WHOLE.keys()) == []


def reads_part(table, column):
    """Whether the select that reads a table compares its partition column with constants alone, or with null."""
    where = table.parent_select.args.get("where")
    conditions = (
        where.this.flatten() if where and isinstance(where.this, exp.And) else [where.this] if where else []
    )
    for condition in conditions:
        columns = {found.name for found in condition.find_all(exp.Column)}
        if columns == {column} and not condition.find(exp.Subquery, exp.Select):
            return True
    return False


@pytest.mark.googlesql
def test_merges_into_big_tables_read_rows_that_can_still_change_or_none(builds):
    merges = {}
    for node, statement in builds.clump.sent:
        if (name := node.split(".")[-1]) in PARTITIONED and "merge into" in statement:
            condition = statement.split(" on (", 1)[1].split("when ", 1)[0]
            merges[name] = (
                "FALSE" in condition or f"DBT_INTERNAL_DEST.{PARTITIONED[name]} is null" in condition
            )
    assert merges == dict.fromkeys(
        [
            "int_chatfuel__attribute_versions",
            "int_chatfuel__user_visits",
            "int_chatfuel__kpi_events",
            "fct_chatfuel__user_events",
            "fct_chatfuel__broadcast_recipients",
        ],
        True,
    )


@pytest.mark.googlesql
def test_on_prod_nothing_of_the_emulator_is_active(builds, analysed, tmp_path, monkeypatch):
    """The marts' DDL as prod sends it: the emulator takes no column list, so dbt fails, after it sent what counts."""
    profiles = yaml.safe_load((ROOT / "profiles.yml").read_text())
    # prod itself, but for what signs in
    profiles["chatfuel"]["outputs"]["prod"] |= {"method": "oauth-secrets", "token": "none", "job_retries": 0}
    (tmp_path / "profiles.yml").write_text(yaml.safe_dump(profiles))
    monkeypatch.setenv("CHATFUEL_ENVIRONMENT", "production")
    prod = replace(builds.on_bigquery, target="prod", profiles=tmp_path, target_path=tmp_path)
    sent = []
    for mart in ("fct_chatfuel__broadcasts", "fct_chatfuel__user_events"):
        with pytest.raises(BuildError, match=mart):
            prod.run("--full-refresh", "--select", mart)
        sent += prod.sent
    created = {node.split(".")[-1]: sql for node, sql in sent if "create or replace table" in sql}
    assert "primary key (event_key) not enforced" in created["fct_chatfuel__user_events"]
    assert "partition by timestamp_trunc(observed_at, day)" in created["fct_chatfuel__user_events"]
    assert "cluster by bot_id, event_type" in created["fct_chatfuel__user_events"]
    assert '("environment", "production")' in created["fct_chatfuel__user_events"].replace("'", '"')
    assert "primary key (broadcast_key) not enforced" in created["fct_chatfuel__broadcasts"]
    for node, statement in sent:
        builds.oracle.analyse(node, statement)


@pytest.mark.emulator
def test_a_person_is_forgotten_on_both_warehouses(builds, analysed):
    """The last of this file: it alters what the others look at."""
    person = json.dumps({"user_id": "1", "bot_id": "recipients_that_come_later"})
    on_duckdb = Project(builds.on_bigquery.path, builds.on_bigquery.target_path)
    for project in (on_duckdb, builds.on_bigquery):
        project.dbt("run-operation", "forget_user", "--args", person)
    # the oracle knows no INFORMATION_SCHEMA; what is asked and altered there is no table of ours
    sent = [(node, sql) for node, sql in builds.on_bigquery.sent if "INFORMATION_SCHEMA" not in sql]
    assert sum("delete from" in sql for _, sql in sent) > 5
    assert sum("update" in sql for _, sql in sent) == 4
    for node, statement in sent:
        builds.oracle.analyse(node or "forget_user", statement)
    expected = relations(on_duckdb)
    tables = builds.on_bigquery.tables() | {
        f"chatfuel_raw.{table}": builds.on_bigquery.query(f"select * from {DATASET}_raw.{table}")
        for table in RAW_SCHEMA["tables"]
    }
    for name, rows in tables.items():
        assert comparable(rows) == comparable(expected[name]), (
            f"{name}: {difference(rows, expected[name], 'BigQuery')}"
        )
        assert not any(
            row.get("chatfuel_user_id") == "1" and row["bot_id"] == "recipients_that_come_later"
            for row in rows
        )
