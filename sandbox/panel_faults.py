"""Every way in which the panel can fail, beside those of ``sandbox.faults``, which it has too."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sandbox.faults import FAULTS, Call, Fault
from sandbox.messages import Response, expired_document, json_response
from sandbox.panel import error

_RUNNING = [{"type": "InProgress", "startedAt": 1577836800000}]
_FINISHED = [{"type": "Finished", "startedAt": 1577836800000}]
_LATER = "9999-01-01T00:00:00Z"


def _changed(change: Callable[[Any], None]) -> Callable[[Call], Response]:
    """Return a fault that changes an answer in JSON."""

    def befall(call: Call) -> Response:
        answer = json.loads(call.content()[1])
        change(answer["data"])
        return json_response(200, answer)

    return befall


def _task(**facts: Any) -> Callable[[Call], Response]:
    return _changed(lambda data: data["getTask"].update(facts))


def _ends(status: str) -> Callable[[Call], Response]:
    def change(data: Any) -> None:
        data["getTask"]["statuses"].insert(0, {"type": status, "startedAt": _LATER})

    return _changed(change)


def _hides(data: Any) -> None:
    data["bot"]["contactsCount"] //= 2


def _nested(call: Call) -> Response:
    inner = {"extensions": {"code": "Unauthorized", "traceId": "t-nested"}}
    outer = {"message": "Something broke", "extensions": {"errors": [inner]}}
    return json_response(200, {"errors": [outer], "data": None})


def _running(call: Call) -> Response:
    return error("Wait", "CSVContactExportAlreadyInProgress")


FAULTS |= {
    name: Fault(*fault)
    for name, fault in {
        "panel-unauthorized": (
            "`Unauthorized` inside a 200.", "panel", lambda call: error("Log in", "Unauthorized", "t-401")
        ),
        "panel-nested-error": ("The same, one level deeper.", "panel", _nested),
        "panel-no-permission": (
            "The role may not do this.", "PanelExport", lambda call: error("No", "NotEnoughPermissions")
        ),
        "panel-unknown-attribute": (
            "The export is refused for an attribute.",
            "PanelExport",
            lambda call: error("No", "SegmentIsInvalid"),
        ),
        "panel-broke-down": (
            "An error of the server inside a 200.", "panel", lambda call: error("Oops", "InternalServerError")
        ),
        "panel-role-changed": ("Half of the contacts are hidden.", "PanelContacts", _changed(_hides)),
        "panel-already-running": ("Another export is under way.", "PanelExport", _running),
        **{
            f"panel-{status.lower()}": (f"The export is {status}.", "PanelTask", _ends(status))
            for status in ("Failed", "Paused", "Cancelled", "Lost")
        },
        "panel-past-deadline": (
            "The export goes on after its deadline.",
            "PanelTask",
            _task(deadline="2020-01-01T00:00:00Z", statuses=_RUNNING),
        ),
        "panel-never-ends": (
            "The export goes on for ever.",
            "PanelTask",
            _task(deadline=None, statuses=_RUNNING),
        ),
        "panel-expired-file": (
            "The file of a finished export is expired.",
            "PanelTask",
            _task(data={"file": {"status": "Expired"}}, statuses=_FINISHED),
        ),
        "panel-no-file": (
            "A finished export has no file.", "PanelTask", _task(data=None, statuses=_FINISHED)
        ),
        "panel-gone-file": ("404: the file is gone.", "files", lambda call: expired_document()),
        "panel-fewer-rows": (
            "A file without its last tenth, whole as it seems.", "files", FAULTS["cut-at-line-end"].befall
        ),
    }.items()
}  # fmt: skip
