"""A landing zone that others write to: what is not ours is left alone, what is ours and damaged is named."""

import errno
import json
import operator
import os
import shutil
from pathlib import Path

import pytest

import loader.convert
from loader.convert import convert
from loader.errors import RefusedError
from loader.landing import Landing
from tests.loader.conftest import AS_OF, PULL_ID
from tests.loader.helpers import graphql
from tests.loader.landed import chunk_csv, land, users_csv


@pytest.fixture
def landed(tmp_path):
    return land(tmp_path / "landing", users=users_csv(["1"]), chunks=[chunk_csv([], [["1"]])], names=[[]])


def changed(folder, **changes):
    path = folder.path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"format": 1}', "[" * 100_000, '{"format": [], "files": {}}'],
    ids=["empty", "cut", "list", "null", "short", "deep", "kinds"],
)
def test_a_damaged_manifest_is_named(landed, content):
    (landed.path / "manifest.json").write_text(content)
    with pytest.raises(RefusedError, match=r"manifest\.json is damaged"):
        landed.read_manifest()


@pytest.mark.parametrize(
    "change",
    [{"files": [1]}, {"files": [{"name": 1, "table": "users", "size": 1, "sha256": "x"}]}, {"files": None},
     {"files": [{"name": "../../x.csv.gz", "table": "users", "size": 1, "sha256": "x"}]},
     {"source": None}, {"source": "mine"}, {"pulled_at": 5}, {"format": "new"}],
)  # fmt: skip
def test_so_is_one_with_an_entry_of_another_kind(landed, change):
    changed(landed, **change)
    with pytest.raises(RefusedError, match=r"manifest\.json is damaged"):
        landed.read_manifest()


@pytest.mark.parametrize(
    "change",
    [
        lambda files: [],
        lambda files: [file for file in files if file["table"] != "users"],
        lambda files: [file for file in files if file["table"] != "segments"],
        lambda files: [*files, files[0]],
        lambda files: [file | {"table": "attributes"} for file in files],
        lambda files: [*files, files[0] | {"name": "pulls.json.gz", "table": "pulls"}],
        lambda files: [*files, files[0] | {"name": "new.json.gz", "table": "new"}],
        lambda files: [*files, files[0] | {"name": "users-2.json.gz", "table": "users"}],
    ],
    ids=["no file", "no users", "no segments", "a file twice", "another table", "the ledger", "unknown table", "another kind"],
)  # fmt: skip
def test_so_is_one_whose_files_make_no_pull(landed, tmp_path, change):
    files = json.loads((landed.path / "manifest.json").read_text())["files"]
    changed(landed, files=change(files))
    with pytest.raises(RefusedError, match=r"manifest\.json does not list the files of a pull"):
        convert(landed, tmp_path)


def test_a_manifest_of_a_newer_loader_is_refused(landed):
    changed(landed, format=99)
    with pytest.raises(RefusedError, match="newer loader"):
        landed.read_manifest()


@pytest.mark.parametrize(
    "place",
    ["other/pull_date=2024-06-03/20240603T073000Z", "bot/pull_date=2024-06-04/20240603T073000Z",
     "bot/pull_date=2024-06-04/20240604T073000Z"],
    ids=["another bot", "another day", "another pull"],
)  # fmt: skip
def test_a_folder_that_was_moved_is_refused(landed, tmp_path, place):
    shutil.move(landed.path, tmp_path / "landing" / place)
    (moved,) = Landing(tmp_path / "landing").complete_pulls()
    with pytest.raises(RefusedError, match="of another pull"):
        moved.read_manifest()


def test_what_is_not_ours_stops_no_verb(pull, run, tmp_path):
    for name in ("manifest.json", "backup/manifest.json", "botA/manifest.json", "botA/pull_date=x/y/manifest.json",
                 "botA/pull_date=2024-06-03/20249903T073000Z/manifest.json", f"X.bak/{PULL_ID}/manifest.json"):  # fmt: skip
        path = tmp_path / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    (tmp_path / "landing" / "link").symlink_to(tmp_path)
    assert pull().exit_code == 0
    for verb in (["pulls"], ["check"], ["reload", "--all"], ["gc", "--yes"]):
        assert run(*verb).exit_code == 0, verb


@pytest.mark.skipif(not Path("/proc/sys").exists(), reason="no folder where not even root may write")
def test_a_landing_zone_where_no_file_can_be_is_no_lock(pull, monkeypatch):
    monkeypatch.setenv("CHATFUEL_LANDING", "/proc/sys")
    result = pull()
    assert result.exit_code == 2
    assert "Set CHATFUEL_LANDING" in result.stderr


def test_nobody_s_folders_are_walked(tmp_path, monkeypatch):
    (tmp_path / "mine" / "1" / "2").mkdir(parents=True)
    (tmp_path / "mine" / "1" / "2" / "thesis.txt").touch()
    seen = []
    monkeypatch.setattr(Path, "is_file", lambda path: seen.append(path))
    assert Landing(tmp_path).names() == seen == []


@pytest.mark.parametrize("place", ["a_file/x.duckdb", "x" * 300], ids=["below a file", "long"])
def test_a_place_where_no_warehouse_can_be_is_called_by_its_own_setting(pull, monkeypatch, tmp_path, place):
    (tmp_path / "a_file").touch()
    monkeypatch.setenv("CHATFUEL_DUCKDB_PATH", str(tmp_path / place))
    result = pull()
    assert result.exit_code == 6
    assert result.stderr.strip().endswith("Set CHATFUEL_DUCKDB_PATH.")


