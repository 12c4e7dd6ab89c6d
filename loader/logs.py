"""Logs go to standard error, without secrets: whatever was hidden never shows, in a traceback neither."""

from __future__ import annotations

import json
import logging
import re
import sys
from contextlib import nullcontext, suppress
from datetime import UTC, datetime

import click

_hidden: set[str] = set()
# Those that steer a terminal, and those that turn the direction of writing; line ends and tabs stay.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def hide(secret: str) -> None:
    """Make sure that a secret (a token, the address of a download) never shows in a log or a message."""
    # What is shorter is no secret, and would tear words apart.
    if len(secret) >= 8:
        _hidden.add(secret)


def scrub(text: str) -> str:
    """Return the text with every hidden value replaced, and nothing that a terminal would obey."""
    text = _CONTROL.sub("", text)
    # The longest first: a secret may be a part of another one.
    for secret in sorted(_hidden, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


class _Formatter(logging.Formatter):
    def __init__(self, is_json: bool) -> None:
        super().__init__("%(message)s" if is_json else "%(asctime)s %(levelname)s %(message)s")
        self.is_json = is_json

    def format(self, record: logging.LogRecord) -> str:
        # The finished text, so that arguments and tracebacks are covered too.
        text = scrub(super().format(record))
        if not self.is_json:
            return text
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds")
        line = {"time": time, "level": record.levelname, "logger": record.name, "message": text}
        return json.dumps(line, ensure_ascii=False)


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(self.format(record), err=True)


def progress(what: str = "", size: int = 0) -> None:
    """Tell on a terminal what is under way, and its bytes, in place of what was told before."""
    if sys.stderr and sys.stderr.isatty():
        done = f" {size >> 20:,} MB" if size else ""
        # To the begin of the line, which is cleared.
        click.echo(f"\r\x1b[K{what}{done}", nl=False, err=True)


def say(text: str, *, err: bool = False) -> None:
    """Print a line, in place of the progress."""
    # Where nobody can read what went wrong, the exit code tells it.
    with suppress(OSError) if err else nullcontext():
        progress()
        click.echo(text, err=err)


def show_error(message: str) -> None:
    """Tell a failure on standard error: a line for people, or a line of the log if that is JSON."""
    if any(getattr(handler.formatter, "is_json", False) for handler in logging.getLogger().handlers):
        logging.getLogger("loader").error(message)
    else:
        say(f"Error: {scrub(message)}", err=True)


def log_to_stderr(log_format: str = "text") -> None:
    """Send the loader's log, and warnings of the libraries, to standard error; as ``text`` or ``json``."""
    handler = _Handler()
    handler.setFormatter(_Formatter(is_json=log_format == "json"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("loader").setLevel(logging.INFO)
