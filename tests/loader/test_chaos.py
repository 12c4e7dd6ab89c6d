"""Killed at any step, run again: the same tables as if nothing had happened."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pytest

from loader.warehouse import raw_tables
from tests.loader.conftest import AS_OF

ROOT = Path(__file__).parents[2]


def pulls(folder: Path, steps: Iterable[int]) -> tuple[list[int], str]:
    """Pull into a folder for each step, killed before it; the exit codes, and what was written on standard error."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.loader.killed", folder, *map(str, steps), "--", "pull", "--as-of", AS_OF],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=550, check=True,
    )  # fmt: skip
    return [int(line) for line in ended.stdout.splitlines() if line.lstrip("-").isdecimal()], ended.stderr


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


@pytest.mark.slow
def test_a_pull_that_was_killed_at_any_step_and_run_again_is_as_one_that_was_not(
    environment, run, tmp_path, monkeypatch
):
    undisturbed = tmp_path / "step_0"
    codes, said = pulls(tmp_path, [0])
    assert codes == [0], said
    count = int(said.splitlines()[-1])
    # Nine landing files and the manifest, nine tables and the ledger at least.
    assert count > 30
    expected = tables(undisturbed / "warehouse.duckdb")
    steps = range(1, count + 1)
    codes, said = pulls(tmp_path, steps)
    assert codes == [-signal.SIGKILL] * len(steps), said
    for step in steps:
        folder = tmp_path / f"step_{step}"
        monkeypatch.setenv("CHATFUEL_LANDING", str(folder / "landing"))
        monkeypatch.setenv("CHATFUEL_DUCKDB_PATH", str(folder / "warehouse.duckdb"))
        result = run("pull", "--as-of", AS_OF)
        assert result.exit_code == 0, f"after step {step}: {result.output}"
        assert tables(folder / "warehouse.duckdb") == expected, f"after step {step}"
        run("gc", "--yes")
        assert landed(folder) == landed(undisturbed), f"after step {step}"
