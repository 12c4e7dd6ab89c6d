"""Chatfuel's newer surface, the panel: an export is asked for, waited for, fetched, and counted.

What nobody outside Chatfuel knows yet is found out here and told, not assumed: which column has the id, and
whether a header has the names of attributes or their aliases.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from loader import __version__
from loader.answers import CHANGED, Shape, epoch_seconds
from loader.campaigns import CHANNEL, FLOWS, Campaign, campaigns_of, to_ask
from loader.chatfuel import USER_ID, Answer, Chatfuel, Sink, _TransientError
from loader.errors import (
    AuthenticationError,
    ConfigurationError,
    ContractError,
    LoaderError,
    RefusedError,
    SourceUnavailableError,
)
from loader.landing import Pull, PullFolder
from loader.logs import hide, progress, scrub
from loader.settings import CHANNELS, Patience
from loader.wide_csv import WideCsv

# The columns that may hold the contact's id, the likeliest first.
ID_COLUMNS = (USER_ID, "contact id", "id")
_RUNS = {"Created", "InProgress"}
_ENDED_BADLY = {"Paused", "Cancelled", "Failed"}
_FLOWS = "list of flows"
# Between two looks at an export.
_LONGEST_PAUSE = 15.0
_ROLE = "Set its role to have the permissions People: View and Flows: View, and to hide nobody's contacts."


class Alias(msgspec.Struct):
    """What the dashboard calls an attribute in a language."""

    alias: str


class PanelAttribute(msgspec.Struct):
    """An attribute."""

    name: str
    type: str
    dataType: str | None = None  # noqa: N815
    aliases: list[Alias] = []


class Node(msgspec.Struct):
    """An attribute, what uses it, and what contacts without a value read as."""

    botAttribute: PanelAttribute  # noqa: N815
    defaultValue: Any = None  # noqa: N815

    @property
    def is_datetime(self) -> bool:
        """Whether its values are milliseconds."""
        return (self.botAttribute.dataType or "").lower() == "datetime"


class _Edge(msgspec.Struct):
    node: Node


class _Page(msgspec.Struct):
    hasNextPage: bool = False  # noqa: N815
    endCursor: str | None = None  # noqa: N815


class _Connection(msgspec.Struct):
    edges: list[_Edge]
    pageInfo: _Page  # noqa: N815


class _Started(msgspec.Struct):
    id: str


class Contacts(msgspec.Struct):
    """How many contacts the token sees, how many there are, and an export that is under way."""

    contactsCount: int  # noqa: N815
    contactsTotalCount: int  # noqa: N815
    lastActiveCSVContactsExportTask: _Started | None = None  # noqa: N815


class _Status(msgspec.Struct):
    type: str
    startedAt: str | float  # noqa: N815


class File(msgspec.Struct):
    """What an export was written to; the address is a secret."""

    url: str | None = None
    type: str | None = None
    status: str | None = None
    size: int | None = None


class _Data(msgspec.Struct):
    file: File | None = None


class Task(msgspec.Struct):
    """An export; its statuses are a log, in any order."""

    statuses: list[_Status]
    completedPoints: int | None = None  # noqa: N815
    totalPoints: int | None = None  # noqa: N815
    deadline: str | float | None = None
    data: _Data | None = None


ATTRIBUTES = Shape(("data", "bot", "botAttributes"), _Connection)


class _BusyError(SourceUnavailableError):
    """Another export is under way."""


class Plan(NamedTuple):
    """What a pull asks for; as that of ``loader.pull``."""

    attributes: list[str]
    chunks: list[str]
    entries: list[Campaign]


class Panel(Chatfuel):
    """The panel, for the length of one pull."""

    _name_parameter = "op"
    _url_setting = "CHATFUEL_PANEL_URL"

    def __init__(
        self,
        base_url: str,
        token: str,
        patience: Patience,
        channels: Sequence[str] = CHANNELS,
        id_column: str = "",
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            base_url: Without a slash at the end.
            token: One that a user made at /integration/auth/token.
            patience: Timeouts and retries.
            channels: Those that are asked for.
            id_column: The column of an export with the contact's id, if it bears no usual name.
        """
        super().__init__(base_url, token, patience)
        self.channels = channels
        self.id_columns = (id_column,) if id_column else ID_COLUMNS
        self._new_token = f"at {base_url}/integration/auth/token and set CHATFUEL_PANEL_TOKEN."

    def pages(self, bot_id: str) -> Iterator[Answer]:
        """Yield the pages of the catalogue: the attributes that some contact has."""
        after = None
        while True:
            variables = {"botID": bot_id, "platforms": self.channels, "after": after}
            page = self._query("PanelAttributes", variables, ATTRIBUTES)
            yield page
            if not page.content.pageInfo.hasNextPage:
                return
            if not (following := page.content.pageInfo.endCursor) or following == after:
                raise ContractError(f"Chatfuel's list of attributes does not go on where it ends. {CHANGED}")
            after = following

    def flows(self, bot_id: str) -> Answer:
        """Return all flows; some of them are campaigns."""
        return self._query("PanelFlows", {"botID": bot_id}, FLOWS)

    def contacts(self, bot_id: str, channel: str, segment: Mapping[str, Any] | None = None) -> Contacts:
        """Return how many contacts a channel has, or an audience among them.

        Raises:
            RefusedError: The token does not see all of them.
        """
        for _ in range(3):
            variables = {"botID": bot_id, "platforms": [channel], "segment": segment}
            found = self._query("PanelContacts", variables, Shape(("data", "bot"), Contacts)).content
            # Somebody may come between the two counts, hardly so thrice.
            if found.contactsCount == found.contactsTotalCount:
                return found
        raise RefusedError(
            f"The token sees {found.contactsCount} of {found.contactsTotalCount} contacts on {channel}."
            f" {_ROLE} Nothing was loaded: who is hidden would read as gone."
        )

    def download_contacts(
        self, bot_id: str, channel: str, sink: Sink, segment: Mapping[str, Any] | None = None
    ) -> Task:
        """Have an export made, of all attributes, and download it; return what was told of it.

        Args:
            bot_id: The bot.
            channel: Whose contacts.
            sink: Where the CSV goes.
            segment: The audience; none is everybody.
        """
        what, failed = f"export of {channel}", []

        def attempt() -> Task:
            task = self._wait(self._start(bot_id, channel, segment, what), what)
            state, file = _state(task, what), task.data and task.data.file
            if state != "Finished":
                problem = state
            elif file and file.status == "Expired":
                problem = "Expired"
            elif not (file and file.url):
                raise ContractError(f"Chatfuel finished the {what} and names no file. {CHANGED}")
            else:
                problem = self._fetch(file.url, what, sink)
            if problem:
                failed.append(problem)
                again = _TransientError if len(failed) == 1 else SourceUnavailableError
                raise again(f"The {what} failed: {problem}. Look at it in the panel, and try again later.")
            return task

        return self._retry(what, attempt)

    def _fetch(self, address: str, what: str, sink: Sink) -> str:
        """Download a file; return what is wrong with its link. The token is not for it, wherever it is."""
        hide(address)
        url = urljoin(self._base_url + "/", address)
        response = None
        try:
            response = self._send("GET", url, f"file of the {what}", auth=lambda request: request)
            with closing(response), sink() as file:
                for piece in self._pieces(what, response, self._patience.most_export):
                    file.write(piece)
        except (AuthenticationError, ContractError) as error:
            # What came and is too large is another matter.
            if response is not None and isinstance(error, ContractError):
                raise
            return "its file is gone"
        return ""

    def _start(self, bot_id: str, channel: str, segment: Mapping[str, Any] | None, what: str) -> str:
        """Start an export, after that which is under way; return its id."""
        shape = Shape(("data", "csvContactExportStartBySegment"), _Started)
        variables = {"botID": bot_id, "platforms": [channel], "segment": segment}
        for number in range(1_000_000):
            if running := self.contacts(bot_id, channel).lastActiveCSVContactsExportTask:
                self._wait(running.id, "export that somebody else started")
            try:
                return self._graphql("PanelExport", variables, shape).content.id
            except _BusyError as error:
                self._pause(number, error)
        raise self._too_late(what)

    def _wait(self, task_id: str, what: str) -> Task:
        """Return a task when it has ended."""
        for number in range(1_000_000):
            task = self._query("PanelTask", {"id": task_id}, Shape(("data", "getTask"), Task)).content
            state, done, all_points = _state(task, what), task.completedPoints or 0, task.totalPoints or 0
            if state not in _RUNS:
                if state not in {"Finished", "past its deadline", *_ENDED_BADLY}:
                    raise ContractError(f"Chatfuel says that the {what} is {state!r}. {CHANGED}")
                break
            progress(f"{what} {min(100, 100 * done // all_points)} %" if all_points else what)
            self._pause(number, self._too_late(what))
        return task

    def _pause(self, number: int, too_late: LoaderError) -> None:
        seconds = min(_LONGEST_PAUSE, self._patience.first_wait * 2 ** min(number, 9))
        if seconds >= self._time_left():
            raise too_late
        time.sleep(seconds)

    def _error(self, operation: str, errors: Any) -> LoaderError:
        codes, traces, messages = [], [], []
        found = [*errors] if isinstance(errors, list) else [errors]
        for error in found:
            if not isinstance(error, dict):
                messages.append(str(error))
            else:
                messages += [str(error["message"])] if error.get("message") else []
                if isinstance(details := error.get("extensions"), dict):
                    codes += [str(details["code"])] if details.get("code") else []
                    traces += [f"; trace {details['traceId']}"] if details.get("traceId") else []
                    found += details["errors"] if isinstance(details.get("errors"), list) else []
        told = ", ".join(dict.fromkeys((*codes, *messages)))
        told = " ".join(scrub(told).split())[:300] + scrub("".join(dict.fromkeys(traces)))
        if "Unauthorized" in codes:
            return AuthenticationError(
                f"Chatfuel refused the token ({operation}: {told}). Get a new token {self._new_token}"
            )
        if "NotEnoughPermissions" in codes:
            return AuthenticationError(f"The token may not do this ({operation}: {told}). {_ROLE}")
        if "CSVContactExportAlreadyInProgress" in codes:
            return _BusyError(f"Another export of this bot is under way ({told}). Try again later.")
        if "InternalServerError" in codes:
            return _TransientError(f"Chatfuel broke down at {operation} ({told}). Try again later.")
        if {"BotDoesNotExist", "BotNotFound", "NotFound"} & {*codes}:
            return ConfigurationError(f"Chatfuel: {told} ({operation}). Check CHATFUEL_BOT_ID.")
        return ContractError(f"Chatfuel answered {operation} with an error: {told}. {CHANGED}")


