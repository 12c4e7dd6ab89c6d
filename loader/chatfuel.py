"""The client for the API behind Chatfuel's dashboard."""

from __future__ import annotations

import json
import logging
import socket
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, suppress
from datetime import timedelta
from pathlib import Path
from threading import Timer
from time import monotonic
from typing import IO, Any, NamedTuple, TypeVar
from urllib.parse import urljoin, urlsplit

import msgspec
import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_random_exponential
from urllib3 import HTTPConnectionPool, Retry
from urllib3.exceptions import InvalidHeader, ReadTimeoutError

from loader.answers import CHANGED, SHAPES, Attribute, Document, Shape, parse, pick
from loader.errors import (
    AuthenticationError,
    ConfigurationError,
    ContractError,
    LoaderError,
    SourceUnavailableError,
)
from loader.logs import hide, progress, scrub
from loader.settings import Patience

USER_ID = "chatfuel user id"
# These columns begin every users export, asked for or not.
ALWAYS_SERVED = ("last seen", "page id")
# An audience is asked for when the broadcast has reached everyone, and before the answer has faded.
ASK_AFTER, ASK_BEFORE = timedelta(hours=1), timedelta(days=7)
# More fields in one request fail.
MOST_FIELDS = 1500

_EVERYONE = {"operation": "or", "parameters": []}
_QUERIES = Path(__file__).parent / "queries"
_PIECE = 1 << 18

log = logging.getLogger(__name__)
T = TypeVar("T")
# Opens the place where a download goes, empty: each attempt begins anew.
Sink = Callable[[], AbstractContextManager[IO[bytes]]]


class Answer(NamedTuple):
    """A JSON response: the body as served, and the part of it that matters."""

    body: bytes
    content: Any


