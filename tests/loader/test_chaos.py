"""Killed at any step, run again: the same tables as if nothing had happened."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from loader.warehouse import raw_tables
from tests.loader.conftest import AS_OF

ROOT = Path(__file__).parents[2]
# Two tests, because two run at once.
HALVES = [0, 1]


def pull(folder: Path, step: int) -> subprocess.CompletedProcess:
    """Pulls into `folder`, killed before the step."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "CHATFUEL_LANDING": str(folder / "landing"),
        "CHATFUEL_DUCKDB_PATH": str(folder / "warehouse.duckdb"),
    }
    return subprocess.run(
        [sys.executable, "-m", "tests.loader.killed", str(step), "pull", "--as-of", AS_OF],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def tables(path: Path) -> dict[str, list]:
    """Every row of every raw table."""
    with duckdb.connect(path, read_only=True) as connection:
        return {
            table: connection.execute(f"from chatfuel_raw.{table} order by all").fetchall()
            for table in raw_tables()
        }


def landed(folder: Path) -> dict[str, bytes]:
    """Every file of the landing zone."""
    paths = (folder / "landing").rglob("*")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.is_file()}


@pytest.mark.parametrize("half", HALVES)
def test_a_pull_that_was_killed_at_any_step_and_run_again_is_as_one_that_was_not(
    environment, run, tmp_path, monkeypatch, half
):
    undisturbed = pull(tmp_path / "undisturbed", 0)
    assert undisturbed.returncode == 0, undisturbed.stderr
    steps = int(undisturbed.stderr.splitlines()[-1])
    # Nine landing files and the manifest, nine tables and the ledger at least.
    assert steps > 30
    expected = tables(tmp_path / "undisturbed" / "warehouse.duckdb")
    for step in range(1 + half, steps + 1, len(HALVES)):
        folder = tmp_path / f"step_{step}"
        assert pull(folder, step).returncode == -signal.SIGKILL
        monkeypatch.setenv("CHATFUEL_LANDING", str(folder / "landing"))
        monkeypatch.setenv("CHATFUEL_DUCKDB_PATH", str(folder / "warehouse.duckdb"))
        result = run("pull", "--as-of", AS_OF)
        assert result.exit_code == 0, f"after step {step}: {result.output}"
        assert tables(folder / "warehouse.duckdb") == expected, f"after step {step}"
        run("gc", "--yes")
        assert landed(folder) == landed(tmp_path / "undisturbed"), f"after step {step}"
