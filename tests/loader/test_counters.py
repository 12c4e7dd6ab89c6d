"""Counters of broadcasts that are no whole number: named once, kept as served, null in SQL."""

import pytest

from tests.loader.landed import chunk_csv, land, users_csv


def one_user(value):
    return {"users": users_csv(["1"]), "chunks": [chunk_csv(["a"], [["1", value]])], "names": [["a"]]}


@pytest.fixture
def rows(tmp_path, converted):
    return lambda table, **pull: converted(land(tmp_path / "landing", **pull), table)


COUNTS = ["52,415", "1,234,567", "0", "1.5", "-1", "many", "1,2"]


def test_a_counter_that_sql_cannot_read_is_named_and_kept_as_served(rows, caplog):
    lines = [["2024-06-02 17:10:00", "", "", "hi", "100%", count, "", "1", "2", "False"] for count in COUNTS]
    found = rows("broadcasts", broadcasts=lines, **one_user("x"))
    assert [row[6] for row in found] == COUNTS
    named = [record.getMessage().partition(";")[0] for record in caplog.records]
    assert named == [
        f"broadcasts.csv.gz, row {COUNTS.index(count) + 1}, Total users: {count!r} is no number of users"
        for count in COUNTS[3:]
    ]


def test_so_is_one_of_a_result_and_thousands_are_read(rows, caplog):
    results = [{"block_title": "a", "total_users": count} for count in ("52,415", 7, "7", 1.5, -1, None)]
    assert (
        len(rows("broadcast_stats", json_files={"broadcast_stats": {"result": results}}, **one_user("x")))
        == 6
    )
    named = [record.getMessage().partition(";")[0] for record in caplog.records]
    assert named == [
        f"broadcast_stats.json.gz, row {n}, total_users: {c!r} is no number of users"
        for n, c in ((4, "1.5"), (5, "-1"))
    ]
