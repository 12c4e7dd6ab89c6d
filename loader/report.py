"""What ``report`` tells, of ``rpt_chatfuel__health`` and ``rpt_chatfuel__unusual_days``, and to a webhook."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import requests

from loader.errors import LoaderError
from loader.landing import Landing
from loader.logs import scrub
from loader.warehouse import Warehouse

_FAILING = PurePosixPath("failing.txt")
_LATELY = timedelta(days=7)
_WORST = 3


class Report(NamedTuple):
    """Pairs of subject and state, the sum of it first; and what somebody should look at, if anything."""

    lines: list[tuple[str, str]]
    problems: list[str]


def make_report(warehouse: Warehouse, failed: str | None) -> Report:
    """Find out how pipeline and data are. Nothing is raised: what cannot be read is a problem too.

    So is what ``failed``, as a scheduler saw it.
    """
    lines, problems = [], [f"{failed} failed"] if failed else []
    try:
        lines, found = _state(warehouse)
        problems += found
    except LoaderError as error:
        problems.append(scrub(error.message))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        # The views of another version. They keep no alarm back.
        problems.append(f"the tables are of another version ({error!r}): run `dbt build`")
    return Report([("Pipeline", "; ".join(problems) or "well"), *lines], problems)


def _state(warehouse: Warehouse) -> tuple[list[tuple[str, str]], list[str]]:
    lines, problems = [], []
    pulled_at = {pull["bot_id"]: pull["pulled_at"] for pull in warehouse.committed_pulls()}
    checks = sorted(warehouse.mart("rpt_chatfuel__health"), key=itemgetter("bot_id", "check_number"))
    if not checks:
        problems.append("nothing is built yet: run `dbt build`" if pulled_at else "nothing was ever pulled")
    unusual = warehouse.mart("rpt_chatfuel__unusual_days")
    unusual.sort(key=lambda day: (-abs(day["spreads_off"]), day["date"], day["kpi"]))
    for bot_id, of_bot in groupby(checks, itemgetter("bot_id")):
        lines.append(("Bot", bot_id))
        for check in of_bot:
            lines.append((check["subject"], check["state"]))
            if check["is_problem"]:
                problems.append(f"{check['subject']} of bot {bot_id}: {check['state']}. {check['remedy']}")
        # A bot whose pulls were removed is in the marts until they are rebuilt.
        since = pulled_at[bot_id].date() - _LATELY if bot_id in pulled_at else date.max
        days = [day for day in unusual if day["bot_id"] == bot_id and day["date"] > since]
        lines += [("Unusual", _told(day)) for day in days[:_WORST]]
    return lines, problems


def _told(day: dict[str, Any]) -> str:
    sent = day["nearest_broadcast_at"]
    return (
        f"{day['date']}: {day['users']} {day['kpi'].replace('_', ' ')}, "
        f"{day['expected_from']:.0f} to {day['expected_to']:.0f} were to be expected"
        + (f"; broadcast at {sent:%Y-%m-%d %H:%M} UTC" if sent else "")
    )


def tell(url: str, report: Report, landing: Landing) -> None:
    """Tell a webhook, in the shape that Slack takes, of a failure, and once of the recovery.

    The landing zone remembers that a failure was told.

    Raises:
        LoaderError: The webhook did not take it.
    """
    try:
        was_told = landing.exists(_FAILING)
    except (LoaderError, OSError):
        # A landing zone that cannot be read keeps no alarm back.
        was_told = False
    if not report.problems and not was_told:
        return
    head = "Chatfuel pipeline: it failed" if report.problems else "Chatfuel pipeline: well again"
    text = "\n".join([head, *(f"{subject}: {state}" for subject, state in report.lines)])
    try:
        requests.post(url, json={"text": text}, timeout=30).raise_for_status()
    # An address that is none is a ValueError, now of requests, now of what it builds on.
    except (requests.RequestException, ValueError) as error:
        answer = getattr(error, "response", None)
        reason = type(error).__name__ if answer is None else f"status {answer.status_code}"
        raise LoaderError(
            f"The webhook did not take the report: {reason}. Check CHATFUEL_WEBHOOK_URL."
        ) from None
    if report.problems:
        landing.write(_FAILING, text)
    else:
        landing.remove(_FAILING)
