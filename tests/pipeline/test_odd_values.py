"""Texts that warehouses read each in its own way: what our macros make of them on DuckDB."""

from __future__ import annotations

import json

import duckdb
import pytest

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


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The expressions, as dbt renders them for each warehouse."""
    folder = tmp_path_factory.mktemp("odd")
    select = ", ".join(f"{{{{ {expression} }}}} as {name}" for name, expression in EXPRESSIONS.items())
    queries = {}
    for target in ("dev",):
        project = Project(folder / "warehouse.duckdb", folder / target)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("CHATFUEL_BIGQUERY_PROJECT", "emulated")
            project.dbt(
                "compile",
                "--inline",
                f"select text, {select} from odd",
                "--target",
                target,
                "--no-introspect",
                "--no-populate-cache",
            )
        (result,) = json.loads((folder / target / "run_results.json").read_text())["results"]
        queries[target] = result["compiled_code"]
    return queries


def read(rows):
    """What is not null, by text."""
    return {
        row.pop("text"): {
            name: str(value) if name == "day" else value for name, value in row.items() if value is not None
        }
        for row in rows
    }


def test_duckdb_reads_odd_values_as_we_say(compiled):
    with duckdb.connect() as connection:
        connection.execute("create table odd (text varchar)")
        connection.executemany("insert into odd values (?)", [[text] for text in ODD])
        cursor = connection.execute(compiled["dev"])
        rows = [
            dict(zip([column[0] for column in cursor.description], row, strict=True))
            for row in cursor.fetchall()
        ]
    assert read(rows) == ODD
