"""A person is taken out of the landing zone."""

import gzip

import pytest

from loader.forget import find_user, forget_user
from loader.landing import Landing
from tests.loader.landed import chunk_csv, land, users_csv


def forget(folder, user_id):
    rows, unread = find_user(folder, user_id)
    assert unread == []
    forget_user(folder, user_id, rows)
    return sum(rows.values())


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
    assert forget(again, "17") == 2
    after = texts(landed)
    gone = {
        "users.r1.csv.gz": before["users.csv.gz"].splitlines(keepends=True)[1],
        "user_attributes-001.r1.csv.gz": b'2024-06-01 00:00:00,1,"17","a\n,b"\n',
    }
    assert {name: body.count(gone[name]) for name, body in after.items()} == dict.fromkeys(gone, 0)
    assert after == {name: before[name.replace(".r1", "")].replace(row, b"") for name, row in gone.items()}
    files = landed.read_manifest().files
    assert {file.name for file in files if file.name.startswith("user")} == set(after)


def test_forgetting_twice_is_forgetting_once(landed, tmp_path):
    zone = Landing(tmp_path / "landing")
    forget(zone.complete_pulls()[0], "17")
    before = texts(landed)
    assert forget(zone.complete_pulls()[0], "17") == 0
    assert texts(landed) == before


def test_what_an_interrupted_run_left_is_removed(landed, tmp_path):
    zone = Landing(tmp_path / "landing")
    forget(zone.complete_pulls()[0], "17")
    (landed.path / "users.csv.gz").write_bytes(gzip.compress(b"the old file"))
    forget(zone.complete_pulls()[0], "17")
    assert not (landed.path / "users.csv.gz").exists()


def test_no_cell_that_a_subscriber_can_write_keeps_a_person_in(tmp_path):
    written = ["x" * 200_000, "\n" * 150_000, "a\rb", "\x01\x00", 'it is "so"']
    chunk = chunk_csv(
        ["note"], [["17", value] for value in written] + [["5", f"17 {value}"] for value in written]
    )
    folder = land(tmp_path / "landing", users=users_csv(["17", "5"]), chunks=[chunk], names=[["note"]])
    assert forget(folder, "17") == 1 + len(written)
    assert (
        sum(texts(folder)["user_attributes-001.r1.csv.gz"].count(f'"{user}"'.encode()) for user in ("17",))
        == 0
    )


def test_a_damaged_file_is_named_and_the_person_goes_from_the_others(landed):
    (landed.path / "users.csv.gz").write_bytes(b"damaged")
    (landed.path / "segments.json.gz").write_bytes(b"damaged")
    rows, unread = find_user(landed, "17")
    assert ["users.csv.gz is damaged" in error for error in unread] == [True]
    forget_user(landed, "17", rows)
    assert b'"17","a' not in texts_of(landed, "user_attributes-001.r1.csv.gz")


@pytest.mark.parametrize(
    "rows",
    [b'5,a"b\n17,x\n6,"y\n', b"17\n", b'5,"open\n17,x\n'],
    ids=["a quote too many", "a row too short", "a quote that never ends"],
)
def test_where_nobody_can_tell_whose_a_row_is_it_goes(tmp_path, rows):
    chunk = b"last seen,page id,chatfuel user id,note\n" + rows.replace(b"17", b",,17").replace(
        b"5,", b",,5,"
    )
    land(tmp_path / "landing", users=users_csv(["17", "5"]), chunks=[chunk], names=[["note"]])
    (folder,) = Landing(tmp_path / "landing").complete_pulls()
    forget(folder, "17")
    assert b"17" not in b"".join(texts(folder).values())


@pytest.mark.parametrize("user", ["", " ", " 1", "../1", "1,2", "=1"])
def test_what_is_nobody_s_id_is_refused_before_anything_is_read(run, user):
    result = run("forget", "--user", user, "--bot", "botA", "--yes")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert f"{user!r} is nobody's id" in result.stderr


def test_a_file_without_ids_is_named(tmp_path):
    folder = land(tmp_path / "landing", users=b"name\n17\n", chunks=[b"a,b\n17,x\n"], names=[["b"]])
    rows, unread = find_user(folder, "17")
    assert rows == {}
    assert unread == [
        f"{name}.csv.gz has no column 'chatfuel user id'. Restore it, or pull again."
        for name in ("users", "user_attributes-001")
    ]


def texts_of(folder, name):
    return gzip.decompress((folder.path / name).read_bytes())