def plan(client: Panel, pull: Pull, recorded: Collection[str] | None) -> Plan:
    """Find out what a pull would ask for; nothing is written. Arguments as those of ``fetch``."""
    names = [name for page in client.pages(pull.bot_id) for name in nodes_of([page.content])]
    channels = [c for c in client.channels if client.contacts(pull.bot_id, c).contactsTotalCount]
    campaigns = campaigns_of(client.flows(pull.bot_id).content, _FLOWS) if CHANNEL in client.channels else []
    return Plan(names, channels[1:], [one for one, _ in to_ask(campaigns, pull.pulled_at, recorded)])


def fetch(client: Panel, folder: PullFolder, recorded: Collection[str] | None) -> None:
    """Land everything that the panel has.

    Args:
        client: The panel.
        folder: Where the responses go; emptied first.
        recorded: The campaigns that an earlier pull from here saw go out; none at the first.
    """
    bot_id = folder.pull.bot_id
    pages = [*client.pages(bot_id)]
    listed = nodes_of([page.content for page in pages])
    if not listed:
        raise ContractError("Chatfuel lists no attribute at all. Look at the bot's dashboard.")
    counts = {channel: client.contacts(bot_id, channel).contactsCount for channel in client.channels}
    if not any(counts.values()):
        raise RefusedError(
            "The bot has no contact on any channel. Nothing was loaded. Check CHATFUEL_BOT_ID."
        )
    folder.begin()
    for number, page in enumerate(pages, start=1):
        folder.write(f"attributes-{number:03}.json.gz", "attributes", page.body)

    def export(name: str, on: str, audience: Mapping[str, Any] | None = None, **facts) -> None:
        table = name.partition("-")[0]
        client.download_contacts(bot_id, on, lambda: folder.writer(name, table, **facts), audience)
        header = WideCsv(folder.path / name).header
        folder.describe(id_column=id_column(header, client.id_columns, name))

    for channel, count in counts.items():
        if count:
            export(f"users-{channel}.csv.gz", channel, channel=channel, contacts=count)
    if CHANNEL in counts:
        body, flows = client.flows(bot_id)
        folder.write("scheduled_entries.json.gz", "scheduled_entries", body)
        asked = to_ask(campaigns_of(flows, _FLOWS), folder.pull.pulled_at, recorded)
        for number, (campaign, audience) in enumerate(asked, start=1):
            if count := client.contacts(bot_id, CHANNEL, audience).contactsCount:
                facts = {"broadcast_id": campaign.id, "contacts": count}
                name = f"broadcast_recipients-{number:03}.csv.gz"
                export(name, CHANNEL, audience, **facts)
    folder.commit("panel", __version__)


