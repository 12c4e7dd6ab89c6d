"""From landed responses to rows: what must come out whole, and what must be refused."""

import os
from pathlib import Path

import duckdb
import pytest

from loader.convert import convert
from loader.errors import ContractError, RefusedError
from loader.warehouse import pull_columns, raw_tables
from tests.loader.landed import cell, chunk_csv, land, users_csv


@pytest.fixture
def rows(tmp_path, converted):
    """Return a function that lands and converts a pull, and returns the rows of a table without pull columns."""
    return lambda table, **pull: converted(land(tmp_path / "landing", **pull), table)


def one_user(value: str) -> dict:
    return {"users": users_csv(["1"]), "chunks": [chunk_csv(["a"], [["1", value]])], "names": [["a"]]}


NASTY = [
    "NA", "null", "NULL", "None", "nan", "007", "-7.0", "10:00", "1e5", "true", "2024-06-05 14:42:16", "\\N",
    "a,b", 'say "yes"', '"', "line\nbreak", "line\r\nbreak", "line\rbreak", " padded ", "\t", " ", "'", "#", "é", "💚",
    "7878746085532623", "9007199254740993", "a\\", "x" * 200_000,
]  # fmt: skip


@pytest.mark.parametrize("value", NASTY, ids=lambda value: repr(value[:12]))
def test_a_value_arrives_as_served(rows, value):
    assert rows("user_attributes", **one_user(value)) == [("1", "a", value)]


@pytest.mark.parametrize("value", ["NA", "null", "007", "10:00", "-7.0", "1e5", "\\N", "7878746085532623"])
def test_a_value_without_quotes_arrives_as_served(rows, value):
    chunk = f"last seen,page id,chatfuel user id,a\n,,1,{value}\n".encode()
    found = rows("user_attributes", users=users_csv(["1"]), chunks=[chunk], names=[["a"]])
    assert found == [("1", "a", value)]


def test_an_empty_cell_has_no_row_quoted_or_not(rows):
    chunk = b'last seen,page id,chatfuel user id,a,b\n,,1,,""\n'
    assert rows("user_attributes", users=users_csv(["1"]), chunks=[chunk], names=[["a", "b"]]) == []


def test_an_id_above_2_to_the_53_is_text(rows):
    found = rows(
        "users",
        users=users_csv(["9007199254740993"]),
        chunks=[chunk_csv([], [["9007199254740993"]])],
        names=[[]],
    )
    assert found[0][0] == "9007199254740993"


def test_names_that_differ_in_case_or_space_only_are_two_attributes(rows):
    names = ["AB_Split", "ab_split", "ab split", "AB_Split "]
    chunk = chunk_csv(names, [["1", "p", "q", "r", "s"]])
    found = rows("user_attributes", users=users_csv(["1"]), chunks=[chunk], names=[names])
    assert sorted(found) == sorted(("1", name, value) for name, value in zip(names, "pqrs", strict=True))


def test_names_that_look_like_our_columns_or_hold_quotes_are_names(rows):
    names = [
        "line",
        "c3",
        "beyond",
        "chatfuel_user_id",
        'a "quoted", name',
        "it's",
        "line\nbreak",
        "💚",
        "{x}",
    ]
    chunk = chunk_csv(names, [["1", *(str(i) for i in range(len(names)))]])
    found = rows("user_attributes", users=users_csv(["1"]), chunks=[chunk], names=[names])
    assert {name: value for _, name, value in found} == {name: str(i) for i, name in enumerate(names)}


def test_every_attribute_of_the_catalogue_is_taken_once_wherever_it_is_served(rows):
    chunks = [chunk_csv(["a"], [["1", "x"]]), chunk_csv(["b"], [["1", "y"]])]
    listed = ["a", "b", "last seen", "page id", "chatfuel user id"]
    users = users_csv(["1"]).replace(b"\n,,", b"\n2024-06-01 00:00:00,1,")
    found = rows("user_attributes", users=users, chunks=chunks, names=[["a"], ["b"]], listed=listed)
    assert sorted(name for _, name, _ in found) == sorted(listed)


def test_columns_that_nobody_asked_for_are_left_out(rows):
    chunk = chunk_csv(["a", "surprise", "surprise"], [["1", "x", "y", "z"]])
    found = rows("user_attributes", users=users_csv(["1"]), chunks=[chunk], names=[["a"]])
    assert found == [("1", "a", "x")]


def test_a_name_listed_twice_is_one_attribute(rows):
    assert rows("attributes", **one_user("x"), listed=["a", "a"]) == [("a", "custom", None, None)]


def test_columns_may_come_in_any_order(rows):
    chunk = b"b,chatfuel user id,page id,a,last seen\nB,1,,A,\n"
    found = rows("user_attributes", users=users_csv(["1"]), chunks=[chunk], names=[["a", "b"]])
    assert sorted(found) == [("1", "a", "A"), ("1", "b", "B")]


