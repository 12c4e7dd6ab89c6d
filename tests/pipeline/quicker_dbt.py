"""Takes from dbt, in this process, what it does anew in every build although nothing changed, or for nobody.

Its own debug events and the contexts of its adapter's macros are a sixth of a run, the rest a seventh of a build. Each is
a function of dbt 1.11 or of a library that it calls; dbt makes the same of what it gives.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any

import dbt.cli.requires
import parsedatetime
import sqlparse
from dbt_common.clients.jinja import MacroFuzzEnvironment
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager
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


_fill, _fire = BaseEvent.__init__, EventManager.fire_event


def postpone(event: BaseEvent, *arguments: Any, **facts: Any) -> None:
    """An event's beginning: a message of protobuf is made of its facts when somebody reads them."""
    vars(event)["_facts"] = arguments, facts


def message(event: BaseEvent) -> Any:
    """That message."""
    arguments, facts = vars(event)["_facts"]
    _fill(event, *arguments, **facts)
    return vars(event)["pb_msg"]


def fire_what_is_heard(
    manager: EventManager, event: BaseEvent, level: EventLevel | None = None, *rest: Any, **options: Any
) -> None:
    """`EventManager.fire_event`: of what dbt says for its own log, tests hear the statements alone."""
    if (level or event.level_tag()) is not EventLevel.DEBUG or type(event).__name__ == "SQLQuery":
        _fire(manager, event, level, *rest, **options)


_make_context, _contexts = dbt.cli.requires.generate_runtime_macro_context, {}


def context_once(macro: Any, config: Any, manifest: Any, package: str | None) -> dict[str, Any]:
    """What a macro of the adapter knows: the same each time that a command calls it."""
    if _contexts.get("of") is not manifest:
        _contexts.clear()
        _contexts["of"] = manifest
    key = macro.unique_id, package
    if key not in _contexts:
        _contexts[key] = _make_context(macro, config, manifest, package)
    return _contexts[key]


MacroFuzzEnvironment.compile = compile_once
dbt.cli.requires.generate_runtime_macro_context = context_once
BaseEvent.__init__, BaseEvent.pb_msg, EventManager.fire_event = (
    postpone,
    cached_property(message),
    fire_what_is_heard,
)
vars(BaseEvent)["pb_msg"].__set_name__(BaseEvent, "pb_msg")
sqlparse.parse = tokens_of
# what a date looks like in a language: agate works it out anew for each answer of the warehouse
parsedatetime.Constants = cache(parsedatetime.Constants)
# dbt's own, for tests: what one parse has read of a macro, the next one knows
enable_test_caching()
