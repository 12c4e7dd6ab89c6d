"""The state of pipeline and data, for people: what the ledger says, and what dbt made and found last."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import requests

from loader.errors import LoaderError
from loader.landing import Landing
from loader.logs import scrub
from loader.warehouse import Warehouse

_FAILING = PurePosixPath("failing.txt")
_MOMENT = "%Y-%m-%d %H:%M UTC"
_MOST_NAMED = 5


class Report(NamedTuple):
    """What is shown.

    Attributes:
        lines: Pairs of subject and state, the sum of it first.
        problems: What somebody should look at; empty if all is well.
    """

    lines: list[tuple[str, str]]
    problems: list[str]


class _Dbt:
    """What dbt's artifacts tell: of which build, where the tables are, how the tests went."""

    def __init__(self, target: Path) -> None:
        self._manifest = _json(target / "manifest.json")
        self._results = _json(target / "run_results.json")

    def relation(self, model: str) -> str | None:
        return self._manifest.get("nodes", {}).get(f"model.chatfuel.{model}", {}).get("relation_name")

    @property
    def latest_pull_may_be(self) -> timedelta | None:
        """The age of a ledger that source freshness warns of."""
        ledger = self._manifest.get("sources", {}).get("source.chatfuel.chatfuel.pulls")
        if not ledger:
            return None
        limit = ledger["freshness"]["warn_after"]
        return timedelta(**{f"{limit['period']}s": limit["count"]})

    def tests(self) -> tuple[str, list[str]]:
        """Return how the last command's tests went, and what failed in it, whatever it was."""
        if not self._results:
            return "dbt has not run here", []
        failed = []
        passed: Counter[str] = Counter()
        for result in self._results["results"]:
            kind, _, name, *_ = result["unique_id"].split(".")
            if result["status"] in ("fail", "error", "runtime error"):
                failed.append(name)
            elif kind in ("test", "unit_test"):
                passed[result["status"]] += 1
        at = datetime.fromisoformat(self._results["metadata"]["generated_at"]).strftime(_MOMENT)
        command = self._results["args"].get("which", "?")
        counts = f"{passed['pass']} passed, {passed['warn']} warned, {len(failed)} failed"
        return f"{counts} (dbt {command}, {at})", failed


def make_report(warehouse: Warehouse, target: Path, now: datetime, failed: str | None) -> Report:
    """Find out how pipeline and data are. Nothing is raised: what cannot be read is a problem too.

    Args:
        warehouse: Whose state it is.
        target: The folder where dbt left what it did last; it may be missing.
        now: The moment, UTC.
        failed: What a scheduler saw fail, or None.
    """
    dbt = _Dbt(target)
    try:
        dbt.tests(), dbt.latest_pull_may_be, [dbt.relation(model) for model in _QUERIES]
    except (KeyError, TypeError, ValueError, AttributeError):
        # Of another shape than dbt's: as if there were none.
        dbt = _Dbt(Path(os.devnull))
    lines: list[tuple[str, str]] = []
    problems = [f"{failed} failed"] if failed else []
    try:
        ledger = warehouse.committed_pulls()
        rows = {
            model: warehouse.read(query.format(relation)) if (relation := dbt.relation(model)) else []
            for model, query in _QUERIES.items()
        }
    except LoaderError as error:
        ledger, rows = [], {}
        problems.append(scrub(error.message))
    bots = sorted({row["bot_id"] for row in ledger})
    if not bots and not problems:
        problems.append("nothing was ever pulled")
    for bot_id in bots:
        mine = {model: [row for row in found if row["bot_id"] == bot_id] for model, found in rows.items()}
        pulls = [row for row in ledger if row["bot_id"] == bot_id]
        lines += _of_bot(bot_id, pulls, mine, now, dbt.latest_pull_may_be, problems)
    tests, failures = dbt.tests()
    lines.append(("Tests", tests))
    if failures:
        problems.append(f"dbt: {_named(failures)} failed")
    return Report([("Pipeline", "; ".join(problems) or "well"), *lines], problems)


