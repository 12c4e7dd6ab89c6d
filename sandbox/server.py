"""The HTTP side of the sandbox.

Every request becomes a ``Request``, goes through ``Application.respond`` and comes back as a ``Response``,
whose body may be a stream. What goes wrong on demand is in ``sandbox.faults``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, islice
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from sandbox import broadcasts, panel_faults  # noqa: F401
from sandbox.bot import Bot
from sandbox.clock import iso, moment
from sandbox.faults import FaultError, Faults
from sandbox.messages import Request, Response, expired_document, json_response, login_page, unauthorized
from sandbox.options import Options
from sandbox.panel import Panel
from sandbox.schema import dashboard
from sandbox.world import DayError, World

_EVENTS_A_PIECE = 1000


class Application:
    """Routes requests to the world."""

    def __init__(self, options: Options) -> None:
        self.world = World(options)
        self.faults = Faults()
        self._authorization = f"Bearer {options.token}"
        self._dashboard = dashboard(self.world)
        self.panel = Panel(self.world, options.token, options.document_seconds)

    def respond(self, request: Request) -> Response:
        """Answer one request."""
        if request.path[:1] == ("_sandbox",):
            return self._control(request)
        return self.faults.respond(request, self._chatfuel)

    def _chatfuel(self, request: Request) -> Response:
        authorized = request.authorization == self._authorization
        match request.method, *request.path:
            case _, "panel", *_:
                return self.panel.respond(request)
            case "GET", "export", _, _, _:
                return self._download("/" + "/".join(request.path)) if authorized else login_page()
            case _, "graphql" | "api", *_ if not authorized:
                return unauthorized()
            case "POST", "graphql":
                return self._graphql(request)
            case _, "graphql":
                return json_response(405, {"error": "Method not allowed", "message": "POST the query."})
            case "GET", "api", "bots", bot_id, "scheduled_entries" | "broadcast_stats" as kind:
                bot = self.world.bots.get(bot_id)
                if bot is None:
                    return json_response(404, {"error": "Bot not found"})
                with self.world.lock:
                    return (
                        self._entries(bot)
                        if kind == "scheduled_entries"
                        else self._results(bot, request.query)
                    )
        return json_response(404, {"error": "Not found"})

    def _graphql(self, request: Request) -> Response:
        try:
            body = json.loads(request.body)
            query, variables, name = body["query"], body.get("variables"), body.get("operationName")
        except (ValueError, KeyError, TypeError, AttributeError):
            return json_response(400, {"errors": [{"message": "The body must be JSON with a query."}]})
        if (
            not isinstance(query, str)
            or not isinstance(variables, dict | None)
            or not isinstance(name, str | None)
        ):
            return json_response(
                400, {"errors": [{"message": "query, variables or operationName is malformed."}]}
            )
        with self.world.lock:
            result = self._dashboard.execute(query, variables, name)
        errors = {"errors": [error.formatted for error in result.errors]} if result.errors else {}
        return json_response(200, errors | {"data": result.data})

    def _download(self, path: str) -> Response:
        document = self.world.document(path)
        if document is None:
            return expired_document()
        disposition = {"Content-Disposition": f'attachment; filename="{document.id}.csv"'}
        return Response(200, document.stream(), "text/csv; charset=utf-8", disposition)

    def _entries(self, bot: Bot) -> Response:
        return json_response(200, {"result": broadcasts.entries(bot.broadcasts, bot.id, bot.now)})

    def _results(self, bot: Bot, query: dict[str, str]) -> Response:
        limit, after = query.get("limit") or "10", query.get("from")
        results = broadcasts.results(bot.broadcasts, bot.now)
        if after:
            places = [place for place, result in enumerate(results) if result["broadcast_id"] == after]
            if not places:
                return json_response(400, {"error": "Bad request", "message": "from is not a broadcast_id."})
            results = results[places[0] + 1 :]
        if not limit.isdecimal():
            return json_response(400, {"error": "Bad request", "message": "limit is not a number."})
        return json_response(200, {"result": results[: int(limit)]})

    def _control(self, request: Request) -> Response:
        """Answer what Chatfuel does not have: health, the day, the truth log, faults on demand."""
        match request.method, *request.path[1:]:
            case "GET", "health":
                return json_response(200, {"status": "ok"} | self._day())
            case "GET", "day":
                return json_response(200, self._day())
            case "POST", "day":
                return self._move(request)
            case "GET", "events":
                return self._events(request.query)
            case "GET", "faults":
                return json_response(200, self.faults.listing())
            case "POST", "faults":
                return self._add_fault(request)
            case "DELETE", "faults":
                self.faults.clear()
                return json_response(200, self.faults.listing())
        return json_response(404, {"error": "Not found"})

    def _add_fault(self, request: Request) -> Response:
        try:
            self.faults.add(json.loads(request.body))
        except ValueError as error:
            reason = error if isinstance(error, FaultError) else "The body is not JSON."
            return json_response(400, {"error": str(reason)})
        return json_response(200, self.faults.listing())

    def _day(self) -> dict:
        return {"day": self.world.day, "now": iso(self.world.now)}

    def _move(self, request: Request) -> Response:
        try:
            day = json.loads(request.body)["day"]
        except (ValueError, KeyError, TypeError):
            day = None
        if not isinstance(day, int) or isinstance(day, bool):
            return json_response(400, {"error": 'The body must be {"day": n}, n a whole number.'})
        with self.world.lock:
            try:
                self.world.move_to(day)
            except DayError as error:
                return json_response(400, {"error": str(error)})
            return json_response(200, self._day())

    def _events(self, query: dict[str, str]) -> Response:
        bot_id = query.get("bot")
        if bot_id and bot_id not in self.world.bots:
            return json_response(404, {"error": "Bot not found"})
        try:
            events = self.world.events(int(query["from"]), int(query["to"]), bot_id)
        except (KeyError, ValueError) as error:
            return json_response(400, {"error": f"Ask for whole days, from=A&to=B: {error}"})
        return Response(200, _events_json(events))


def _events_json(events: Iterator[dict]) -> Iterator[bytes]:
    yield b'{"events": ['
    separator = ""
    while piece := list(islice(events, _EVENTS_A_PIECE)):
        lines = ",\n".join(json.dumps(event, ensure_ascii=False) for event in piece)
        yield (separator + lines).encode()
        separator = ",\n"
    yield b"]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "chatfuel-sandbox"
    # A small answer must not wait for the acknowledgement of its own header.
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._send(json_response(411, {"error": "Length required"}))
            return
        url = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=tuple(part for part in url.path.split("/") if part),
            query={name: values[-1] for name, values in parse_qs(url.query).items()},
            authorization=self.headers.get("Authorization", ""),
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )
        self._send(self.server.application.respond(request))

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        length = {"Content-Length": str(len(response.body))} if isinstance(response.body, bytes) else {}
        for name, value in (length | response.headers).items():
            self.send_header(name, value)
        if isinstance(response.body, bytes):
            self.end_headers()
            self.wfile.write(response.body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in chain(filter(None, response.body), (b"",)):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet: standard output has the one line that says where the server is."""


