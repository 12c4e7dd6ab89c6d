"""The landing zone."""

import gzip
import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loader.landing import Landing, Pull
from tests.loader.landed import MOMENT


def break_off(folder, body):
    with folder.writer("x.csv.gz", "users") as file:
        file.write(body)
        raise OSError("broken")


@pytest.fixture
def folder(tmp_path):
    folder = Landing(tmp_path / "landing").folder(Pull("bot", MOMENT))
    folder.begin()
    return folder


def test_a_pull_is_named_after_its_moment():
    pull = Pull("bot", datetime(2024, 6, 26, 7, 30, tzinfo=UTC))
    assert (pull.pull_id, str(pull.pull_date)) == ("20240626T073000Z", "2024-06-26")


def test_where_a_pull_lands(folder, tmp_path):
    assert folder.path == tmp_path / "landing" / "bot" / "pull_date=2024-06-03" / "20240603T073000Z"


def test_a_response_is_kept_byte_for_byte(folder):
    body = b"\xef\xbb\xbf\x00\xffwhatever\r\n" * 1000
    folder.write("x.csv.gz", "users", body)
    assert gzip.decompress((folder.path / "x.csv.gz").read_bytes()) == body


def test_the_same_response_lands_as_the_same_bytes(folder, tmp_path):
    other = Landing(tmp_path / "other").folder(Pull("bot", MOMENT))
    other.begin()
    for place in (folder, other):
        place.write("x.json.gz", "segments", b"{}")
    body = (folder.path / "x.json.gz").read_bytes()
    assert body == (other.path / "x.json.gz").read_bytes()
    # The time in the header of a gzip file.
    assert body[4:8] == bytes(4)


def test_a_file_appears_when_it_is_whole(folder):
    path = folder.path / "x.csv.gz"
    with folder.writer("x.csv.gz", "users") as file:
        file.write(b"abc")
        assert not path.exists()
    assert path.exists()


def test_a_file_that_broke_off_never_appears_and_is_not_in_the_manifest(folder):
    with pytest.raises(OSError, match="broken"):
        break_off(folder, b"abc")
    folder.commit("api", "test")
    assert not (folder.path / "x.csv.gz").exists()
    assert folder.read_manifest().files == ()


def test_an_attempt_after_one_that_broke_off_is_the_file(folder):
    with pytest.raises(OSError, match="broken"):
        break_off(folder, b"a long beginning of something")
    folder.write("x.csv.gz", "users", b"ok")
    assert gzip.decompress((folder.path / "x.csv.gz").read_bytes()) == b"ok"


def test_the_manifest_makes_a_pull_complete(folder, tmp_path):
    folder.write("x.json.gz", "segments", b"{}")
    assert not folder.is_complete
    assert Landing(tmp_path / "landing").complete_pulls() == []
    folder.commit("api", "test")
    assert folder.is_complete
    assert [found.path for found in Landing(tmp_path / "landing").complete_pulls()] == [folder.path]


def test_the_manifest_says_what_is_there(folder):
    folder.write("u.csv.gz", "users", b"a\nb\n", fields=("chatfuel user id", "status"))
    folder.write("b.json.gz", "block_filters", b"{}", broadcast_id="e", block_id="b")
    folder.commit("api", "1.2.3")
    manifest = json.loads((folder.path / "manifest.json").read_text())
    users, block = manifest.pop("files")
    raw = (folder.path / "u.csv.gz").read_bytes()
    assert manifest == {
        "format": 1, "bot_id": "bot", "pull_id": "20240603T073000Z", "pulled_at": "2024-06-03T07:30:00Z",
        "source": "api", "loader_version": "1.2.3",
    }  # fmt: skip
    assert users == {
        "name": "u.csv.gz", "table": "users", "size": len(raw), "sha256": hashlib.sha256(raw).hexdigest(),
        "fields": ["chatfuel user id", "status"],
    }  # fmt: skip
    assert (block["broadcast_id"], block["block_id"]) == ("e", "b")


def test_beginning_again_removes_what_was_there(folder):
    folder.write("x.json.gz", "segments", b"{}")
    folder.commit("api", "test")
    folder.begin()
    assert list(folder.path.iterdir()) == []
    assert not folder.is_complete


def test_what_is_left_when_that_is_interrupted_does_not_look_complete(folder, monkeypatch):
    for name in ("a.json.gz", "x.json.gz"):
        folder.write(name, "segments", b"{}")
    folder.commit("api", "test")
    remove, removed = folder.landing.remove, []

    def interrupted(name):
        if removed:
            raise KeyboardInterrupt
        removed.append(name)
        remove(name)

    monkeypatch.setattr(folder.landing, "remove", interrupted)
    with pytest.raises(KeyboardInterrupt):
        folder.begin()
    assert not folder.is_complete
    assert (folder.path / "a.json.gz").exists()


@pytest.mark.parametrize("step", [0, 1], ids=["first", "second"])
def test_nor_when_putting_a_pull_aside_is(folder, monkeypatch, step):
    folder.write("a.json.gz", "segments", b"{}")
    folder.commit("api", "test")
    rename, renamed = Path.rename, []

    def interrupted(self, target):
        if len(renamed) == step:
            raise KeyboardInterrupt
        renamed.append(self.name)
        rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        folder.landing.set_aside(folder.landing.names())
    assert folder.is_complete == (step == 0)
    assert (folder.path / "a.json.gz").exists()


def test_a_file_is_on_the_disk_before_its_name_is_and_before_the_manifest(folder, monkeypatch):
    done = []
    fsync, rename = os.fsync, Path.rename

    def noted_fsync(number):
        done.append(("fsync", Path(f"/proc/self/fd/{number}").readlink().name))
        fsync(number)

    def noted_rename(self, target):
        done.append(("rename", target.name))
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    folder.write("x.json.gz", "segments", b"{}")
    folder.commit("api", "test")
    assert done == [
        ("fsync", ".x.json.gz.partial"), ("rename", "x.json.gz"),
        ("fsync", ".manifest.json.partial"), ("rename", "manifest.json"),
    ]  # fmt: skip
