"""The landing zone in a bucket, through the real client, against an emulator."""

import gzip
import hashlib
import json
from datetime import timedelta
from pathlib import Path, PurePosixPath

import pytest
from google.api_core.exceptions import Forbidden

from loader import bucket
from loader.bucket import BucketLanding
from loader.forget import find_user, forget_user
from loader.landing import Pull
from tests.loader.conftest import AS_OF, PULL_ID
from tests.loader.landed import MOMENT

FOLDER = f"botA/pull_date=2024-06-03/{PULL_ID}"


@pytest.fixture
def in_bucket(storage, environment, monkeypatch, request):
    """The loader lands in a part of the bucket that is this test's own; the address of that part."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage[0])
    url = f"gs://pulls/{hashlib.sha256(request.node.name.encode()).hexdigest()[:12]}"
    monkeypatch.setenv("CHATFUEL_LANDING", url)
    return url


@pytest.fixture
def landing(in_bucket, tmp_path):
    return BucketLanding(in_bucket, tmp_path / "here")


def test_a_pull_lands_in_the_bucket_as_in_a_folder(in_bucket, landing, pull, query, tmp_path, monkeypatch):
    assert pull().exit_code == 0
    values = query("select count(*) from user_attributes")
    (tmp_path / "warehouse.duckdb").unlink()
    monkeypatch.setenv("CHATFUEL_LANDING", str(tmp_path / "landing"))
    assert pull().exit_code == 0
    folder = tmp_path / "landing" / FOLDER
    assert [str(name) for name in landing.names()] == sorted(
        f"{FOLDER}/{path.name}" for path in folder.iterdir()
    )
    landing.bring(landing.complete_pulls()[0].name)
    files = [json.loads((place / "manifest.json").read_text())["files"] for place in (
        folder, landing.root / FOLDER)]  # fmt: skip
    assert files[0] == files[1]
    assert query("select count(*) from user_attributes") == values


def test_nothing_of_a_pull_in_a_bucket_stays_on_this_machine(in_bucket, pull, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    assert pull().exit_code == 0
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["warehouse.duckdb"]


def test_a_warehouse_is_rebuilt_from_the_bucket(in_bucket, pull, run, query, tmp_path):
    pull()
    rows = query("from user_attributes order by all")
    (tmp_path / "warehouse.duckdb").unlink()
    assert run("reload", "--all").exit_code == 0
    assert query("from user_attributes order by all") == rows


def test_a_person_is_forgotten_in_the_bucket(in_bucket, landing, pull, query, tmp_path):
    pull()
    ((user_id,),) = query("select min(chatfuel_user_id) from users")

    def holding(place):
        landing = BucketLanding(in_bucket, tmp_path / place)
        landing.bring(PurePosixPath(FOLDER))
        files = (landing.root / FOLDER).glob("*.gz")
        return [path.name for path in files if user_id.encode() in gzip.decompress(path.read_bytes())]

    assert len(holding("before")) >= 2
    folder = landing.complete_pulls()[0]
    rows, _ = find_user(folder, user_id)
    forget_user(folder, user_id, rows)
    assert len(rows) >= 2
    assert holding("after") == []
    BucketLanding(in_bucket, tmp_path / "again").complete_pulls()[0].read_manifest()


def test_a_damaged_object_is_found_by_its_hash_and_named(in_bucket, landing, pull, run, storage, tmp_path):
    pull()
    name = landing.complete_pulls()[0].name / "users.csv.gz"
    (landing.root / name).parent.mkdir(parents=True)
    (landing.root / name).write_bytes(b"something else")
    landing.save(name)
    (tmp_path / "warehouse.duckdb").unlink()
    result = run("reload", PULL_ID)
    assert result.exit_code == 7
    assert f"{in_bucket}/{FOLDER}/users.csv.gz is damaged" in result.stderr


def test_a_pull_without_manifest_is_fetched_afresh(in_bucket, landing, pull):
    folder = landing.folder(Pull("botA", MOMENT))
    folder.begin()
    folder.write("leftover.json.gz", "segments", b"{}")
    assert landing.complete_pulls() == []
    assert pull().exit_code == 0
    assert f"{FOLDER}/leftover.json.gz" not in [str(name) for name in landing.names()]


def test_gc_removes_what_is_incomplete_and_a_day_old(in_bucket, landing, pull, run, monkeypatch):
    pull()
    whole = landing.names()
    folder = landing.folder(Pull("botB", MOMENT))
    folder.begin()
    folder.write("leftover.json.gz", "segments", b"{}")
    thesis = PurePosixPath("documents/thesis.txt")
    (landing.root / thesis).parent.mkdir()
    (landing.root / thesis).write_text("mine")
    landing.save(thesis)
    assert "Nothing to remove" in run("gc").stdout
    monkeypatch.setattr(bucket, "_OLD", timedelta(0))
    assert "botB" in run("gc", "--yes").stdout
    assert landing.names() == whole
    assert landing.exists(thesis)


def test_a_refusal_is_kept_in_the_bucket(in_bucket, landing, pull):
    pull()
    folder = landing.complete_pulls()[0]
    folder.refuse("too few")
    assert BucketLanding(in_bucket, landing.root / "other").complete_pulls()[0].refusal == "too few"
    folder.accept()
    assert not folder.is_refused


@pytest.mark.parametrize("verb", ["check", "pull", "pulls"])
def test_a_bucket_that_is_not_there_is_told(in_bucket, run, monkeypatch, verb, tmp_path):
    monkeypatch.setenv("CHATFUEL_LANDING", "gs://nowhere/pulls")
    result = run(verb, *(["--as-of", AS_OF] if verb == "pull" else []))
    assert result.exit_code == 2
    assert "nowhere" in result.output
    assert not Path(tmp_path / "warehouse.duckdb").exists()


def test_the_bucket_itself_is_not_asked_for(in_bucket, pull, run, monkeypatch):
    # The roles of the README have no storage.buckets.get.
    def refuse(*arguments, **options):
        raise Forbidden("no storage.buckets.get")

    for method in ("exists", "reload"):
        monkeypatch.setattr(f"google.cloud.storage.Bucket.{method}", refuse)
    monkeypatch.setattr("google.cloud.storage.Client.get_bucket", refuse)
    assert run("check").exit_code == 0
    assert pull().exit_code == 0


def test_a_removed_pull_is_kept_apart_in_the_bucket(in_bucket, landing, pull, run):
    pull()
    names = landing.names()
    assert run("remove", PULL_ID, "--bot", "botA", "--yes").exit_code == 0
    assert landing.names() == []
    assert landing.aside().names() == names
