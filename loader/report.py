"""What ``report`` tells, of ``rpt_chatfuel__health`` and ``rpt_chatfuel__unusual_days``, and to a webhook."""

from __future__ import annotations

from datetime import timedelta
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

    Args:
        warehouse: Whose state it is.
        failed: What a scheduler saw fail, or None.
    """
    lines, problems = [], [f"{failed} failed"] if failed else []
    try:
        checks = warehouse.mart("rpt_chatfuel__health")
        pulled_at = {pull["bot_id"]: pull["pulled_at"] for pull in warehouse.committed_pulls()}
        if not checks:
            problems.append(
                "nothing is built yet: run `dbt build`" if pulled_at else "nothing was ever pulled"
            )
        unusual = [
            day
            for day in warehouse.mart("rpt_chatfuel__unusual_days")
            # a bot whose pulls were removed is in the marts until they are rebuilt
            if day["bot_id"] in pulled_at and day["date"] > pulled_at[day["bot_id"]].date() - _LATELY
        ]
    except LoaderError as error:
        checks, unusual = [], []
        problems.append(scrub(error.message))
    for bot_id in sorted({check["bot_id"] for check in checks}):
        lines.append(("Bot", bot_id))
        for check in sorted(checks, key=lambda check: check["check_number"]):
            if check["bot_id"] != bot_id:
                continue
            lines.append((check["subject"], check["state"]))
            if check["is_problem"]:
                problems.append(f"{check['subject']} of bot {bot_id}: {check['state']}. {check['remedy']}")
        days = [day for day in unusual if day["bot_id"] == bot_id]
        days.sort(key=lambda day: (-abs(day["spreads_off"]), day["date"], day["kpi"]))
        lines += [("Unusual", _told(day)) for day in days[:_WORST]]
    return Report([("Pipeline", "; ".join(problems) or "well"), *lines], problems)


def _told(day: dict[str, Any]) -> str:
    sent = day["nearest_broadcast_at"]
    return (
        f"{day['date']}: {day['users']} {day['kpi'].replace('_', ' ')}, "
        f"{day['expected_from']:.0f} to {day['expected_to']:.0f} were to be expected"
        + (f"; broadcast at {sent:%Y-%m-%d %H:%M} UTC" if sent else "")
    )


def tell(url: str, report: Report, landing: Landing) -> None:
    """Tell a webhook, in the shape that Slack takes, of a failure, and once of the recovery.

    Args:
        url: The webhook.
        report: What it is about.
        landing: Remembers that a failure was told.

    Raises:
        LoaderError: The webhook did not take it.
    """
    try:
        was_told = landing.exists(_FAILING)
    except LoaderError:
        # A landing zone that cannot be read keeps no alarm back.
        was_told = False
    if not report.problems and not was_told:
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
