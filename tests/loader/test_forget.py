"""A person is taken out of the landing zone."""

import gzip

import pytest

from loader.forget import forget_user
from loader.landing import Landing
from tests.loader.landed import chunk_csv, land, users_csv


def silent(what, size):
    pass


@pytest.fixture
def landed(tmp_path):
    chunk = chunk_csv(["note"], [["17", "a\n,b"], ["117", "17"], ["5", 'it is "17"']])
    return land(tmp_path / "landing", users=users_csv(["17", "117", "5"]), chunks=[chunk], names=[["note"]])


def texts(folder):
    return {
        path.name: gzip.decompress(path.read_bytes())
        for path in folder.path.iterdir()
        if path.suffix == ".gz" and path.name.startswith("user")
    }


def test_the_rows_of_one_user_go_and_all_others_stay_byte_for_byte(landed, tmp_path):
    before = texts(landed)
    again = Landing(tmp_path / "landing").complete_pulls()[0]
    assert forget_user(again, "17", silent) == 2
    after = texts(landed)
    gone = {
        "users.r1.csv.gz": before["users.csv.gz"].splitlines(keepends=True)[1],
        "user_attributes-001.r1.csv.gz": b'2024-06-01 00:00:00,1,"17","a\n,b"\n',
    }
    assert {name: body.count(gone[name]) for name, body in after.items()} == dict.fromkeys(gone, 0)
    assert after == {name: before[name.replace(".r1", "")].replace(row, b"") for name, row in gone.items()}
    files, _ = landed.read_manifest()
    assert {file.name for file in files if file.name.startswith("user")} == set(after)


def test_forgetting_twice_is_forgetting_once(landed, tmp_path):
    zone = Landing(tmp_path / "landing")
    forget_user(zone.complete_pulls()[0], "17", silent)
    before = texts(landed)
    assert forget_user(zone.complete_pulls()[0], "17", silent) == 0
    assert texts(landed) == before


def test_what_an_interrupted_run_left_is_removed(landed, tmp_path):
    zone = Landing(tmp_path / "landing")
    forget_user(zone.complete_pulls()[0], "17", silent)
    (landed.path / "users.csv.gz").write_bytes(gzip.compress(b"the old file"))
    forget_user(zone.complete_pulls()[0], "17", silent)
    assert not (landed.path / "users.csv.gz").exists()
