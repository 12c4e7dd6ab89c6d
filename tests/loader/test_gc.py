"""What `gc` removes: nothing that is not the loader's own, and nothing unasked."""

import json
import shutil

import duckdb
import pytest

from loader.landing import Landing, Pull
from tests.loader.conftest import PULL_ID
from tests.loader.landed import MOMENT

LATER = "2024-06-04T07:30:00Z"


def files(folder):
    """Every file below a folder but the warehouse."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != "warehouse.duckdb")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def leave_behind(landing):
    """What a pull leaves that is killed."""
    folder = Landing(landing).folder(Pull("botA", MOMENT.replace(day=7)))
    folder.begin()
    folder.write("segments.json.gz", "segments", b"{}")
    converting = landing / "botA" / "pull_date=2024-06-03" / ".convert-x"
    converting.mkdir(parents=True)
    (converting / "users.parquet").write_text("x")


def test_gc_removes_rows_without_a_ledger_row_and_files_of_incomplete_pulls(pull, run, query, tmp_path):
    pull()
    before, landed = query("from users order by all"), files(tmp_path)
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute(
            "insert into chatfuel_raw.users by name"
            " select * replace ('20240605T073000Z' as pull_id) from chatfuel_raw.users limit 7"
        )
    leave_behind(tmp_path / "landing")
    records = [json.loads(line) for line in run("gc", "--yes", "--json").stdout.splitlines()]
    removed = {record["remove"]: record.get("rows") for record in records}
    assert removed.pop("rows of users without a ledger row") == 7
    assert [name.split("pull_date=")[1] for name in removed] == [
        "2024-06-03/.convert-x/users.parquet", "2024-06-07/20240607T073000Z/segments.json.gz"]  # fmt: skip
    assert query("from users order by all") == before
    assert files(tmp_path) == landed
    assert "Nothing to remove" in run("gc").stdout


def test_gc_keeps_a_pull_that_was_refused(pull, run, fault, tmp_path):
    pull()
    fault("fewer-users", times=None)
    pull("--as-of", LATER)
    before = files(tmp_path)
    run("gc", "--yes")
    assert files(tmp_path) == before


@pytest.mark.parametrize("verb", [["gc"], ["forget", "--user", "1", "--bot", "botA"]])
def test_nothing_goes_before_it_was_listed_and_agreed_to(run, tmp_path, verb):
    leave_behind(tmp_path / "landing")
    before = files(tmp_path)
    result = run(*verb)
    assert result.exit_code == 2
    assert "20240607T073000Z" in result.stdout.replace("\n", "")
    assert "Nothing was removed" in result.stderr
    assert files(tmp_path) == before


def test_a_home_folder_as_landing_zone_loses_nothing(pull, run, tmp_path):
    home = tmp_path / "landing"
    others = [
        "documents/thesis.txt", "data/demo/2024.csv.gz", ".ssh/id", "botA/notes.txt", "a/b/c/manifest.json",
        "botA/pull_date=2024-06-07/20240607T073000Z/notes.txt", "pull_date=2024-06-07/20240607T073000Z/x.csv.gz",
        "botA/pull_date=2024-06-07/20240607T073000Z/old/users.csv.gz", "botA/backup/20240607T073000Z/users.csv.gz",
    ]  # fmt: skip
    for name in others:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("mine")
    pull()
    before = files(tmp_path)
    leave_behind(home)
    assert run("gc", "--yes").exit_code == 0
    assert files(tmp_path) == before


def test_a_loaded_pull_whose_manifest_is_gone_keeps_its_files(pull, run, folder, tmp_path):
    pull()
    (folder / "manifest.json").unlink()
    before = files(tmp_path)
    assert "Nothing to remove" in run("gc", "--yes").stdout
    assert files(tmp_path) == before


def test_gc_follows_no_link_out_of_the_landing_zone(run, tmp_path):
    leave_behind(tmp_path / "elsewhere")
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "botA").symlink_to(tmp_path / "elsewhere" / "botA")
    before = files(tmp_path / "elsewhere")
    run("gc", "--yes")
    assert files(tmp_path / "elsewhere") == before
    shutil.rmtree(tmp_path / "elsewhere")


def test_what_gc_says_names_the_pull(run, tmp_path):
    leave_behind(tmp_path / "landing")
    assert PULL_ID not in run("gc").stdout
