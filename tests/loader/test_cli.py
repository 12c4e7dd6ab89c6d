"""The loader as a process: what a person or a scheduler sees of it."""

import ctypes
import os
import re
import signal
import socket
import threading
from pathlib import Path
from unittest.mock import MagicMock

import duckdb
import pytest

from loader import __version__
from loader.warehouse.duckdb import DuckDBWarehouse
from tests.loader.conftest import AS_OF, start


def run(*arguments, **options):
    with start(*arguments, **options) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


# `python -m loader`, without its seconds between attempts
WITHOUT_WAITING = """
from dataclasses import replace
from loader import cli
cli.PATIENCE = replace(cli.PATIENCE, first_wait=0)
cli.main()
"""


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


WRONG = pytest.mark.parametrize(
    ("name", "value", "code", "says"),
    [
        ("CHATFUEL_TOKEN", "a-wrong-token", 3, "token"),
        ("CHATFUEL_TOKEN", "", 2, "CHATFUEL_TOKEN"),
        ("CHATFUEL_BOT_ID", "", 2, "CHATFUEL_BOT_ID"),
        ("CHATFUEL_BOT_ID", "nobody", 2, "CHATFUEL_BOT_ID"),
        ("CHATFUEL_BASE_URL", f"http://127.0.0.1:{unused_port()}", 4, "CHATFUEL_BASE_URL"),
        ("http_proxy", f"http://127.0.0.1:{unused_port()}", 4, "HTTPS_PROXY"),
        ("http_proxy", "http://[::1", 2, "HTTPS_PROXY is no address"),
        ("http_proxy", "http://..", 2, "HTTPS_PROXY is no address"),
    ],
    ids=[
        "wrong token",
        "no token",
        "no bot",
        "unknown bot",
        "unreachable host",
        "unreachable proxy",
        "no address",
        "no name",
    ],
)


@WRONG
def test_check_finds_what_is_wrong_and_writes_nothing(
    environment, tmp_path, monkeypatch, name, value, code, says
):
    monkeypatch.setenv(name, value)
    returned, out, err = run("check", command=("-c", WITHOUT_WAITING))
    assert (returned, err) == (code, "")
    (wrong,) = [line for line in out.splitlines() if not line.startswith("ok  ")]
    assert wrong.startswith("NO  ")
    assert says in wrong
    assert "a-wrong-token" not in out
    assert list(tmp_path.iterdir()) == []


@WRONG
def test_what_is_wrong_is_one_line_and_an_exit_code_and_nothing_is_written(
    environment, tmp_path, monkeypatch, name, value, code, says
):
    monkeypatch.setenv(name, value)
    returned, out, err = run("pull", command=("-c", WITHOUT_WAITING))
    assert (returned, out) == (code, "")
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    assert says in err
    assert "a-wrong-token" not in err
    assert list(tmp_path.iterdir()) == []


def test_results_are_on_standard_output_and_nothing_else(environment):
    returned, out, err = run("pull", "--as-of", AS_OF)
    assert (returned, err) == (0, "")
    assert "user_attributes" in out
    returned, out, err = run("pulls")
    assert (returned, err) == (0, "")


def test_results_that_cannot_be_shown_are_told_and_the_load_stands(environment):
    with Path("/dev/full").open("w") as full, start("pull", "--as-of", AS_OF, stdout=full) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err == (
        "Error: The results cannot be shown: No space left on device. What was done stands: `pulls` lists it.\n"
    )
    assert run("pulls")[1].splitlines()[2].split()[:3] == ["20240603T073000Z", "yes", "yes"]


def test_an_error_that_cannot_be_shown_keeps_its_code(environment):
    with Path("/dev/full").open("w") as full, start("pull", "--target", "prod", stderr=full) as process:
        process.communicate(timeout=60)
    assert process.returncode == 2


def test_whatever_is_written_only_the_owner_can_read(environment, tmp_path):
    run("pull", "--as-of", AS_OF)
    modes = {path: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert tmp_path / "warehouse.duckdb" in modes


@pytest.mark.parametrize("target", ["prod", "emulator"])
def test_bigquery_needs_a_project(environment, target, monkeypatch):
    monkeypatch.delenv("CHATFUEL_BIGQUERY_PROJECT", raising=False)
    returned, _, err = run("pull", "--target", target)
    assert returned == 2
    assert "Set CHATFUEL_BIGQUERY_PROJECT" in err


@pytest.mark.parametrize("moment", ["yesterday", "2024-06-26T07:30:00", "2024-06-26"])
def test_a_moment_needs_a_time_zone(environment, moment):
    returned, _, err = run("pull", "--as-of", moment)
    assert returned == 2
    assert moment in err


def test_help_lists_verbs_and_exit_codes(environment):
    returned, out, _ = run("--help")
    assert returned == 0
    for verb in ("check", "pull", "pulls", "reload"):
        assert re.search(rf"^  {verb} ", out, re.MULTILINE)
    for code in (0, 2, 3, 4, 5, 6, 7, 130):
        assert re.search(rf"^ +{code} ", out, re.MULTILINE)


def test_the_version_is_told(environment):
    assert __version__ in run("--version")[1]


@pytest.fixture
def sigint():
    """A shell that runs the tests in the background has them ignore SIGINT, which children inherit; here they do not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("sigint")
def test_a_signal_that_comes_while_duckdb_works_is_that_signal(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    duckdb.connect(path).close()
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        DuckDBWarehouse(path).read("select sum(hash(i)) from range(1000000000) as t (i)")


def test_a_query_that_a_signal_cut_short_is_interrupted_before_the_file_is_closed(tmp_path, monkeypatch):
    path = tmp_path / "warehouse.duckdb"
    path.touch()
    connection = MagicMock()
    connection.__enter__.return_value = connection
    # after the setting of the time zone
    connection.execute.side_effect = [None, KeyboardInterrupt]
    monkeypatch.setattr(duckdb, "connect", lambda *_, **__: connection)
    with pytest.raises(KeyboardInterrupt):
        DuckDBWarehouse(path).read("select 1")
    assert [name for name, *_ in connection.mock_calls[-2:]] == ["interrupt", "__exit__"]


def send_to_main_thread(process, number):
    process.send_signal(number)


def send_to_another_thread(process, number):
    """What the system may do with any signal: libraries have threads, and Python heeds signals in its main one."""
    threads = {int(task.name) for task in Path(f"/proc/{process.pid}/task").iterdir()} - {process.pid}
    assert threads
    assert ctypes.CDLL(None).tgkill(process.pid, min(threads), number) == 0


@pytest.mark.parametrize("send", [send_to_main_thread, send_to_another_thread])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.usefixtures("sigint")
def test_a_signal_ends_a_pull_and_nothing_is_committed(stalled, tmp_path, number, code, send):
    process, _ = stalled
    send(process, number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in err
    assert not (tmp_path / "warehouse.duckdb").exists()
