"""A night, by the very lines that schedules and the image call, against the sandbox."""

from __future__ import annotations

import shutil
import subprocess

import duckdb
import pytest

SALT = "a-salt-for-tests-0123456789"


@pytest.mark.slow
def test_a_night_by_the_entrypoint_of_the_image_and_what_it_leaves(project, environment):
    settings = project / "dbt_project.yml"
    settings.write_text(settings.read_text().replace("chatfuel_hash_pii: false", "chatfuel_hash_pii: true"))
    environment["CHATFUEL_PII_SALT"] = SALT

    def make(*arguments, code=0):
        command = ["make", "--silent", *arguments]
        ended = subprocess.run(
            command, cwd=project, env=environment, capture_output=True, text=True, timeout=300
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout

    # pull, freshness, build, report, site
    night = [project / "deploy" / "docker" / "entrypoint.sh", "night"]
    ended = subprocess.run(night, env=environment, capture_output=True, text=True, timeout=400)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert [part for part in ("is loaded", ", built", "Pipeline     well") if part not in ended.stdout] == []
    make("artifacts")
    pages = {path.name: path.read_text() for path in (project / "data" / "site").iterdir()}
    assert pages.keys() == {"index.html", "docs.html"}
    with duckdb.connect(project / "data" / "chatfuel.duckdb", read_only=True) as connection:
        users = connection.execute("select chatfuel_user_id from chatfuel_raw.users").fetchall()
    assert len(users) > 50
    assert [name for name, page in pages.items() if any(user in page for (user,) in users)] == []
    # the salt stands in what dbt left, and in nothing that is passed on
    assert SALT in (project / "target" / "run_results.json").read_text()
    kept = {path.name: path.read_text() for path in (project / "target" / "artifacts").iterdir()}
    assert kept.keys() == {"manifest.json", "run_results.json", "sources.json"}
    assert [name for name, text in (kept | pages).items() if SALT in text] == []
    # what is kept is enough to find out what a change touches
    changed = project / "models" / "marts" / "rpt_chatfuel__daily_kpis.sql"
    changed.write_text(changed.read_text() + "\n-- changed")
    dbt = [".venv/bin/dbt", "--quiet", "ls", "--select", "state:modified", "--state", "target/artifacts"]
    options = {"cwd": project, "env": environment, "capture_output": True, "text": True}
    listed = subprocess.run(
        [*dbt, "--target", "dev", "--resource-type", "model", "--output", "name"], **options
    )
    assert listed.stdout == "rpt_chatfuel__daily_kpis\n", listed.stdout[:500]
    # the second chance of the same day
    assert "is already there" in make("pull")
    # nothing is there, and the token has expired
    shutil.rmtree(project / "data")
    environment["CHATFUEL_TOKEN"] = "another"
    make("pull", code=2)
    assert "pull failed" in make("report", "FAILED=pull")
