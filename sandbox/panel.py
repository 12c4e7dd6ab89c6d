"""The panel over the same simulated bots: GraphQL operations, exports as tasks, files behind secret links.

What it is asked for lies below ``/panel``. The simulated users are spread over five channels; who has an
Instagram handle is on Instagram. An attribute is in the catalogue while some user has a value.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from graphql import GraphQLError

from sandbox.bot import Bot
from sandbox.campaigns import SDL as CAMPAIGNS_SDL
from sandbox.campaigns import flow, members
from sandbox.clock import iso
from sandbox.messages import Request, Response, expired_document, json_response
from sandbox.schema import GraphQL
from sandbox.world import World

CHANNELS = ("facebook", "whatsapp", "tiktok", "widget", "instagram")
JOINED = "joined"
_MOST_IN_A_PAGE = 100
_ID = "chatfuel user id"
# What the old surface knows of everybody, and this one does not.
_UNKNOWN = {_ID, "signed up", "last seen", "sessions", "last visited block id", "last visited block name"}

_SDL = """
scalar BotID
scalar TaskID
scalar AttributeName
scalar BotAttributeCursor
enum Platform { whatsapp instagram facebook tiktok widget }
enum DashboardLocale { En }
enum AttributeType { system custom }
enum OrderBy { ContactsCount }
enum Direction { Asc Desc }
input BotAttributeFilter { name: String }
input BotAttributeOrderByInput { orderBy: OrderBy! direction: Direction! }