def test_one_damaged_manifest_is_named_and_the_others_go_on(pull, run, folder, tmp_path):
    pull()
    pull("--as-of", "2024-06-04T07:30:00Z")
    (folder / "manifest.json").write_text("{")
    (tmp_path / "warehouse.duckdb").unlink()
    result = run("reload", "--all")
    assert result.exit_code == 7
    assert "manifest.json is damaged" in result.stderr
    assert "20240604T073000Z" in result.stdout
    assert run("pulls").exit_code == 0


@pytest.mark.parametrize("bot", ["../../outside", "a/b", "", ".", "x" * 300])
def test_a_bot_is_no_path(run, tmp_path, bot):
    (tmp_path / "x.csv").write_text("chatfuel user id\n1\n")
    result = run("import", str(tmp_path / "x.csv"), "--bot", bot, "--as-of", AS_OF)
    assert result.exit_code == 2
    assert not (tmp_path / "landing").exists()


@pytest.mark.parametrize("moment", ["0001-01-01T00:00+14:00", "0224-06-03T00:00Z", "2099-01-01T00:00Z"])
def test_a_moment_that_cannot_be_right_is_refused(run, moment):
    result = run("pull", "--as-of", moment)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


@pytest.mark.parametrize("year", ["2014", "0224"])
def test_a_moment_before_2015_is_taken_by_force(pull, run, year):
    assert pull("--as-of", f"{year}-06-03T07:30:00Z", "--force").exit_code == 0
    assert f"{year}0603T073000Z     yes     yes" in run("pulls").stdout


def test_a_link_to_a_disk_that_is_not_there_is_found_by_the_check(run, tmp_path):
    (tmp_path / "landing").symlink_to(tmp_path / "unmounted")
    assert "NO  landing zone" in run("check").stdout


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_a_warehouse_that_is_no_file_is_said_to_be_none(run, tmp_path, make):
    make(tmp_path / "warehouse.duckdb")
    result = run("pulls")
    assert result.exit_code == 6
    assert "it is no file. Set CHATFUEL_DUCKDB_PATH." in result.stderr


def test_a_ratio_is_a_number(run):
    assert run("pull", "--min-users-ratio", "nan").exit_code == 2


def test_what_is_not_ours_is_mentioned_and_left_alone(pull, run, tmp_path):
    pull()
    (tmp_path / "landing" / "X.bak").mkdir()
    (tmp_path / "landing" / "link").symlink_to(tmp_path)
    (tmp_path / "landing" / "manifest.json").write_text("mine")
    assert "not the loader's: 'X.bak', 'link', 'manifest.json'" in run("check").stdout
    assert (tmp_path / "landing" / "X.bak").exists()


def test_a_landing_zone_that_changes_while_it_is_checked_is_one_line_of_the_check(run, monkeypatch):
    def gone(*_):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "users.csv.gz")

    monkeypatch.setattr("loader.landing.Landing.size", gone)
    result = run("check")
    assert result.exit_code == 2
    (wrong,) = [line for line in result.stdout.splitlines() if line.startswith("NO  ")]
    assert "users.csv.gz" in wrong
    assert len(result.stdout.splitlines()) == 6


def test_a_refusal_whose_cause_is_gone_is_gone(pull, run, query, folder, tmp_path):
    pull()
    (tmp_path / "warehouse.duckdb").unlink()
    whole = (folder / "segments.json.gz").read_bytes()
    (folder / "segments.json.gz").write_bytes(b"damaged")
    assert run("reload", "--all").exit_code == 7
    again = run("reload", "--all")
    assert again.exit_code == 0
    assert f"Pull {PULL_ID} of bot botA is still refused: " in again.stderr
    (folder / "segments.json.gz").write_bytes(whole)
    assert run("reload", "--all").exit_code == 0
    assert query("select pull_id from pulls") == [(PULL_ID,)]
    assert not (folder / "refused.txt").exists()


@pytest.mark.parametrize("when", ["segments", "BlockQuery", "_Conversion._leave_out", "_Conversion.convert"])
def test_a_landing_zone_that_goes_while_a_pull_runs_is_told_in_a_sentence(
    pull, query, tamper, monkeypatch, tmp_path, when
):
    gone = []

    def remove(*_, **__):
        if not gone:
            shutil.rmtree(tmp_path / "landing")
            gone.append(when)

    if when.startswith("_"):
        step = operator.attrgetter(when)(loader.convert)
        monkeypatch.setattr(f"loader.convert.{when}", lambda *arguments: remove() or step(*arguments))
    else:
        tamper(lambda request, response: (graphql(request, when) and remove()) or response)
    result = pull()
    assert result.exit_code in (1, 2, 7)
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert "Mend that" in result.stderr or "pull again" in result.stderr
    assert pull().exit_code == 0
    assert query("select count(*) from pulls") == [(1,)]


def test_memory_that_ends_is_told_in_a_sentence(pull, monkeypatch):
    def ends(*_):
        raise MemoryError

    monkeypatch.setattr("loader.convert._Conversion.convert", ends)
    result = pull()
    assert result.exit_code == 1
    assert "cannot be converted: out of memory. Make room" in result.stderr
    assert "Traceback" not in result.stderr


def test_what_dbt_made_for_all_to_read_is_the_owner_s_after_a_pull(pull, tmp_path):
    pull()
    (tmp_path / "warehouse.duckdb").chmod(0o644)
    pull("--as-of", "2024-06-04T07:30:00Z")
    assert (tmp_path / "warehouse.duckdb").stat().st_mode & 0o777 == 0o600