def test_windows_line_ends_end_rows_and_stay_inside_values(rows):
    chunk = b'last seen,page id,chatfuel user id,a\r\n,,1,"x\r\ny"\r\n,,2,z\r\n'
    found = rows("user_attributes", users=users_csv(["1", "2"]), chunks=[chunk], names=[["a"]])
    assert found == [("1", "a", "x\r\ny"), ("2", "a", "z")]


def test_a_user_twice_in_one_export_counts_once_the_last_row(rows):
    pull = {
        "users": users_csv(["1", "2", "1"]),
        "chunks": [chunk_csv(["a", "b"], [["1", "old", "gone"], ["2", "x", ""], ["1", "new", ""]])],
        "names": [["a", "b"]],
    }
    assert sorted(row[0] for row in rows("users", **pull)) == ["1", "2"]
    assert sorted(rows("user_attributes", **pull)) == [("1", "a", "new"), ("2", "a", "x")]


def test_ids_are_the_same_user_only_if_they_are_the_same_text(rows):
    ids = ["7", "007", "x", "X", "9007199254740993", "9007199254740992", "1" * 30, "1" * 29, "-7", "７"]
    chunk = chunk_csv(["a"], [[user, f"of {user}"] for user in reversed(ids)])
    pull = {"users": users_csv(ids), "chunks": [chunk], "names": [["a"]]}
    assert [row[0] for row in rows("users", **pull)] == ids
    assert sorted(rows("user_attributes", **pull)) == sorted((user, "a", f"of {user}") for user in ids)


def test_who_is_left_out_is_left_out_of_every_block_of_a_large_export(rows):
    ids = [str(number) for number in range(300)]
    values = [[user, f"{user:x>20000}"] for user in [*ids, "0", "150"]]
    pull = {"users": users_csv(ids[:-1]), "chunks": [chunk_csv(["a"], values)], "names": [["a"]]}
    found = rows("user_attributes", **pull)
    assert [row[0] for row in found] == [*(user for user in ids[1:-1] if user != "150"), "0", "150"]
    assert all(value.endswith(user) for user, _, value in found)


@pytest.mark.parametrize("missing_from", ["users", "first chunk", "second chunk"])
def test_a_user_who_is_not_in_every_export_is_left_out(rows, missing_from):
    everyone = [str(i) for i in range(200)]
    but_one = everyone[:-1]
    lists = [
        but_one if place == missing_from else everyone for place in ("users", "first chunk", "second chunk")
    ]
    pull = {
        "users": users_csv(lists[0]),
        "chunks": [
            chunk_csv([name], [[u, "x"] for u in ids]) for name, ids in zip("ab", lists[1:], strict=True)
        ],
        "names": [["a"], ["b"]],
    }
    assert sorted(row[0] for row in rows("users", **pull)) == sorted(but_one)
    assert {row[0] for row in rows("user_attributes", **pull)} == set(but_one)


def test_only_an_export_with_a_user_whom_a_later_one_has_not_is_read_again(tmp_path, monkeypatch):
    chunks = [
        chunk_csv([name], [[user, "x"] for user in users]) for name, users in [("a", "1234"), ("b", "134")]
    ]
    folder = land(tmp_path / "landing", users=users_csv("123"), chunks=chunks, names=[["a"], ["b"]])
    told: list[str] = []
    monkeypatch.setattr("loader.convert.progress", told.append)
    assert convert(folder, tmp_path, force=True).rows["users"] == 2
    again = [what.split()[1] for what in told if what.endswith("again")]
    # The users export is read for its own table, and for what the catalogue has of it.
    assert again == ["users.csv.gz", "users.csv.gz", "user_attributes-001.csv.gz"]


def test_exports_that_disagree_about_more_than_one_percent_are_refused(rows):
    everyone = [str(i) for i in range(200)]
    chunk = chunk_csv(["a"], [[u, "x"] for u in everyone[:-3]])
    with pytest.raises(RefusedError, match="3 of 200 users"):
        rows("users", users=users_csv(everyone), chunks=[chunk], names=[["a"]])


HEADER = b"last seen,page id,chatfuel user id,a,b\n"


@pytest.mark.parametrize(
    "row",
    [
        b",,1,x\n",
        b",,1\n",
        b"1\n",
        b",,1,x,y,z\n",
        b",,1,x,,\n",
        b",,1,x,y,,\n",
        b",,1,x,y,,,,\n",
        b",,1,x,hello, you\n",
    ],
)
@pytest.mark.parametrize("before", [b"", b",,0,x,y\n", b",,0,,\n" * 5000])
@pytest.mark.parametrize("after", [b"", b",,2,x,y\n"])
def test_a_row_of_another_width_than_the_header_is_an_error(rows, before, row, after):
    users = users_csv(["0", "1", "2"])
    with pytest.raises(ContractError, match=r"user_attributes-001\.csv\.gz"):
        rows("user_attributes", users=users, chunks=[HEADER + before + row + after], names=[["a", "b"]])