class _TransientError(SourceUnavailableError):
    """A failure that another attempt may not meet."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class _Adapter(HTTPAdapter):
    """Keeps at hand what a request waits on, so that a wait can be ended: a server may trickle for ever."""

    def __init__(self) -> None:
        # The newest: an answer of no known length outlives its connection.
        self._sockets: deque[socket.socket] = deque(maxlen=4)
        super().__init__()

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> HTTPConnectionPool:
        pool = super().get_connection_with_tls_context(*arguments, **options)
        sockets = self._sockets

        class Connection(type(pool).ConnectionCls):
            def _new_conn(self) -> socket.socket:
                connected = super()._new_conn()
                # A second handle of the same: TLS takes the first one away. What falls out is closed.
                sockets.append(connected.dup())
                return connected

        pool.ConnectionCls = Connection
        return pool

    def end(self) -> None:
        """End every wait."""
        for watched in self._sockets:
            with suppress(OSError):
                watched.shutdown(socket.SHUT_RDWR)


class Chatfuel:
    """Chatfuel, for the length of one pull."""

    _name_parameter = "opName"
    _url_setting = "CHATFUEL_BASE_URL"
    _new_token = "from the dashboard (.env.example says how) and set CHATFUEL_TOKEN."  # noqa: S105

    def __init__(self, base_url: str, token: str, patience: Patience) -> None:
        """Prepare; nothing is sent. The base URL has no slash at its end."""
        self._base_url = base_url
        self._patience = patience
        self._deadline = monotonic() + patience.deadline
        self._reached = False
        self._proxy = select_proxy(base_url, get_environ_proxies(base_url))
        self._adapter = _Adapter()
        self._session = requests.Session()
        self._session.mount("http://", self._adapter)
        self._session.mount("https://", self._adapter)

        def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
            request.headers["Authorization"] = f"Bearer {token}"
            return request

        # A header of the session would be replaced by an entry of a .netrc file.
        self._session.auth = authorize
        self._alarm = Timer(patience.deadline, self._adapter.end)
        self._alarm.daemon = True
        self._alarm.start()

    def close(self) -> None:
        """Close the connections."""
        self._alarm.cancel()
        self._adapter.end()
        self._session.close()

    def attributes(self, bot_id: str) -> Answer:
        """Return the attribute catalogue.

        Raises:
            ConfigurationError: Chatfuel does not know the bot.
        """
        answer = self._query("AttributesQuery", {"botId": bot_id}, SHAPES["attributes"])
        if not answer.content:
            raise ContractError("Chatfuel lists no attribute at all. Look at the bot's dashboard.")
        return answer

    def segments(self, bot_id: str) -> Answer:
        """Return the segments."""
        return self._query("segments", {"botId": bot_id}, SHAPES["segments"])

    def block(self, bot_id: str, block_id: str) -> Answer:
        """Return a block with its audience filter; the content is ``None`` where there is none any more."""
        return self._query("BlockQuery", {"botId": bot_id, "blockId": block_id}, SHAPES["block_filters"])

    def scheduled_entries(self, bot_id: str) -> Answer:
        """Return the scheduled entries."""
        return self._get(f"/api/bots/{bot_id}/scheduled_entries", SHAPES["scheduled_entries"])

    def broadcast_stats(self, bot_id: str) -> Answer:
        """Return the results of the ten newest broadcasts, newest first."""
        path = f"/api/bots/{bot_id}/broadcast_stats"
        return self._get(path, SHAPES["broadcast_stats"], {"limit": "10", "from": ""})

    def download_users(
        self, bot_id: str, fields: Sequence[Attribute], sink: Sink, audience: Mapping[str, Any] | None = None
    ) -> None:
        """Download a users export, a CSV.

        Args:
            bot_id: The bot.
            fields: The columns; at most ``MOST_FIELDS``, none of ``ALWAYS_SERVED``.
            sink: Where it goes.
            audience: The filter of a block; none selects everyone.
        """
        variables = {
            "botId": bot_id,
            "params": {"fields": [msgspec.structs.asdict(field) for field in fields]},
            "filter": json.dumps(audience or _EVERYONE),
        }
        self._document("GenerateUsersDocument", variables, "generateUsersExportDocument", sink)

    def download_broadcasts(self, bot_id: str, sink: Sink) -> None:
        """Download the broadcast list, a CSV."""
        self._document(
            "GenerateBroadcastDocument", {"botId": bot_id}, "generateBroadcastExportDocument", sink
        )

    def _query(self, operation: str, variables: Mapping[str, Any], shape: Shape) -> Answer:
        return self._retry(operation, lambda: self._graphql(operation, variables, shape))

    def _get(self, path: str, shape: Shape, params: Mapping[str, str] | None = None) -> Answer:
        return self._retry(path, lambda: self._ask("GET", path, path, shape, params=params))

    def _document(self, operation: str, variables: Mapping[str, Any], field: str, sink: Sink) -> None:
        """Generate a document and download it; whatever breaks, the next attempt generates a new one."""

        def attempt() -> None:
            document = self._graphql(operation, variables, Shape(("data", field), Document)).content
            # Whoever knows the address may not need the token.
            hide(document.downloadUrl)
            try:
                url = urljoin(self._base_url + "/", document.downloadUrl)
                is_elsewhere = urlsplit(url)[:2] != urlsplit(self._base_url)[:2]
            except ValueError:
                raise ContractError(f"{operation}: the address of the download is none. Try again.") from None
            if is_elsewhere:
                raise ContractError(
                    f"{operation}: the download is at another host, where the token must not go."
                    " Update the loader."
                )
            what = f"download of {operation}"
            with closing(self._send("GET", url, what, may_expire=True)) as response, sink() as file:
                for piece in self._pieces(what, response, self._patience.most_export):
                    file.write(piece)

        self._retry(operation, attempt)

    def _graphql(self, operation: str, variables: Mapping[str, Any], shape: Shape) -> Answer:
        query = (_QUERIES / f"{operation}.graphql").read_text()
        request = {"operationName": operation, "variables": variables, "query": query}
        named = {self._name_parameter: operation}
        return self._ask("POST", "/graphql", operation, shape, params=named, json=request)

    def _ask(self, method: str, path: str, what: str, shape: Shape, **arguments: Any) -> Answer:
        with closing(self._send(method, self._base_url + path, what, **arguments)) as response:
            body = b"".join(self._pieces(what, response, self._patience.most_json))
        try:
            answer = parse(body, what)
        except ContractError:
            # Of a refused request, the status says more.
            self._check_status(what, response)
            raise
        # Errors beside data are fatal too: half an answer would look like mass deletion.
        if isinstance(answer, dict) and answer.get("errors"):
            raise self._error(what, answer["errors"])
        self._check_status(what, response)
        return Answer(body, pick(answer, shape, what)[1])

    def _error(self, operation: str, errors: Any) -> LoaderError:
        """Return what the errors of an answer mean."""
        errors = errors if isinstance(errors, list) else [errors]
        errors = [error if isinstance(error, dict) else {"message": error} for error in errors]
        codes = [
            error["extensions"].get("code") for error in errors if isinstance(error.get("extensions"), dict)
        ]
        message = "; ".join(" ".join(scrub(str(error.get("message"))).split())[:200] for error in errors)
        if "UNAUTHENTICATED" in codes or "FORBIDDEN" in codes:
            return AuthenticationError(
                f"Chatfuel refused the token ({operation}: {message}). Get a new token {self._new_token}"
            )
        if "NOT_FOUND" in codes:
            return ConfigurationError(f"Chatfuel: {message} ({operation}). Check CHATFUEL_BOT_ID.")
        return ContractError(f"Chatfuel answered {operation} with an error: {message}. {CHANGED}")

    def _send(
        self, method: str, url: str, what: str, *, may_expire: bool = False, **arguments: Any
    ) -> requests.Response:
        """Send one request and return the response, its body unread, if its status is good."""
        progress(what)
        patience = self._patience
        left = max(0.001, self._time_left())
        timeout = (min(patience.connect_timeout, left), min(patience.read_timeout, left))
        try:
            # A redirect to another host is followed without the token: requests sees to that.
            response = self._session.request(method, url, timeout=timeout, stream=True, **arguments)
        except ValueError:
            # Our own address was checked when it was read.
            if self._proxy and not self._reached:
                raise ConfigurationError(
                    "HTTPS_PROXY is no address. Set it to one like http://host:port, or not at all."
                ) from None
            raise ContractError(f"Chatfuel sent {what} to an address that is none. Try again.") from None
        except requests.RequestException as error:
            raise self._unreachable(what, error) from None
        except OSError as error:
            raise ConfigurationError(f"{error}. Set REQUESTS_CA_BUNDLE to a file that is there.") from None
        self._reached = True
        status = response.status_code
        # With 400, GraphQL says in the body what it refuses.
        if status < 300 or (status == 400 and method == "POST"):
            return response
        response.close()
        if status in (401, 403):
            raise AuthenticationError(
                f"Chatfuel refused the token ({what}: {status}). Get a new token {self._new_token}"
            )
        # A document that expired is gone, and the next attempt makes a new one.
        if status in (408, 429) or status >= 500 or (may_expire and status in (404, 410)):
            raise _TransientError(
                f"Chatfuel answered {status} to {what}. Try again later.",
                _seconds(response.headers.get("Retry-After", "")),
            )
        self._check_status(what, response)
        return response

    def _check_status(self, what: str, response: requests.Response) -> None:
        if response.status_code >= 300:
            raise ContractError(
                f"Chatfuel answered {response.status_code} to {what}. Check {self._url_setting}."
            )

    def _pieces(self, what: str, response: requests.Response, most: int) -> Iterator[bytes]:
        is_html = "text/html" in response.headers.get("Content-Type", "")
        size = 0
        try:
            for piece in response.iter_content(_PIECE):
                if not size and _is_page(piece, is_html):
                    raise AuthenticationError(
                        f"Chatfuel sent a web page instead of data ({what}): the token has expired."
                        f" Get a new token {self._new_token}"
                    )
                if self._time_left() <= 0:
                    raise self._too_late(what)
                size += len(piece)
                if size > most:
                    raise ContractError(
                        f"Chatfuel answered {what} with more than {most >> 20} MB. If that is right, raise"
                        " CHATFUEL_MAX_JSON_MB or CHATFUEL_MAX_EXPORT_MB."
                    )
                progress(what, size)
                yield piece
        except requests.RequestException as error:
            raise self._unreachable(what, error) from None
        # An answer of no known length looks whole when the wait for it was ended.
        if self._time_left() <= 0:
            raise self._too_late(what)

    def _retry(self, what: str, attempt: Callable[[], T]) -> T:
        patience = self._patience
        backoff = wait_random_exponential(patience.first_wait, patience.longest_wait)

        def wait(state: RetryCallState) -> float:
            return max(backoff(state), state.outcome.exception().retry_after)

        def give_up(state: RetryCallState) -> bool:
            attempts = patience.attempts if self._reached else patience.first_attempts
            return state.attempt_number >= attempts or state.upcoming_sleep >= self._time_left()

        def report(state: RetryCallState) -> None:
            if self._reached:
                message, seconds = state.outcome.exception().message, state.upcoming_sleep
                log.warning("%s Attempt %d; the next in %.0f s.", message, state.attempt_number, seconds)

        retrying = Retrying(
            retry=retry_if_exception_type(_TransientError),
            wait=wait,
            stop=give_up,
            before_sleep=report,
            reraise=True,
        )
        return retrying(attempt)

    def _time_left(self) -> float:
        return self._deadline - monotonic()

    def _too_late(self, what: str) -> SourceUnavailableError:
        return SourceUnavailableError(
            f"{what} did not end within the {self._patience.deadline:.0f} s for a pull. Try again later."
        )

    def _unreachable(self, what: str, error: requests.RequestException) -> SourceUnavailableError:
        if self._time_left() <= 0:
            return self._too_late(what)
        # In the middle of a body, requests calls silence a connection error.
        if any(isinstance(cause, requests.Timeout | ReadTimeoutError) for cause in (error, *error.args)):
            reason = "it was silent for too long"
        elif isinstance(error, requests.exceptions.ChunkedEncodingError):
            reason = "the connection broke off"
        elif isinstance(error, requests.exceptions.ContentDecodingError):
            reason = "its answer cannot be unpacked"
        elif isinstance(error, requests.exceptions.SSLError):
            is_certificate = "CERTIFICATE_VERIFY_FAILED" in str(error)
            reason = "its certificate is not trusted here" if is_certificate else "it does not speak HTTPS"
        else:
            reason = "no connection"
        host = urlsplit(self._base_url).netloc
        settings = f"{self._url_setting}, the proxy in HTTPS_PROXY" if self._proxy else self._url_setting
        return _TransientError(
            f"Cannot reach Chatfuel at {host} for {what}: {reason}."
            f" Check {settings} and the network, then try again."
        )


def _is_page(piece: bytes, is_html: bool) -> bool:
    """Return whether a body begins as a web page; some servers call everything one."""
    begin = piece.lstrip(b"\xef\xbb\xbf \t\r\n")
    is_data = begin.startswith((b"{", b"[")) or b"," in begin.partition(b"\n")[0]
    return begin.startswith(b"<") or (is_html and not is_data)


def _seconds(retry_after: str) -> float:
    """Return the seconds that a ``Retry-After`` header asks for, given as a number or as a date."""
    try:
        return Retry().parse_retry_after(retry_after)
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0