def nodes_of(pages: Sequence[_Connection]) -> dict[str, Node]:
    """Return the attributes by name; one that is listed twice is one."""
    nodes = [edge.node for page in pages for edge in page.edges]
    return {node.botAttribute.name: node for node in reversed(nodes)}


def id_column(header: Sequence[str], candidates: Sequence[str], name: str) -> str:
    """Return the column that holds the contact's id.

    Raises:
        ContractError: There is none.
    """
    for candidate in candidates:
        for column in header:
            if column.strip().lower() == candidate.lower():
                return column
    raise ContractError(
        f"{name}: no column is called {' or '.join(map(repr, candidates))}. Nothing was loaded. Set"
        " CHATFUEL_PANEL_ID_COLUMN to the column with the contact's id:"
        f" {', '.join(map(repr, header))[:2000]}."
    )


def column_names(header: Sequence[str], listed: Mapping[str, Node]) -> dict[str, str]:
    """Return the attribute of each column that is one: called by its name, else by an alias of that alone."""
    aliases: dict[str, set[str]] = {}
    for name, node in listed.items():
        for alias in node.botAttribute.aliases:
            aliases.setdefault(alias.alias, set()).add(name)
    found = {column: column for column in header if column in listed}
    for column in header:
        names = aliases.get(column, set()) - {*found.values()}
        if column not in found and len(names) == 1:
            found[column] = names.pop()
    return found


