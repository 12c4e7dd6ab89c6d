"""Whatever Chatfuel does, a pull is whole or it is nothing: no answer, one that is late, or broke off."""

from dataclasses import replace

import pytest

from loader import cli
from tests.loader.conftest import NOW_AND_QUICKLY
from tests.loader.faults.conftest import count

# The token


@pytest.mark.parametrize("on", ["AttributesQuery", "users", "broadcast_stats"])
def test_a_refused_token_is_final(fault, fails, asked, on):
    fault("401", on=on)
    fails(3, "CHATFUEL_TOKEN")
    assert count(asked, on) == 1


@pytest.mark.parametrize("on", ["AttributesQuery", "users", "broadcast_stats"])
def test_a_login_page_with_200_is_an_expired_token(fault, fails, asked, on):
    fault("login-page", on=on)
    fails(3, "the token has expired")
    assert count(asked, on) == 1


def test_a_graphql_error_may_say_that_the_token_is_wrong(fault, fails):
    fault("graphql-error-code", on="segments")
    fails(3, "CHATFUEL_TOKEN")


# GraphQL


@pytest.mark.parametrize(
    "on",
    ["AttributesQuery", "GenerateUsersDocument", "segments", "GenerateBroadcastDocument", "BlockQuery"],
)
def test_a_graphql_error_in_one_request_is_final(fault, fails, asked, on):
    fault("graphql-error", on=on)
    fails(5, f"{on} with an error: Something broke")
    assert count(asked, on) == 1


@pytest.mark.parametrize("on", ["AttributesQuery", "GenerateUsersDocument", "segments"])
def test_a_graphql_error_beside_data_is_final(fault, fails, asked, on):
    fault("graphql-error-beside-data", on=on)
    fails(5, f"{on} with an error: Something broke")
    assert count(asked, on) == 1


def test_an_export_refused_for_its_many_fields_is_final(fault, fails):
    fault("too-many-fields", after=1)
    fails(5, "too many fields")


# Busy


@pytest.mark.parametrize(
    ("name", "on"),
    [
        ("429", "segments"),
        ("429-date", "users"),
        ("500", "broadcast_stats"),
        ("502", "segments"),
        ("503", "users"),
        ("504", "broadcast_stats"),
    ],
)
def test_a_burst_shorter_than_the_attempts_is_outlived(fault, whole, asked, name, on):
    undisturbed = {"segments": 1, "users": 5, "broadcast_stats": 1}[on]
    fault(name, on=on, times=NOW_AND_QUICKLY.attempts - 1, seconds=0)
    whole()
    assert count(asked, on) == undisturbed + NOW_AND_QUICKLY.attempts - 1


def test_a_burst_as_long_as_the_attempts_is_not(fault, fails, asked):
    fault("503", on="segments", times=NOW_AND_QUICKLY.attempts)
    fails(4, "503 to segments")
    assert count(asked, "segments") == NOW_AND_QUICKLY.attempts


def test_one_export_that_cannot_be_had_is_no_pull(fault, fails):
    fault("503", on="users", after=2, times=None)
    fails(4, "503 to download of GenerateUsersDocument")


@pytest.mark.parametrize("name", ["429", "429-date"])
def test_a_retry_after_beyond_the_deadline_is_not_waited_for(fault, fails, asked, name):
    fault(name, on="segments", seconds=3600)
    fails(4, "429 to segments")
    assert count(asked, "segments") == 1


# Slow and silent


def test_slow_answers_are_waited_for(fault, whole, asked):
    fault("slow", seconds=0.1, times=None)
    whole()
    assert count(asked, "users") == 5


def test_a_download_that_trickles_is_waited_for(fault, whole, asked):
    fault("trickle", on="users", seconds=0.005)
    whole()
    assert count(asked, "users") == 5


def test_a_download_that_trickles_ends_at_the_deadline(fault, fails, monkeypatch):
    monkeypatch.setattr(cli, "PATIENCE", replace(NOW_AND_QUICKLY, deadline=1.5))
    fault("trickle", on="users", seconds=0.2)
    fails(4, "download of GenerateUsersDocument did not end within")


@pytest.mark.parametrize("name", ["stalled", "stalled-midway"])
@pytest.mark.parametrize("on", ["segments", "users"])
def test_a_stalled_connection_is_left_and_asked_anew(fault, whole, asked, monkeypatch, name, on):
    undisturbed = {"segments": 1, "users": 5}[on]
    monkeypatch.setattr(cli, "PATIENCE", replace(NOW_AND_QUICKLY, read_timeout=1))
    fault(name, on=on)
    whole()
    assert count(asked, on) == undisturbed + 1


def test_a_server_that_never_answered_is_given_up_sooner(fault, fails, asked, monkeypatch):
    monkeypatch.setattr(cli, "PATIENCE", replace(NOW_AND_QUICKLY, read_timeout=0.1))
    fault("stalled", times=None)
    fails(4, "silent for too long")
    assert count(asked, "AttributesQuery") == NOW_AND_QUICKLY.first_attempts


def test_an_answer_that_stalls_every_time_is_given_up(fault, fails, asked, monkeypatch):
    monkeypatch.setattr(cli, "PATIENCE", replace(NOW_AND_QUICKLY, read_timeout=0.3))
    fault("stalled-midway", on="AttributesQuery", times=None)
    fails(4, "silent for too long")
    assert count(asked, "AttributesQuery") == NOW_AND_QUICKLY.attempts


# Broken off


@pytest.mark.parametrize("name", ["broken-off", "wrong-length"])
@pytest.mark.parametrize("on", ["AttributesQuery", "scheduled_entries"])
def test_an_answer_that_broke_off_is_asked_for_again(fault, whole, asked, name, on):
    fault(name, on=on)
    whole()
    assert count(asked, on) == 2


@pytest.mark.parametrize("name", ["broken-off", "wrong-length", "expired-document", "gone-document"])
@pytest.mark.parametrize("on", ["users", "broadcasts"])
def test_a_download_that_broke_off_or_expired_is_generated_anew(fault, whole, asked, name, on):
    fault(name, on=on)
    whole()
    downloads = [request.path for request in asked if request.path[0] == "export"]
    assert len(downloads) == len(set(downloads)) == 5 + 1 + 1


@pytest.mark.parametrize(
    ("name", "gist"),
    [
        ("broken-off", "the connection broke off"),
        ("wrong-length", "the connection broke off"),
        ("expired-document", "404 to download of GenerateUsersDocument"),
        ("gone-document", "410 to download of GenerateUsersDocument"),
    ],
)
def test_a_download_that_breaks_off_or_expires_every_time_is_given_up(fault, fails, asked, name, gist):
    fault(name, on="users", times=None)
    fails(4, gist)
    assert count(asked, "users") == NOW_AND_QUICKLY.attempts
