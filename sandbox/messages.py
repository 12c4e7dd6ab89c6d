"""What comes in and what goes out, whatever it is about."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

_LOGIN_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>Log in</title></head><body>Log in to Chatfuel.</body></html>\n"
)


@dataclass(frozen=True)
class Request:
    """A request as the application sees it. ``path`` is split at its slashes, empty parts left out."""

    method: str
    path: tuple[str, ...]
    query: dict[str, str]
    authorization: str
    body: bytes


@dataclass
class Response:
    """What goes back.

    Bytes go out with their length, unless ``headers`` claim another one. A body that is not bytes is
    streamed, in chunked encoding; if it raises ``ConnectionError``, the connection is closed where it is.
    """

    status: int
    body: bytes | Iterable[bytes]
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


def json_response(status: int, content: object) -> Response:
    """Return a response of JSON."""
    return Response(status, json.dumps(content, ensure_ascii=False).encode())


def unauthorized() -> Response:
    """Return what GraphQL and the JSON endpoints say to a wrong token."""
    return json_response(401, {"error": "Unauthorized", "message": "The token is wrong or expired."})


def login_page() -> Response:
    """Return what a download says to a wrong token."""
    return Response(200, _LOGIN_PAGE, "text/html; charset=utf-8")


def expired_document() -> Response:
    """Return what a download says when its document is no more."""
    return json_response(404, {"error": "Document not found", "message": "It expired; generate a new one."})
