"""`make demo` works, and shows what it made."""

import duckdb
import pytest

from sandbox import demo
from sandbox.server import running


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder for a demo of two days, in place of data/demo."""
    monkeypatch.setattr(demo, "DAYS", 2)
    monkeypatch.setattr(demo, "FOLDER", tmp_path / "demo")
    for constant in ("LANDING", "WAREHOUSE", "TARGET", "DASHBOARD"):
        monkeypatch.setattr(demo, constant, tmp_path / "demo" / getattr(demo, constant).name)
    return tmp_path / "demo"


def test_the_demo_shows_pulls_events_kpis_and_broadcasts(folder, monkeypatch, capsys):
    # the first build is the same command on one pull
    builds = iter([lambda: None, demo.build])
    monkeypatch.setattr(demo, "build", lambda: next(builds)())
    folder.mkdir()
    (folder / "demo.duckdb").write_text("left over from an earlier demo")
    assert demo.main() == 0
    shown = capsys.readouterr().out
    for part in ("20240604T073000Z", "user_appeared", "phone_numbers", "segment is", str(folder)):
        assert part in shown
    assert "Vega" in (folder / "dashboard.html").read_text()


def test_the_demo_of_the_panel_pulls_from_the_panel(folder):
    folder.mkdir()
    with running(users=20, attributes=40) as sandbox:
        sandbox.application.panel.seconds = 0
        demo.pull(sandbox, "panel", 0)
    with duckdb.connect(str(demo.WAREHOUSE)) as connection:
        assert connection.execute("select distinct surface from chatfuel_raw.pulls").fetchall() == [
            ("panel",)
        ]


def test_a_step_that_fails_ends_the_demo_with_what_it_printed(folder, monkeypatch, capsys):
    monkeypatch.setattr(demo, "build", lambda: demo.run(["sh", "-c", "echo no space left >&2; exit 3"]))
    assert demo.main() == 1
    assert "no space left" in capsys.readouterr().out