class Server(ThreadingHTTPServer):
    """The server; listens as soon as it exists, and serves in ``serve_forever``."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, options: Options) -> None:
        self.application = Application(options)
        super().__init__(("127.0.0.1", options.port), _Handler)
        self.application.panel.base = self.url

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address) -> None:
        """Say nothing when a client hangs up in the middle; it may."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Sandbox:
    """A running sandbox, for tests.

    Attributes:
        url: The base URL.
        token: The token that requests must carry.
        bot_ids: The bots.
        bot_id: The first of them.
    """

    def __init__(self, server: Server, options: Options) -> None:
        self.url = server.url
        self.token = options.token
        self.bot_ids = options.bot_ids
        self.bot_id = self.bot_ids[0]
        self.application = server.application

    @property
    def day(self) -> int:
        """The day it is."""
        return self.application.world.day

    @property
    def now(self) -> datetime:
        """The moment it is, aware, UTC."""
        return moment(self.application.world.now)

    def move_to(self, day: int) -> datetime:
        """Move to a day and return its moment, aware, UTC.

        Raises:
            sandbox.world.DayError: The day is over.
        """
        self.application.world.move_to(day)
        return self.now

    def events(self, after: int, until: int, bot_id: str | None = None) -> list[dict]:
        """Return the truth log after one day and up to another (see ``sandbox.truth``)."""
        return list(self.application.world.events(after, until, bot_id))


@contextmanager
def running(**options) -> Iterator[Sandbox]:
    """Run a sandbox in this process, on a free port, for as long as the context lasts.

    Args:
        **options: Those of ``sandbox.options.Options``: users, attributes, seed, start, day, token, bot_id,
            document_seconds, port.
    """
    chosen = Options(**options)
    server = Server(chosen)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield Sandbox(server, chosen)
    finally:
        server.application.faults.clear()
        server.shutdown()
        server.server_close()
        thread.join()
