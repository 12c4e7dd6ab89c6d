"""Logs go to standard error, without secrets: whatever was hidden never shows, in a traceback neither."""

from __future__ import annotations

import logging

import click

_hidden: set[str] = set()


def hide(secret: str) -> None:
    """Make sure that a secret (a token, the address of a download) never shows in a log or a message."""
    # What is shorter is no secret, and would tear words apart.
    if len(secret) >= 8:
        _hidden.add(secret)


def scrub(text: str) -> str:
    """Return the text with every hidden value replaced."""
    # The longest first: a secret may be a part of another one.
    for secret in sorted(_hidden, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        # The finished text, so that arguments and tracebacks are covered too.
        return scrub(super().format(record))


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        # Looks standard error up at every call: a progress bar puts its own in its place.
        click.echo(self.format(record), err=True)


def log_to_stderr() -> None:
    """Send the loader's log, and warnings of the libraries, to standard error."""
    handler = _Handler()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("loader").setLevel(logging.INFO)
