"""What ``report`` tells: the rows of ``rpt_chatfuel__health``, and what a webhook hears of them."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import NamedTuple

import requests

from loader.errors import LoaderError
from loader.landing import Landing
from loader.logs import scrub
from loader.warehouse import Warehouse

_FAILING = PurePosixPath("failing.txt")


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
        checks = sorted(warehouse.health(), key=lambda check: (check["bot_id"], check["check_number"]))
        if not checks:
            is_pulled = bool(warehouse.committed_pulls())
            problems.append(
                "nothing is built yet: run `dbt build`" if is_pulled else "nothing was ever pulled"
            )
    except LoaderError as error:
        checks = []
        problems.append(scrub(error.message))
    for check in checks:
        if check["bot_id"] not in (state for _, state in lines):
            lines.append(("Bot", check["bot_id"]))
        lines.append((check["subject"], check["state"]))
        if check["is_problem"]:
            problems.append(
                f"{check['subject']} of bot {check['bot_id']}: {check['state']}. {check['remedy']}"
            )
    return Report([("Pipeline", "; ".join(problems) or "well"), *lines], problems)


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
