"""What happens to a pull that was refused, broke off, or has landed; reload."""

import gzip
import subprocess
import sys

import duckdb

from sandbox.server import json_response
from tests.loader.conftest import PULL_ID
from tests.loader.helpers import TABLES, graphql


def test_a_halved_export_is_let_through_on_demand(pull, query, fault):
    pull()
    fault("fewer-users", times=None)
    assert pull("--as-of", "2024-06-04T07:30:00Z", "--min-users-ratio", "0.3").exit_code == 0
    assert len(query("from pulls")) == 2


def test_the_pull_before_is_of_the_same_bot_and_earlier(pull, fault, monkeypatch):
    monkeypatch.setenv("CHATFUEL_BOT_ID", "botB")
    pull()
    monkeypatch.setenv("CHATFUEL_BOT_ID", "botA")
    pull("--as-of", "2024-06-05T07:30:00Z")
    fault("fewer-users", times=None)
    assert pull("--as-of", "2024-06-04T07:30:00Z").exit_code == 0


def test_a_refused_pull_can_be_loaded_from_the_landing_zone(pull, run, query, fault):
    pull()
    fault("fewer-users", times=None)
    pull("--as-of", "2024-06-04T07:30:00Z")
    assert run("reload", "20240604T073000Z").exit_code == 7
    assert run("reload", "20240604T073000Z", "--min-users-ratio", "0").exit_code == 0
    assert len(query("from pulls")) == 2


def test_counts_in_the_warehouse_must_equal_counts_landed(pull, query, monkeypatch):
    pull()
    monkeypatch.setattr(
        "loader.warehouse.duckdb.DuckDBWarehouse._count",
        lambda _, __, table, ___: 0 if table == "pulls" else -1,
    )
    result = pull("--as-of", "2024-06-04T07:30:00Z")
    assert result.exit_code == 7
    assert "attributes has -1 rows" in result.stderr
    assert query("select pull_id from pulls") == [(PULL_ID,)]


def test_a_warehouse_of_an_older_loader_gets_the_columns_that_are_new(pull, query, tmp_path):
    pull()
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute("alter table chatfuel_raw.pulls drop column surface")
    assert pull("--as-of", "2024-06-04T07:30:00Z").exit_code == 0
    assert query("select surface from pulls order by pulled_at") == [(None,), ("classic",)]


def test_a_pull_that_landed_is_loaded_without_asking_again(pull, query, tamper, tmp_path):
    pull()
    (tmp_path / "warehouse.duckdb").unlink()
    requests = tamper(lambda request, response: response)
    assert pull().exit_code == 0
    assert requests == []
    assert query("select pull_id from pulls") == [(PULL_ID,)]


def test_a_pull_that_broke_off_is_fetched_afresh(pull, query, folder):
    pull_file = folder / "left-over.csv.gz"
    pull_file.parent.mkdir(parents=True)
    pull_file.write_bytes(b"half")
    assert pull().exit_code == 0
    assert not pull_file.exists()


def test_a_catalogue_without_attributes_is_no_pull(pull, tamper, tmp_path):
    empty = json_response(200, {"data": {"bot": {"variableSuggest": []}}})
    tamper(lambda request, response: empty if graphql(request, "AttributesQuery") else response)
    assert pull().exit_code == 5
    assert list(tmp_path.iterdir()) == []


def test_a_landing_zone_that_cannot_be_written_is_told(pull, tmp_path):
    (tmp_path / "landing").write_text("a file")
    result = pull()
    assert result.exit_code == 2
    assert "CHATFUEL_LANDING" in result.stderr
    assert result.stderr.count("\n") == 1


def test_nothing_is_left_beside_the_landed_files(pull, folder):
    pull()
    assert [path.name for path in folder.parent.iterdir()] == [PULL_ID]
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_warehouse_that_another_program_holds_open_is_told(pull, environment, tmp_path):
    script = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path / "warehouse.duckdb"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        other.stdout.readline()
        result = pull()
        other.stdin.close()
    assert result.exit_code == 6
    assert "another program has it open" in result.stderr
    assert result.stderr.count("\n") == 1


def test_reload_fills_an_empty_warehouse_and_then_has_nothing_to_do(pull, run, query, tmp_path):
    pull()
    before = [query(f"from {table} order by all") for table in (*TABLES, "pulls")]
    (tmp_path / "warehouse.duckdb").unlink()
    assert run("reload", PULL_ID).exit_code == 0
    assert [query(f"from {table} order by all") for table in (*TABLES, "pulls")] == before
    again = run("reload", PULL_ID)
    assert (again.exit_code, "already there" in again.stdout) == (0, True)


def test_reload_needs_neither_token_nor_bot(pull, run, tmp_path, monkeypatch):
    pull()
    (tmp_path / "warehouse.duckdb").unlink()
    monkeypatch.delenv("CHATFUEL_TOKEN")
    monkeypatch.delenv("CHATFUEL_BOT_ID")
    assert run("reload", PULL_ID).exit_code == 0


def test_reload_finds_a_damaged_file(pull, run, folder, tmp_path):
    pull()
    (tmp_path / "warehouse.duckdb").unlink()
    (folder / "segments.json.gz").write_bytes(gzip.compress(b"{}"))
    result = run("reload", PULL_ID)
    assert result.exit_code == 7
    assert "segments.json.gz is damaged" in result.stderr
    assert not (tmp_path / "warehouse.duckdb").exists()


def test_reload_of_a_pull_that_never_landed_says_so(run):
    result = run("reload", PULL_ID)
    assert result.exit_code == 2
    assert PULL_ID in result.stderr


def test_pulls_lists_the_ledger(pull, run):
    assert PULL_ID not in run("pulls").stdout
    pull()
    assert PULL_ID in run("pulls").stdout


def test_check_writes_nothing(run, tmp_path):
    result = run("check")
    assert result.exit_code == 0
    assert "ok  bot botA" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_load_that_needs_more_memory_than_others_is_given_it(pull, query, monkeypatch):
    monkeypatch.setattr("loader.warehouse.duckdb._MEMORY", "6MB")
    result = pull()
    assert result.exit_code == 0, result.stderr
    assert query("from users")