@pytest.mark.parametrize(
    "body",
    [
        HEADER + b",,,x,y\n",
        HEADER + b',,1,"x,y\n',
        HEADER + b",,1,\xff,y\n",
        HEADER.replace(b",b", b"") + b",,1,x\n",
        HEADER.replace(b",b", b",a") + b",,1,x,y\n",
        HEADER.replace(b"page id", b"page") + b",,1,x,y\n",
        HEADER.replace(b",b", b",B") + b",,1,x,y\n",
        b"",
        b'"last seen',
    ],
    ids=["no user id", "quote left open", "not UTF-8", "column missing", "column twice", "page id missing",
         "another case", "nothing", "half a header"],
)  # fmt: skip
def test_an_export_of_another_shape_is_an_error(rows, body):
    with pytest.raises(ContractError, match=r"user_attributes-001\.csv\.gz"):
        rows("user_attributes", users=users_csv(["1"]), chunks=[body], names=[["a", "b"]])


def test_an_error_quotes_no_value(rows):
    with pytest.raises(ContractError) as caught:
        rows("users", users=users_csv(["1"]), chunks=[HEADER + b',,1,"my secret\n'], names=[["a", "b"]])
    assert "secret" not in caught.value.message
    assert "\n" not in caught.value.message


def test_an_attribute_that_no_export_has_is_an_error(rows):
    with pytest.raises(ContractError, match="'lost'"):
        rows("users", **one_user("x"), listed=["a", "lost"])


def test_json_keeps_the_order_of_its_keys_and_its_characters(rows):
    entry = {"id": "e1", "z": 1, "a": {"y": None, "b": [1.5, "é 💚"]}, "big": 9007199254740993}
    found = rows("scheduled_entries", **one_user("x"), json_files={"scheduled_entries": {"result": [entry]}})
    payload = '{"id": "e1", "z": 1, "a": {"y": null, "b": [1.5, "é 💚"]}, "big": 9007199254740993}'
    assert found == [("e1", payload)]


def test_half_a_character_in_json_becomes_a_replacement_character(rows):
    segments = {"data": {"bot": {"segments": [{"id": "s1", "name": "cut \ud83d"}]}}}
    assert rows("segments", **one_user("x"), json_files={"segments": segments}) == [("s1", "cut \ufffd")]


def test_results_are_numbered_in_the_order_served(rows):
    stats = {"result": [{"block_title": "b"}, {"block_title": "a"}]}
    found = rows("broadcast_stats", **one_user("x"), json_files={"broadcast_stats": stats})
    assert found == [(1, '{"block_title": "b"}'), (2, '{"block_title": "a"}')]


@pytest.mark.parametrize("table", list(raw_tables()))
def test_parquet_columns_are_in_the_order_of_the_table(tmp_path, table):
    folder = land(tmp_path / "landing", **one_user("x"))
    converted = convert(folder, tmp_path)
    names = [column.name for column in (*pull_columns(), *raw_tables()[table].columns)]
    kinds = {"STRING": "VARCHAR", "INT64": "BIGINT", "DATE": "DATE", "TIMESTAMP": "TIMESTAMP WITH TIME ZONE"}
    types = [kinds[column.type] for column in (*pull_columns(), *raw_tables()[table].columns)]
    for file in converted.files[table]:
        described = duckdb.sql(f"describe from read_parquet('{file}', hive_partitioning = false)").fetchall()
        assert [row[0] for row in described] == names
        assert [row[1] for row in described] == types


def test_the_ledger_counts_the_rows_of_every_table(rows):
    found = rows("pulls", **one_user("x"))
    assert found == [("api", "test", "classic", 1, 1, 1, 0, 0, 0, 0, 0, 0)]


def test_a_damaged_file_is_found_by_its_hash_and_named(rows, tmp_path):
    folder = land(tmp_path / "landing", **one_user("x"))
    path = folder.path / "users.csv.gz"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(RefusedError, match=r"users\.csv\.gz is damaged"):
        convert(folder, tmp_path)


def test_a_missing_file_is_named(rows, tmp_path):
    folder = land(tmp_path / "landing", **one_user("x"))
    (folder.path / "users.csv.gz").unlink()
    with pytest.raises(RefusedError, match=r"users\.csv\.gz is missing"):
        convert(folder, tmp_path)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_so_is_one_in_whose_place_is_something_else_which_is_not_waited_for(tmp_path, make):
    folder = land(tmp_path / "landing", **one_user("x"))
    (folder.path / "users.csv.gz").unlink()
    make(folder.path / "users.csv.gz")
    with pytest.raises(RefusedError, match=r"users\.csv\.gz is missing"):
        convert(folder, tmp_path)


def test_a_landing_zone_with_a_quote_in_its_path_works(tmp_path):
    (tmp_path / "it's").mkdir()
    folder = land(tmp_path / "it's", **one_user(cell("x")))
    assert convert(folder, tmp_path / "it's").rows["user_attributes"] == 1
