"""Takes from dbt, in this process, what it does anew in every build although nothing changed: a seventh of a build.

Each is a function of dbt 1.11 or of a library that it calls; dbt makes the same of what it gives.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import parsedatetime
import sqlparse
from dbt_common.clients.jinja import MacroFuzzEnvironment
from dbt_common.tests import enable_test_caching
from sqlparse.engine import FilterStack

_compile, _compiled = MacroFuzzEnvironment.compile, {}


def compile_once(environment: MacroFuzzEnvironment, source: str, *arguments: Any, **options: Any) -> Any:
    """Jinja's `compile` of a template's text: every build compiles the same models and hooks."""
    key = (type(environment), source, arguments, tuple(options.items()))
    if key not in _compiled:
        _compiled[key] = _compile(environment, source, *arguments, **options)
    return _compiled[key]


def tokens_of(sql: str) -> tuple:
    """`sqlparse.parse` without its grouping: dbt looks for the first `with`, to put ephemeral models behind it."""
    return tuple(FilterStack().run(sql, None))


MacroFuzzEnvironment.compile = compile_once
sqlparse.parse = tokens_of
# what a date looks like in a language: agate works it out anew for each answer of the warehouse
parsedatetime.Constants = cache(parsedatetime.Constants)
# dbt's own, for tests: what one parse has read of a macro, the next one knows
enable_test_caching()