# What is asked of each model; constants prune nothing here, for the models are small.
_QUERIES = {
    "rpt_chatfuel__pulls": (
        "select * from {} qualify row_number() over (partition by bot_id order by pulled_at desc) = 1"
    ),
    "rpt_chatfuel__missed_days": "select bot_id, date from {} where not is_known order by date",
    "fct_chatfuel__daily_kpi_values": (
        "select bot_id, date, kpi, users from {} where pull_count > 0"
        " qualify date = max(date) over (partition by bot_id) order by kpi"
    ),
}


def _of_bot(
    bot_id: str,
    pulls: Sequence[Mapping[str, Any]],
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    now: datetime,
    may_be: timedelta | None,
    problems: list[str],
) -> list[tuple[str, str]]:
    last, before = pulls[-1], pulls[-2] if len(pulls) > 1 else None
    pulled_at = last["pulled_at"].replace(tzinfo=UTC)
    age = now - pulled_at
    built = rows["rpt_chatfuel__pulls"]
    is_built = bool(built) and built[0]["pull_id"] == last["pull_id"]
    if may_be and age > may_be:
        problems.append(f"no pull of bot {bot_id} for {_hours(age)}")
    missed = [str(row["date"]) for row in rows["rpt_chatfuel__missed_days"]]
    if missed:
        problems.append(f"missed days of bot {bot_id}: {len(missed)} that known_gaps does not list")

    def drift(column: str) -> str:
        change = f" ({last[column] - before[column]:+,} since the pull before)" if before else ""
        return f"{last[column]:,}{change}"

    kpis = rows["fct_chatfuel__daily_kpi_values"]
    lines = [
        ("Bot", bot_id),
        (
            "Last pull",
            f"{pulled_at:{_MOMENT}}, {_hours(age)} ago, {'built' if is_built else 'not built yet'}",
        ),
        ("Missed days", _named(missed) or "none"),
        ("Users", drift("users_rows")),
        ("Attributes", drift("attributes_rows")),
        ("Values", drift("user_attributes_rows")),
    ]
    if is_built:
        lines[4] = (
            "Attributes",
            f"{drift('attributes_rows')}, {built[0]['attributes_added'] or 0} added,"
            f" {built[0]['attributes_retired'] or 0} retired",
        )
        lines.append(("Events", f"{built[0]['attribute_events']:,} of attributes in the last pull"))
    if kpis:
        values = ", ".join(f"{row['kpi']} {row['users']:,}" for row in kpis if row["users"])
        lines.append(("KPIs", f"{kpis[0]['date']}: {values or 'all 0'}"))
    return lines


def tell(url: str, report: Report, landing: Landing) -> None:
    """Tell a webhook, in the shape that Slack takes, of a failure, and once of the recovery.

    Args:
        url: The webhook.
        report: What it is about.
        landing: Remembers that a failure was told.

    Raises:
        LoaderError: The webhook did not take it.
    """
    if not report.problems and not landing.exists(_FAILING):
        return
    head = "Chatfuel pipeline: it failed" if report.problems else "Chatfuel pipeline: well again"
    text = "\n".join([head, *(f"{subject}: {state}" for subject, state in report.lines)])
    try:
        requests.post(url, json={"text": text}, timeout=30).raise_for_status()
    except requests.RequestException as error:
        reason = type(error).__name__ if error.response is None else f"status {error.response.status_code}"
        raise LoaderError(
            f"The webhook did not take the report: {reason}. Check CHATFUEL_WEBHOOK_URL."
        ) from None
    if report.problems:
        landing.write(_FAILING, text)
    else:
        landing.remove(_FAILING)


def _json(path: Path) -> dict[str, Any]:
    """Return an artifact; nothing, if it is not there or cut: the alarm goes out whatever is broken."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _hours(age: timedelta) -> str:
    hours = int(age.total_seconds() // 3600)
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
