"""A change too large to be true is refused, until it is forced; what landed and was not loaded comes first."""

import duckdb
import pytest

from loader.errors import RefusedError, WarehouseError
from loader.pull import load
from loader.warehouse.duckdb import DuckDBWarehouse
from tests.loader.landed import MOMENT, chunk_csv, land, users_csv

IDS = [str(number) for number in range(40)]


@pytest.fixture
def loaded(tmp_path):
    """Return a function that lands and loads a day's pull of forty users, with values of two attributes."""
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb")

    def make(day, a, b, force=False, names=("a", "b")):
        rows = [
            [user, "x" if number < a else "", "y" if number < b else ""] for number, user in enumerate(IDS)
        ]
        rows = [row[: 1 + len(names)] for row in rows]
        folder = land(
            tmp_path / "landing", users=users_csv(IDS), chunks=[chunk_csv(names, rows)], names=[names],
            moment=MOMENT.replace(day=day),
        )  # fmt: skip
        load(warehouse, folder, 0.5, force=force)
        return folder

    return make


@pytest.mark.parametrize(("a", "b", "said"), [(5, 40, "lost 'a'"), (40, 5, "lost 'b'")])
def test_an_attribute_that_most_users_lost_at_once_is_refused(loaded, a, b, said):
    loaded(3, 40, 40)
    with pytest.raises(RefusedError, match=f"35 of 40 users {said}.*--force"):
        loaded(4, a, b)
    loaded(4, a, b, force=True)


def test_a_pull_is_compared_with_the_last_one_and_not_with_the_first(loaded):
    loaded(3, 40, 40)
    loaded(4, 10, 40, force=True)
    loaded(5, 8, 40)


def test_so_is_one_that_most_gained(loaded):
    loaded(3, 40, 2)
    with pytest.raises(RefusedError, match="38 of 40 users gained 'b'"):
        loaded(4, 40, 40)


def test_half_of_the_users_may_change(loaded):
    loaded(3, 40, 40)
    loaded(4, 40, 20)


def test_an_attribute_that_is_new_may_be_everybodys(loaded):
    loaded(3, 40, 0, names=("a",))
    loaded(4, 40, 40)


def test_a_pull_whose_cells_are_all_empty_is_refused(loaded):
    loaded(3, 40, 40)
    with pytest.raises(RefusedError, match=r"values, and .*suspiciously few"):
        loaded(4, 0, 0)


def test_so_is_a_catalogue_that_shrank(loaded):
    loaded(3, 40, 40, names=("a", "b"))
    loaded(4, 40, 40, names=("a",))
    with pytest.raises(RefusedError, match="0 attributes, and 1"):
        loaded(5, 40, 40, names=())


@pytest.mark.parametrize("kept", [0, 1])
def test_a_pull_that_knows_none_of_the_users_before_is_refused(loaded, tmp_path, kept):
    loaded(3, 40, 40)
    users = [*IDS[:kept], *(f"contact-{user}" for user in IDS[kept:])]
    rows = [[user, "x", "y"] for user in users]
    folder = land(
        tmp_path / "landing", users=users_csv(users), chunks=[chunk_csv("ab", rows)], names=["ab"],
        moment=MOMENT.replace(day=4),
    )  # fmt: skip
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb")
    if not kept:
        with pytest.raises(RefusedError, match=r"None of 40 users of the pull before is in it.*--force"):
            load(warehouse, folder, 0.5)
    load(warehouse, folder, 0.5, force=not kept)
    assert len(warehouse.committed_pulls()) == 2


def test_what_landed_and_was_not_loaded_is_loaded_first(pull, query, monkeypatch):
    def refuse(self, *_):
        raise WarehouseError("down")

    with monkeypatch.context() as patch:
        patch.setattr(DuckDBWarehouse, "write", refuse)
        assert pull().exit_code == 6
    result = pull("--as-of", "2024-06-04T07:30:00Z")
    assert result.exit_code == 0
    assert "was not loaded: first that" in result.stderr
    assert query("select pull_id from pulls order by 1") == [("20240603T073000Z",), ("20240604T073000Z",)]
    # the second pull knew what the first had recorded
    recorded = query("select count(*), count(distinct broadcast_id) from block_filters")
    assert recorded[0][0] == recorded[0][1] > 0


def test_what_is_older_than_the_last_pull_is_left_where_it_is(pull, query, tmp_path):
    pull("--as-of", "2024-06-04T07:30:00Z")
    pull()
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute("delete from chatfuel_raw.pulls where pull_id = '20240603T073000Z'")
    pull("--as-of", "2024-06-05T07:30:00Z")
    assert query("select pull_id from pulls order by 1") == [("20240604T073000Z",), ("20240605T073000Z",)]


def test_the_landing_zone_rebuilds_a_warehouse_whose_ledger_is_lost(pull, run, query, tmp_path):
    pull()
    before = query("from user_attributes order by all")
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute("delete from chatfuel_raw.pulls")
    assert run("reload", "--all").exit_code == 0
    assert query("from user_attributes order by all") == before


def test_a_ledger_with_a_row_that_names_no_pull_is_told(pull, run, tmp_path):
    pull()
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute("update chatfuel_raw.pulls set pull_id = null")
    result = run("pulls")
    assert result.exit_code == 6
    assert "chatfuel_raw.pulls has a row without pull_id. Delete that row" in result.stderr
