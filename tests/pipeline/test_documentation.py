"""Everything that a reader of the docs site meets is described, and the descriptions are of what is really built."""

from __future__ import annotations

import json
import re

import pytest

from tests.pipeline.bots import RAW_SCHEMA

# one worker runs all that looks at these five days
pytestmark = pytest.mark.xdist_group("days")

# What the documented types, which are BigQuery's, are called on DuckDB.
DUCKDB_TYPES = {
    "string": "varchar",
    "int64": "bigint",
    "timestamp": "timestamp",
    "date": "date",
    "boolean": "boolean",
    "double": "double",
}


@pytest.fixture(scope="module")
def manifest(whole):
    """What dbt knows of the project."""
    return json.loads((whole.target_path / "manifest.json").read_text())


@pytest.fixture(scope="module")
def tables(manifest):
    """Models, snapshots, seeds and source tables of this project, by name."""
    nodes = [*manifest["nodes"].values(), *manifest["sources"].values()]
    return {
        f"{node['source_name']}.{node['name']}" if node["resource_type"] == "source" else node["name"]: node
        for node in nodes
        if node["package_name"] == "chatfuel"
        and node["resource_type"] in ("model", "snapshot", "seed", "source")
    }


@pytest.fixture(scope="module")
def macros(manifest):
    """Macros of this project, by name, without the implementations that another macro dispatches to."""
    own = {m["name"]: m for m in manifest["macros"].values() if m["package_name"] == "chatfuel"}
    described = {name for name, macro in own.items() if macro["description"]}
    return {
        name: macro
        for name, macro in own.items()
        if name in described
        or not {name.partition("__")[2], f"default__{name.partition('__')[2]}"} & described
    }


def test_everything_is_described(tables, macros):
    assert len(tables) > 40
    assert len(macros) > 30
    named = {**tables, **macros}
    assert [name for name, node in named.items() if not node["description"]] == []


def test_every_column_is_described_and_has_a_type(tables):
    columns = {
        f"{table}.{name}": column
        for table, node in tables.items()
        for name, column in node["columns"].items()
    }
    assert [
        name for name, column in columns.items() if not (column["description"] and column["data_type"])
    ] == []


def test_every_table_states_its_grain(tables):
    assert [name for name, node in tables.items() if "one row per" not in node["description"]] == []


def test_every_argument_of_a_macro_is_described_and_typed(macros):
    for name, macro in macros.items():
        # dbt 1.12 sees no arguments of a test, and warns of those that are described
        if name.startswith(("materialization_", "test_")):
            continue
        signature = re.search(rf"macro {name}\((.*?)\)\s*-?%}}", macro["macro_sql"], re.DOTALL)[1]
        expected = [
            argument.partition("=")[0].strip() for argument in signature.split(",") if argument.strip()
        ]
        assert [argument["name"] for argument in macro["arguments"]] == expected, name
        assert all(argument["type"] and argument["description"] for argument in macro["arguments"]), name


def test_documented_columns_are_those_that_are_built(whole, tables):
    built: dict[str, list[tuple[str, str]]] = {}
    for schema, table, column, data_type in whole.query(
        "select table_schema, table_name, column_name, lower(data_type) from information_schema.columns "
        "order by table_schema, table_name, ordinal_position"
    ):
        built.setdefault(f"{schema}.{table}", []).append((column, data_type))
    for name, node in tables.items():
        if node["resource_type"] == "model" and node["config"]["materialized"] == "ephemeral":
            continue
        columns = [(column["name"], DUCKDB_TYPES[column["data_type"]]) for column in node["columns"].values()]
        assert columns == built[f"{node['schema']}.{node.get('alias') or node['identifier']}"], name


def test_source_tables_are_those_of_the_raw_schema(tables):
    sources = {node["name"]: node for node in tables.values() if node["resource_type"] == "source"}
    assert sources.keys() == RAW_SCHEMA["tables"].keys()
    for name, spec in RAW_SCHEMA["tables"].items():
        columns = [(c["name"], c["type"].lower()) for c in RAW_SCHEMA["pull_columns"] + spec["columns"]]
        assert [(c["name"], c["data_type"]) for c in sources[name]["columns"].values()] == columns, name


def test_freshness_is_watched_on_the_ledger_alone(tables):
    watched = {
        node["name"]
        for node in tables.values()
        if node["resource_type"] == "source" and (node["freshness"] or {}).get("error_after", {}).get("count")
    }
    assert watched == {"pulls"}
