"""Whatever the panel does, a pull is whole or it is nothing, and its secrets stay secret."""

from dataclasses import replace

import pytest

from loader import cli
from tests.loader.conftest import NOW_AND_QUICKLY
from tests.loader.test_panel import on_panel, panel  # noqa: F401


@pytest.fixture(autouse=True)
def one_channel(on_panel, monkeypatch):  # noqa: F811
    """Only WhatsApp is asked for, to be quick."""
    monkeypatch.setenv("CHATFUEL_PANEL_CHANNELS", "whatsapp")


@pytest.fixture
def fails(on_panel, panel, sandbox, query, tmp_path):  # noqa: F811
    """Return a function that pulls and finds one error, its code and words, no secret and nothing loaded."""

    def check(code: int, *words: str) -> None:
        result = on_panel()
        assert result.exit_code == code, result.output
        (error,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        for word in words:
            assert word in error
        secrets = [sandbox.token, *(task.secret for task in panel.tasks.values())]
        assert not any(secret in result.output for secret in secrets)
        assert not (tmp_path / "warehouse.duckdb").exists() or query("select count(*) from pulls") == [(0,)]

    return check


@pytest.fixture
def whole(on_panel, query):  # noqa: F811
    """Return a function that pulls and finds everybody."""

    def check() -> str:
        result = on_panel()
        assert result.exit_code == 0, result.output
        assert query("select count(*) > 5 from users") == [(True,)]
        return result.stderr

    return check


@pytest.mark.parametrize("name", ["panel-failed", "panel-paused", "panel-cancelled"])
def test_an_export_that_ends_badly_is_asked_for_once_more(fault, whole, name):
    fault(name)
    assert f"failed: {name.removeprefix('panel-').capitalize()}" in whole()


@pytest.mark.parametrize("name", ["panel-failed", "panel-paused", "panel-cancelled"])
def test_one_that_ends_badly_twice_ends_the_pull(fault, fails, name):
    fault(name, times=2)
    fails(4, f"failed: {name.removeprefix('panel-').capitalize()}")


def test_a_status_that_is_not_known_is_told(fault, fails):
    fault("panel-lost")
    fails(5, "'Lost'")


def test_an_export_past_its_deadline_has_failed_whatever_its_log_says(fault, fails):
    fault("panel-past-deadline", times=2)
    fails(4, "past its deadline")


def test_an_export_that_never_ends_ends_with_the_time_for_a_pull(fault, fails, monkeypatch):
    monkeypatch.setattr(cli, "PATIENCE", replace(NOW_AND_QUICKLY, first_wait=99, deadline=10))
    fault("panel-never-ends", times=None)
    fails(4, "did not end within the 10 s")


def test_a_file_that_expired_or_is_gone_is_made_once_more(fault, whole):
    fault("panel-expired-file")
    assert "failed: Expired" in whole()


def test_a_file_that_is_gone_twice_ends_the_pull(fault, fails):
    fault("panel-gone-file", times=2)
    fails(4, "its file is gone")


@pytest.mark.parametrize("name", ["broken-off", "wrong-length", "503"])
def test_a_download_that_breaks_is_made_once_more(fault, whole, name):
    fault(name, on="files")
    whole()


def test_a_finished_export_without_a_file_is_no_export(fault, fails):
    fault("panel-no-file")
    fails(5, "names no file")


def test_an_export_that_is_under_way_is_waited_for(panel, whole, sandbox, monkeypatch):  # noqa: F811
    monkeypatch.setattr(panel, "seconds", 0.1)
    panel.begin(sandbox.application.world.bots["botA"], ["whatsapp"])
    whole()
    assert len(panel.tasks) == 2


def test_an_export_that_is_refused_for_another_is_asked_for_again(fault, whole):
    fault("panel-already-running", times=3)
    whole()


def test_another_export_for_ever_ends_with_the_time_for_a_pull(fault, fails, monkeypatch):
    monkeypatch.setattr(cli, "PATIENCE", replace(NOW_AND_QUICKLY, first_wait=99, deadline=10))
    fault("panel-already-running", times=None)
    fails(4, "Another export")


def test_a_role_that_hides_contacts_is_refused_with_both_numbers(panel, fails, sandbox):  # noqa: F811
    panel.hidden = {"botA": 3}
    fails(7, " of ", "People: View", "read as gone")


def test_a_role_that_changed_overnight_is_refused(fault, fails):
    fault("panel-role-changed", times=3)
    fails(7, "People: View")


def test_somebody_who_comes_between_the_two_counts_is_no_role(fault, whole):
    fault("panel-role-changed", times=2)
    whole()


def test_a_file_with_fewer_contacts_than_were_counted_is_refused_and_can_be_forced(
    fault, fails, run, query, monkeypatch
):
    monkeypatch.setenv("CHATFUEL_PANEL_CHANNELS", "facebook")
    fault("panel-fewer-rows")
    fails(7, "Chatfuel counted")
    assert run("reload", "--all", "--force").exit_code == 0
    assert query("select count(*) from pulls") == [(1,)]


def test_unauthorized_inside_a_200_says_where_a_token_is_made(fault, fails):
    fault("panel-unauthorized")
    fails(3, "/integration/auth/token", "trace t-401")


def test_an_error_one_level_deeper_is_found(fault, fails):
    fault("panel-nested-error", on="PanelAttributes")
    fails(3, "Unauthorized", "trace t-nested")


def test_a_permission_that_is_missing_is_named(fault, fails):
    fault("panel-no-permission")
    fails(3, "NotEnoughPermissions", "People: View")


def test_an_error_of_the_server_is_tried_again(fault, whole):
    fault("panel-broke-down", on="PanelAttributes")
    whole()


def test_what_is_refused_is_told_with_its_code_and_trace(fault, fails):
    fault("panel-unknown-attribute")
    fails(5, "SegmentIsInvalid", "trace t-1")


def test_a_bot_that_is_not_there_is_a_setting(fails, monkeypatch):
    monkeypatch.setenv("CHATFUEL_BOT_ID", "nobody@panel")
    fails(2, "CHATFUEL_BOT_ID")


def test_the_token_of_the_panel_is_another_and_is_not_sent_for_a_file(on_panel, tamper, monkeypatch, sandbox):  # noqa: F811
    monkeypatch.setenv("CHATFUEL_TOKEN", "of-the-dashboard")
    monkeypatch.setenv("CHATFUEL_PANEL_TOKEN", sandbox.token)
    asked = tamper(lambda request, response: response)
    assert on_panel().exit_code == 0
    sent = {request.path[1]: request.authorization for request in asked}
    assert sent == {"graphql": f"Bearer {sandbox.token}", "files": ""}