type Alias { locale: DashboardLocale! alias: String! }
type BotAttribute { name: AttributeName! type: AttributeType! dataType: String! aliases: [Alias!]! }
type Node { botAttribute: BotAttribute! usersCount: Int! flowsCount: Int! defaultValue: String }
type Edge { cursor: BotAttributeCursor node: Node! }
type PageInfo { hasNextPage: Boolean! endCursor: BotAttributeCursor }
type BotAttributeConnection { edges: [Edge!]! pageInfo: PageInfo! }
type Status { type: String! startedAt: String! }
type File { id: String! url: String! type: String! status: String! size: Int! }
interface TaskData { id: String! }
type CSVContactsExport implements TaskData { id: String! file: File }
type Task {
  id: TaskID! statuses: [Status!]! completedPoints: Int! totalPoints: Int! deadline: String data: TaskData
}
type Bot {
  id: BotID!
  contactsCount(platforms: [Platform!]!, segment: SegmentInput): Int!
  contactsTotalCount(platforms: [Platform!]!, segment: SegmentInput): Int!
  lastActiveCSVContactsExportTask: Task
  flowGroups: [FlowGroup!]!
  flowsWithoutGroup: [Flow!]!
  botAttributes(
    locale: DashboardLocale!, platforms: [Platform!]!, attributeTypes: [AttributeType!]!,
    filters: [BotAttributeFilter!]!, orderBy: BotAttributeOrderByInput!, first: Int, after: BotAttributeCursor
  ): BotAttributeConnection!
}
type Query { bot(id: BotID!): Bot! getTask(id: TaskID!): Task! }
type Mutation {
  csvContactExportStartBySegment(
    botID: BotID!, platforms: [Platform!]!, segment: SegmentInput, attributes: [AttributeName!]!
  ): Task!
}
"""


@dataclass
class _Task:
    """An export under way, or finished; times are those of the clock on the wall."""

    id: str
    bot_id: str
    secret: str
    content: bytes
    started: float
    seconds: float
    rows: int
    ended: str = ""

    @property
    def state(self) -> str:
        is_over = time.time() - self.started >= self.seconds
        return self.ended or ("Finished" if is_over else "InProgress")

    def served(self, base: str, lifetime: float) -> dict[str, Any]:
        """Return it as the API does: a log of statuses, the latest first."""
        moments = [self.started, self.started + 0.001, self.started + 0.002]
        names = ["Created", "InProgress", *([self.state] if self.state != "InProgress" else [])]
        log = [
            {"type": name, "startedAt": iso_ms(at)}
            for name, at in zip(names, moments[: len(names)], strict=True)
        ]
        is_gone = time.time() - self.started > lifetime
        file = {
            "id": self.id, "url": f"{base}/panel/files/{self.secret}", "type": "Document",
            "status": "Expired" if is_gone else "Uploaded", "size": len(self.content),
        }  # fmt: skip
        done = self.state == "Finished"
        return {
            "id": self.id,
            "statuses": log[::-1],
            # More than there are, as it happens.
            "completedPoints": self.rows + 1 if done else self.rows // 2,
            "totalPoints": self.rows,
            "deadline": iso_ms(self.started + 3600),
            "data": {"__typename": "CSVContactsExport", "id": f"d{self.id}", "file": file if done else None},
        }


@dataclass
class Panel:
    """Answers what the panel is asked.

    Attributes:
        world: The bots.
        token: What a request must carry.
        seconds: How long an export takes.
        hidden: Of each bot, how many contacts of each channel the token's role does not show.
        defaults: Of each bot, the value that contacts without one read as, by attribute.
        header: What changes the header of an export.
        base: Where the sandbox is.
    """

    world: World
    token: str
    lifetime: float
    seconds: float = 0.01
    hidden: dict[str, int] = field(default_factory=dict)
    defaults: dict[str, dict[str, str]] = field(default_factory=dict)
    header: Callable[[list[str]], list[str]] = list
    base: str = ""
    tasks: dict[str, _Task] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._numbers = count(1)
        bot_fields = {
            "contactsCount": lambda bot, info, **asked: self._count(bot, is_of_role=True, **asked),
            "contactsTotalCount": lambda bot, info, **asked: self._count(bot, **asked),
            "lastActiveCSVContactsExportTask": self._active,
            "botAttributes": self._attributes,
            "flowGroups": lambda bot, info: [
                {"id": "g", "name": "Broadcasts", "flows": self._flows(bot, True)}
            ],
            "flowsWithoutGroup": lambda bot, info: self._flows(bot, False),
        }
        queries = {"bot": self._bot, "getTask": self._get_task}
        mutations = {"csvContactExportStartBySegment": self._start}
        self._api = GraphQL(
            _SDL + CAMPAIGNS_SDL, {"Query": queries, "Mutation": mutations, "Bot": bot_fields}
        )

    def respond(self, request: Request) -> Response:
        """Answer a request."""
        match request.method, *request.path[1:]:
            case "GET", "files", secret:
                for task in self.tasks.values():
                    if task.secret == secret and time.time() - task.started <= self.lifetime:
                        return Response(200, task.content, "text/csv; charset=utf-8")
                return expired_document()
            case "POST", "graphql":
                if request.authorization != f"Bearer {self.token}":
                    return error("The token is not good.", "Unauthorized")
                with self.world.lock:
                    return self._graphql(json.loads(request.body))
        return json_response(404, {"error": "Not found"})

    def _graphql(self, body: Any) -> Response:
        result = self._api.execute(body["query"], body.get("variables"), body.get("operationName"))
        errors = {"errors": [one.formatted for one in result.errors]} if result.errors else {}
        return json_response(200, errors | {"data": result.data})

    def _bot(self, root, info, id):  # noqa: A002
        if id not in self.world.bots:
            raise GraphQLError("No such bot", extensions={"code": "BotDoesNotExist", "traceId": "t-404"})
        return self.world.bots[id]

    def _count(self, bot: Bot, platforms: list[str], segment: Any = None, is_of_role: bool = False) -> int:
        found = len(contacts(bot, platforms, segment))
        return max(0, found - self.hidden.get(bot.id, 0)) if is_of_role else found

    def _flows(self, bot: Bot, scheduled: bool) -> list[dict[str, Any]]:
        return [
            flow(bot, one, bot.now, sum(channel(bot, user) == "whatsapp" for user in one.recipients))
            for one in bot.broadcasts
            if one.scheduled == scheduled
        ]

    def _active(self, bot, info):
        running = [t for t in self.tasks.values() if t.bot_id == bot.id and t.state == "InProgress"]
        return running[0].served(self.base, self.lifetime) if running else None

    def _get_task(self, root, info, id):  # noqa: A002
        if id not in self.tasks:
            raise GraphQLError("No such task", extensions={"code": "TaskDoesNotExist"})
        return self.tasks[id].served(self.base, self.lifetime)

    def _attributes(self, bot, info, after=None, first=None, **others):
        if (first or 0) > _MOST_IN_A_PAGE:
            raise GraphQLError("Internal server error", extensions={"code": "InternalServerError"})
        columns, begin, defaults = self.columns(bot), int(after or 0), self.defaults.get(bot.id, {})
        rows = [values(bot, user) for user in present(bot)]
        nodes = [
            {
                "botAttribute": {
                    "name": name, "type": kind, "dataType": "datetime" if name == JOINED else "string",
                    "aliases": [{"locale": "En", "alias": name.title()}] if kind == "system" else [],
                },
                "usersCount": sum(name in row for row in rows),
                "flowsCount": 0,
                "defaultValue": defaults.get(name),
            }
            for name, kind in columns.items()
        ]  # fmt: skip
        end = begin + (first or _MOST_IN_A_PAGE)
        page = {"hasNextPage": end < len(nodes), "endCursor": str(min(end, len(nodes)))}
        return {"edges": [{"node": node} for node in nodes[begin:end]], "pageInfo": page}

    def columns(self, bot: Bot) -> dict[str, str]:
        """Return the attributes that some user has a value in, and their types."""
        names = {name for user in present(bot) for name in values(bot, user)}
        kinds = {one.name: one.type for one in bot.attributes} | {JOINED: "custom"}
        return {name: kinds[name] for name in kinds if name in names}

    def _start(self, root, info, botID, platforms, attributes, segment=None):  # noqa: N803
        bot = self._bot(root, info, botID)
        if self._active(bot, info):
            raise GraphQLError("Wait", extensions={"code": "CSVContactExportAlreadyInProgress"})
        if unknown := [name for name in attributes if name not in self.columns(bot)]:
            raise GraphQLError(f"No attribute {unknown[0]}", extensions={"code": "SegmentIsInvalid"})
        return self.begin(bot, platforms, segment).served(self.base, self.lifetime)

    def begin(self, bot: Bot, platforms: list[str], segment: Any = None) -> _Task:
        """Begin an export of everybody, or of a segment, on some channels, as somebody else may do too."""
        chosen = contacts(bot, platforms, segment)
        names, defaults = [*self.columns(bot)], self.defaults.get(bot.id, {})
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.header([_ID, *names]))
        for user in chosen:
            row = defaults | values(bot, user)
            writer.writerow([bot.users.ids[user], *(row.get(name, "") for name in names)])
        number = f"{bot.id}/{next(self._numbers)}"
        secret = hashlib.sha256(number.encode()).hexdigest()[:32]
        content = text.getvalue().encode()
        task = _Task(secret[:8], bot.id, secret, content, time.time(), self.seconds, len(chosen))
        return self.tasks.setdefault(task.id, task)


def present(bot: Bot) -> list[int]:
    """Return the users who are there."""
    return [user for user in range(len(bot.users)) if bot.users.present[user]]


def contacts(bot: Bot, platforms: list[str], segment: Any = None) -> list[int]:
    """Return the users on some channels, or those of a segment among them."""
    is_member = members(segment, bot) if segment else lambda user: True
    return [user for user in present(bot) if channel(bot, user) in platforms and is_member(user)]


def channel(bot: Bot, user: int) -> str:
    """Return the channel of a user, which never changes."""
    if bot.users.fact(user, bot.people.profile("instagram handle")):
        return "instagram"
    return CHANNELS[max(0, user % 10 - 6)]


def values(bot: Bot, user: int) -> dict[str, str]:
    """Return what the panel has of a user."""
    found = {}
    for fact in bot.users.facts[user]:
        attribute = bot.attributes.of(fact)
        if attribute is not bot.people.status and (attribute.listed or attribute.type == "system"):
            found[attribute.name] = bot.attributes.text(fact)
    if user % 2:
        found[JOINED] = str(bot.users.signed_up[user] * 1000 + 7)
    return found


def error(message: str, code: str, trace: str = "t-1") -> Response:
    """Return a GraphQL error inside a 200."""
    extensions = {"code": code, "traceId": trace}
    return json_response(200, {"errors": [{"message": message, "extensions": extensions}], "data": None})


def iso_ms(moment: float) -> str:
    """Return a moment with its milliseconds, as 2024-06-03T07:30:00.250Z."""
    return f"{iso(int(moment))[:-1]}.{int(moment * 1000) % 1000:03}Z"
