"""A pull that should not be is taken out of the warehouse, and kept apart in the landing zone."""

import gzip
import json

import pytest

from tests.loader.conftest import PULL_ID

LATER = "20240604T073000Z"


def test_a_removed_pull_is_nowhere_and_its_files_are_kept_apart(pull, run, query, folder, tmp_path):
    pull()
    before = {table: query(f"from {table} order by all") for table in ("users", "user_attributes", "pulls")}
    pull("--as-of", "2024-06-04T07:30:00Z")
    files = {p.name for p in (tmp_path / "landing/botA/pull_date=2024-06-04" / LATER).iterdir()}
    result = run("remove", LATER, "--bot", "botA", "--yes")
    assert result.exit_code == 0, result.output
    assert "chatfuel_rebuild_from: 2024-06-04" in result.stdout
    assert {table: query(f"from {table} order by all") for table in before} == before
    assert {
        p.name for p in (tmp_path / "landing/removed/botA/pull_date=2024-06-04" / LATER).iterdir()
    } == files
    assert LATER not in run("pulls").stdout
    assert "Nothing to remove" in run("gc").stdout


def test_a_pull_is_removed_only_if_that_is_agreed_to(pull, run, query):
    pull()
    result = run("remove", PULL_ID, "--bot", "botA")
    assert result.exit_code == 2
    assert query("select pull_id from pulls") == [(PULL_ID,)]


@pytest.mark.parametrize("pull_id", ["nonsense", "20240604T073000Z", "../x", "20249904T073000Z"])
def test_a_pull_that_is_not_there_is_told(pull, run, pull_id):
    pull()
    result = run("remove", pull_id, "--bot", "botA", "--yes")
    assert result.exit_code == 2
    assert "`pulls` lists them" in result.stderr


@pytest.mark.parametrize("width", ["80", "20"])
def test_pulls_shows_ids_that_can_be_copied(pull, run, monkeypatch, width):
    pull()
    monkeypatch.setenv("COLUMNS", width)
    assert PULL_ID in run("pulls").stdout
    assert "botA" in run("pulls").stdout


def test_a_refusal_that_looks_like_markup_is_shown_as_it_is(pull, run, folder):
    pull()
    (record,) = [json.loads(line) for line in run("pulls", "--json").stdout.splitlines()]
    assert record["loaded"] == "yes"
    other = folder.parent.parent / "pull_date=2024-06-04" / LATER
    other.mkdir(parents=True)
    (other / "manifest.json").write_text("{}")
    (other / "refused.txt").write_text("[/b] [x] lost")
    result = run("pulls")
    assert result.exit_code == 0
    assert "[/b] [x] lost" in result.stdout


def test_a_person_is_forgotten_in_a_removed_pull_too(pull, run, query, tmp_path):
    pull()
    ((user_id,),) = query("select min(chatfuel_user_id) from users")
    assert run("remove", PULL_ID, "--bot", "botA", "--yes").exit_code == 0
    # dbt is not here: the landing zone is cleaned before.
    assert run("forget", "--user", user_id, "--bot", "botA", "--yes").exit_code == 6
    files = (tmp_path / "landing" / "removed").rglob("*.csv.gz")
    assert not any(user_id.encode() in gzip.decompress(path.read_bytes()) for path in files)


def test_check_says_what_it_sees(pull, run):
    assert "no pull yet" in run("check").stdout
    pull()
    said = run("check").stdout
    assert "pulled since 2024-06-03" in said
    assert "days more" in said