def moments(values: pa.StringArray) -> pa.StringArray:
    """Return milliseconds since 1970 as the old surface writes a moment; whatever is none stays as it is."""
    is_number = pc.match_substring_regex(values, "^-?[0-9]{1,14}$")
    seconds = pc.floor(pc.divide(pc.if_else(is_number, values, "0").cast(pa.float64()), 1000))
    texts = pc.strftime(seconds.cast(pa.int64()).cast(pa.timestamp("s")), format="%Y-%m-%d %H:%M:%S")
    return pc.if_else(is_number, texts, values)


def describe(client: Panel, bot_id: str) -> list[str]:
    """Return what the panel is for a bot, in ten lines without a value of anybody.

    An export is made for that, of the channel with the fewest contacts, and thrown away.
    """
    nodes = nodes_of([page.content for page in client.pages(bot_id)])
    kinds = Counter(f"{n.botAttribute.type} {n.botAttribute.dataType}" for n in nodes.values())
    counts = {channel: client.contacts(bot_id, channel).contactsCount for channel in client.channels}
    lines = [
        "panel, contacts: " + ", ".join(f"{count:,} {channel}" for channel, count in counts.items()),
        "attributes: " + ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common()),
        f"with an alias: {sum(bool(n.botAttribute.aliases) for n in nodes.values()):,};"
        f" with a default value: {sum(n.defaultValue is not None for n in nodes.values()):,};"
        f" campaigns: {_counted(client, bot_id)}",
    ]
    if not any(counts.values()):
        return lines
    channel = min((count, channel) for channel, count in counts.items() if count)[1]
    with tempfile.TemporaryDirectory() as folder:
        path, began = Path(folder) / f"{channel}.csv", time.monotonic()
        task = client.download_contacts(bot_id, channel, lambda: path.open("wb"))
        file, csv = task.data.file, WideCsv(path)
        own = urlsplit(urljoin(client._base_url, file.url)).netloc == urlsplit(client._base_url).netloc
        names = column_names(csv.header, nodes)
        others = [column for column in csv.header if column not in names]
        with path.open("rb") as begin:
            sample = begin.read(1 << 20)
        quoted = sample.count(b',"",')
        try:
            chosen = id_column(csv.header, client.id_columns, channel)
        except ContractError as error:
            chosen = f"none: {error.message}"
        statuses = sorted(task.statuses, key=lambda status: epoch_seconds(status.startedAt, channel))
        times = [column for column, name in names.items() if nodes[name].is_datetime]
        rows = numbers = cells = 0
        for block in csv.blocks(times):
            rows, cells = rows + block.rows, cells + len(block.values)
            numbers += pc.sum(pc.match_substring_regex(block.values, "^[0-9]{12,14}$")).as_py() or 0
    return [
        *lines,
        f"export of {channel}: {', '.join(status.type for status in statuses)}, {task.totalPoints} points,"
        f" {time.monotonic() - began:.0f} s, its deadline {task.deadline}",
        f"file: {file.type}, {file.status}, at {'the same host' if own else 'another host'}",
        f"rows: {rows:,}, and {counts[channel]:,} counted",
        f"columns: {len(csv.header):,}, {sum(c == n for c, n in names.items()):,} by name,"
        f" {sum(c != n for c, n in names.items()):,} by alias, others: {others[:20]}",
        f"id: {chosen}",
        f"empty cells: {sample.count(b',,'):,} bare, {quoted:,} quoted, {sample.count(b',null,'):,} null",
        f"datetime: {len(times)} columns, {numbers:,} of {cells:,} values in milliseconds",
    ]


def _counted(client: Panel, bot_id: str) -> str:
    campaigns = campaigns_of(client.flows(bot_id).content, _FLOWS)
    counts = Counter(f"{one.type} {one.status}" for one in campaigns)
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.most_common()) or "none"


def _state(task: Task, what: str) -> str:
    """Return the present status: that of the latest entry, or that the deadline is over."""
    log = [(epoch_seconds(status.startedAt, what), place) for place, status in enumerate(task.statuses)]
    state = task.statuses[max(log)[1]].type if log else "Created"
    is_over = task.deadline is not None and epoch_seconds(task.deadline, what) < time.time()
    return "past its deadline" if is_over and state in _RUNS else state
