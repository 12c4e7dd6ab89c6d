"""Texts that warehouses read each in its own way: what our macros make of them, on DuckDB and by Google's evaluator."""

from __future__ import annotations

import json

import duckdb
import pytest

from tests.googlesql.oracle import inline
from tests.pipeline.project import Project

pytestmark = [pytest.mark.googlesql, pytest.mark.xdist_group("bigquery")]

EXPRESSIONS = {
    "whole": "chatfuel.whole_number('text')",
    "number": "chatfuel.decimal_number('text')",
    "moment": "chatfuel.epoch_seconds(chatfuel.parse_timestamp('text'))",
    "epoch": "chatfuel.epoch_seconds(chatfuel.epoch_to_timestamp('text'))",
    "day": "chatfuel.local_date(chatfuel.parse_timestamp('text'))",
    "json": "chatfuel.json_text('text', 'a')",
}
# text -> what is not null
ODD = {
    "52415": {"whole": 52415, "number": 52415.0, "epoch": 52415},
    "52,415": {"whole": 52415},
    "5,24,15": {},
    "007": {"whole": 7, "number": 7.0, "epoch": 7},
    "-1": {"number": -1.0},
    "+1": {},
    "1.0": {"number": 1.0},
    "1.": {},
    ".5": {},
    "-7.0": {"number": -7.0},
    "1_000": {},
    "0x10": {},
    "1e3": {},
    "1718360000.0": {"number": 1718360000.0},
    "1718360000": {"whole": 1718360000, "number": 1718360000.0, "epoch": 1718360000},
    "999999999999999999": {"whole": 999999999999999999},
    "9999999999999999999": {},
    "NaN": {},
    "inf": {},
    "-Infinity": {},
    " 1": {},
    "1 ": {},
    "\n1": {},
    "1\n": {},
    "٣": {},
    "true": {},
    "": {},
    "2024-06-05 14:42:16": {"moment": 1717598536, "day": "2024-06-05"},
    "2024-06-05T14:42:16": {"moment": 1717598536, "day": "2024-06-05"},
    "2024-06-05": {},
    "2024-06-05 24:00:00": {},
    "2024-02-30 10:00:00": {},
    "0001-01-01 00:00:00": {},
    "9999-12-31 23:59:59": {},
    "2024-06-05 14:42:16+02": {},
    "1/2/24 10:00": {},
    '{"a": "x"}': {"json": "x"},
    '{"a": 1}': {"json": "1"},
    '{"a": null}': {},
    "{}": {},
}


QUERY = (
    f"select text, {', '.join(f'{{{{ {sql} }}}} as {name}' for name, sql in EXPRESSIONS.items())} from odd"
)


def rendered(project):
    """The query, as dbt renders it for the warehouse of a project."""
    project.dbt("compile", "--inline", QUERY, "--no-introspect", "--no-populate-cache")
    (result,) = json.loads((project.target_path / "run_results.json").read_text())["results"]
    return result["compiled_code"]


def read(rows):
    """What is not null, by text. JSON has large numbers as text."""
    kinds = {"day": str, "whole": int, "moment": int, "epoch": int}
    return {
        row.pop("text"): {
            name: kinds.get(name, lambda value: value)(value)
            for name, value in row.items()
            if value is not None
        }
        for row in rows
    }


def test_duckdb_reads_odd_values_as_we_say(tmp_path):
    query = rendered(Project(tmp_path / "warehouse.duckdb", tmp_path / "target"))
    with duckdb.connect() as connection:
        connection.execute("create table odd (text varchar)")
        connection.executemany("insert into odd values (?)", [[text] for text in ODD])
        cursor = connection.execute(query)
        columns = [column[0] for column in cursor.description]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    assert read(rows) == ODD


def test_google_reads_odd_values_as_we_say(judged):
    odd = inline({"text": "STRING"}, [{"text": text} for text in ODD])
    query = f"with odd as ({odd}) {rendered(judged.story.on_bigquery)}"
    assert read(judged.oracle.evaluate("odd values", query, {})) == ODD
