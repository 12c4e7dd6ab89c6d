"""The emulator's own command line. It parses every statement some twenty times: here, once."""

from __future__ import annotations

import gc
from functools import lru_cache
from typing import Any

from bqemulator.cli import main
from sqlglot.dialects.dialect import Dialect

POSITIONS = ("line", "col", "start", "end")
_parse = Dialect.parse


@lru_cache(maxsize=64)
def _parsed(dialect: type[Dialect], sql: str, options: tuple) -> list:
    found = _parse(dialect(), sql, **dict(options))
    for node in (node for expression in found if expression for node in expression.walk()):
        # where it stood in the text, and beside which comments: it takes longer to copy than the rest
        meta = {name: value for name, value in node.meta.items() if name not in POSITIONS}
        node._meta = meta or None
        node.comments = None
    return found


def parse(dialect: Dialect, sql: str, **options: Any) -> list:
    """Copies of what the statement was parsed to, for who asked may alter them."""
    if dialect.settings:
        return _parse(dialect, sql, **options)
    found = _parsed(type(dialect), sql, tuple(sorted(options.items())))
    return [expression and expression.copy() for expression in found]


if __name__ == "__main__":
    # trees of statements, all short-lived: with Python's own threshold the collector takes a third of the time
    gc.set_threshold(200_000, 10, 10)
    Dialect.parse = parse
    main()
