"""Secrets stay out of what is written to standard error."""

import logging

import pytest

from loader.errors import ContractError
from loader.logs import hide, log_to_stderr, scrub


@pytest.fixture
def log(monkeypatch):
    monkeypatch.setattr("loader.logs._hidden", set())
    hide("a-secret-token")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    log_to_stderr()
    yield logging.getLogger("loader.test")
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_message_is_scrubbed(log, capsys):
    log.info("token a-secret-token here")
    assert capsys.readouterr().err.endswith("INFO token *** here\n")


def test_arguments_are_scrubbed(log, capsys):
    log.warning("headers %s", {"Authorization": "Bearer a-secret-token"})
    assert "Bearer ***" in capsys.readouterr().err


def test_tracebacks_are_scrubbed(log, capsys):
    try:
        raise ValueError("at a-secret-token")
    except ValueError:
        log.exception("failed")
    error = capsys.readouterr().err
    assert "ValueError: at ***" in error
    assert "a-secret-token" not in error


def test_other_libraries_are_scrubbed(log, capsys):
    logging.getLogger("urllib3").warning("GET /a-secret-token")
    assert "GET /***" in capsys.readouterr().err


def test_the_error_of_a_command_is_scrubbed(log, capsys):
    ContractError("no a-secret-token").show()
    assert capsys.readouterr().err == "Error: no ***\n"


def test_a_secret_that_holds_another_is_scrubbed_whole(log):
    hide("a-secret-token-and-more")
    assert scrub("a-secret-token-and-more") == "***"


def test_what_is_too_short_to_be_a_secret_does_not_tear_words_apart(log):
    hide("ex")
    hide("")
    assert scrub("an example") == "an example"
