"""A night, by the very lines that schedules call, against the sandbox."""

from __future__ import annotations

import shutil
import subprocess

import duckdb
import pytest


@pytest.mark.slow
def test_a_night_by_make(project, environment):
    def make(*arguments, code=0):
        command = ["make", "--silent", *arguments]
        ended = subprocess.run(
            command, cwd=project, env=environment, capture_output=True, text=True, timeout=300
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout

    said = {step: make(step) for step in ("pull", "freshness", "build", "site", "report")}
    assert "is loaded" in said["pull"]
    assert ", built" in said["report"]
    assert "0 failed (dbt build" in said["report"]
    pages = {path.name: path.read_text() for path in (project / "data" / "site").iterdir()}
    assert pages.keys() == {"index.html", "docs.html"}
    with duckdb.connect(project / "data" / "chatfuel.duckdb", read_only=True) as connection:
        users = connection.execute("select chatfuel_user_id from chatfuel_raw.users").fetchall()
    assert len(users) > 50
    assert [name for name, page in pages.items() if any(user in page for (user,) in users)] == []
    # the second chance of the same day
    assert "is already there" in make("pull")
    # nothing is there, and the token has expired
    shutil.rmtree(project / "data")
    environment["CHATFUEL_TOKEN"] = "another"
    make("pull", code=2)
    assert "pull failed" in make("report", "FAILED=pull")
