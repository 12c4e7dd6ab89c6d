"""The command line. Results go to standard output; progress, logs and errors to standard error."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import click
import msgspec.yaml

from loader import __version__
from loader.errors import (
    ConfigurationError,
    ContractError,
    LandingError,
    LoaderError,
    RefusedError,
    WarehouseError,
)
from loader.landing import REMOVED, Landing, Pull, PullFolder
from loader.logs import log_to_stderr, say, scrub
from loader.settings import Patience, Settings, environment, is_bot_id, read_settings
from loader.warehouse import TARGETS, Warehouse

# What only a verb needs is imported by that verb: the list of verbs is to come at once.

PATIENCE = Patience()

log = logging.getLogger(__name__)

# Chatfuel began in 2015. A clock may be a little ahead.
_FIRST, _AHEAD = datetime(2015, 1, 1, tzinfo=UTC), timedelta(hours=1)
_NO_ZONE = "chatfuel_timezone in dbt_project.yml is no time zone. Set it below vars, as Europe/Berlin."
_EXIT_CODES = """\b
Exit codes:
  0    done, also if there was nothing to do
  1    unexpected error
  2    configuration
  3    authentication
  4    Chatfuel cannot be reached
  5    unexpected response from Chatfuel
  6    warehouse
  7    a gate refused the pull
  8    another loader is at work
  130  interrupted (143 by SIGTERM)
With several bots, one that fails does not stop the others; the code is that of the first failure."""


class _Moment(click.ParamType):
    """An ISO 8601 moment with its time zone. Where the hour may not be known: or a date, its noon in UTC."""

    name = "moment"

    def __init__(self, *, takes_days: bool = False) -> None:
        self._takes_days = takes_days

    def convert(self, value, param, ctx) -> datetime:
        is_day = self._takes_days and len(value) == len("2024-06-26")
        try:
            moment = datetime.fromisoformat(f"{value}T12:00:00Z" if is_day else value)
            if moment.tzinfo is None:
                self.fail(f"{value!r} has no time zone; add Z for UTC.", param, ctx)
            moment = moment.astimezone(UTC).replace(microsecond=0)
        except ValueError:
            self.fail(f"{value!r} is not a moment like 2024-06-26T07:30:00Z.", param, ctx)
        except OverflowError:
            self.fail(f"{value!r} is out of range.", param, ctx)
        if not _FIRST <= moment <= datetime.now(UTC) + _AHEAD and not ctx.params.get("force"):
            self.fail(f"{value!r} is before 2015 or in the future. If it is right: --force.", param, ctx)
        return moment


def _checked(is_right: Callable[[Any], bool], problem: str) -> Callable[..., Any]:
    """Return the callback of an option that refuses other values."""

    def check(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        if not is_right(value):
            raise click.BadParameter(problem.format(value), ctx, param)
        return value

    return check


@dataclass
class _Loader:
    """What the verbs work with: settings, landing zone, warehouse, and how results are shown."""

    settings: Settings
    target: str
    landing: Landing
    warehouse: Warehouse
    as_json: bool

    def client(self, bot_id: str) -> AbstractContextManager:
        settings = self.settings
        patience = replace(PATIENCE, most_json=settings.most_json, most_export=settings.most_export)
        if settings.surfaces[bot_id] == "panel":
            from loader.panel import Panel

            details = settings.panel_channels, settings.panel_id_column
            return closing(Panel(settings.panel_url, settings.panel_token, patience, *details))
        from loader.chatfuel import Chatfuel

        return closing(Chatfuel(settings.base_url, settings.token, patience))

    @cached_property
    def ledger(self) -> list[dict[str, Any]]:
        """The rows of the ledger: what this verb loads is not among them."""
        return self.warehouse.committed_pulls()

    def recorded(self, bot_id: str) -> set[str] | None:
        """Return the broadcasts whose audience is known; none before the surface's first pull."""
        surfaces = {row.get("surface") or "classic" for row in self.ledger if row["bot_id"] == bot_id}
        if self.settings.surfaces[bot_id] not in surfaces:
            return None
        return self.warehouse.recorded_broadcasts(bot_id)

    def source(self, bot_id: str) -> ModuleType:
        """Return what fetches a bot."""
        return import_module("loader.panel" if self.settings.surfaces[bot_id] == "panel" else "loader.pull")

    def show(self, text: str, **record: Any) -> None:
        """Show a result: the text, or for machines the record as a line of JSON."""
        try:
            say(json.dumps(record) if self.as_json else scrub(text))
        except OSError as error:
            raise LoaderError(
                f"The results cannot be shown: {error.strerror}. What was done stands: `pulls` lists it."
            ) from None

    def show_table(self, title: str, records: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
        """Show results as a table, or where it is too wide as lines: an id is there to be copied."""
        cells = [
            [f"{v:,}" if isinstance(v := record[c], int) else str(v) for c in columns] for record in records
        ]
        widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
        self.show(title)
        if sum(widths) + 2 * len(widths) > shutil.get_terminal_size().columns:
            for row in cells:
                self.show("\n".join(map("{}: {}".format, columns, row)) + "\n")
            return
        for row in (columns, *cells):
            # Numbers, all but the first.
            rest = "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
            self.show(f"{row[0]:{widths[0]}}{rest}")

    def loaded(self) -> list[Pull]:
        """Return the pulls in the ledger."""
        return [Pull(row["bot_id"], row["pulled_at"].replace(tzinfo=UTC)) for row in self.ledger]

    def ask(self, records: Sequence[dict[str, Any]], yes: bool, more: str = "") -> None:
        """List what will be removed, and go on if that is wanted."""
        for record in records:
            counts = "".join(f"  {count:,} {unit}" for unit, count in record.items() if unit != "remove")
            # A line each, so that a path can be copied.
            self.show(record["remove"] + counts, **record)
        if yes:
            return
        try:
            is_wanted = click.confirm(f"Remove these {len(records)}{more and ' ' + more}?", err=True)
        except click.Abort:
            is_wanted = False
        if not is_wanted:
            raise ConfigurationError("Nothing was removed. To remove what is listed, say --yes.")

    def is_there(self, folder: PullFolder) -> bool:
        """Return whether the warehouse has the pull, and say so."""
        pull = folder.pull
        if pull not in self.loaded():
            return False
        self.show(f"{pull} is already there.", **_named(pull), status="already there")
        return True

    def load_waiting(self, pull: Pull, min_users_ratio: float, force: bool) -> None:
        """Load what landed before a pull of the same bot, and since the last that was loaded."""
        last = max((done.pull_id for done in self.loaded() if done.bot_id == pull.bot_id), default="")
        for folder in self.landing.complete_pulls():
            waiting = folder.pull
            is_between = last < waiting.pull_id < pull.pull_id
            if waiting.bot_id != pull.bot_id or not is_between or folder.is_refused:
                continue
            log.info("%s landed and was not loaded: first that.", waiting)
            try:
                self.load_and_show(folder, min_users_ratio, force)
                # The pull that follows asks what this one knows.
                vars(self).pop("ledger", None)
            except (ContractError, RefusedError) as error:
                # It is noted beside the pull, which does not keep the next from being loaded.
                log.warning("%s: %s", waiting, error.message)

    def load_and_show(self, folder: PullFolder, min_users_ratio: float, force: bool) -> None:
        """Load a pull that landed, and show what was loaded."""
        from loader.pull import load

        rows = load(self.warehouse, folder, min_users_ratio, force=force).rows
        if self.as_json:
            self.show("", **_named(folder.pull), status="loaded", rows=rows)
            return
        counts = [{"table": table, "rows": count} for table, count in rows.items()]
        self.show_table(f"{folder.pull} is loaded:", counts, ("table", "rows"))


@click.group(epilog=_EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    help="Format of logs and errors.",
    show_default=True,
)
@click.pass_context
def cli(context: click.Context, log_format: str) -> None:
    """Pull a Chatfuel bot and load it into a warehouse.

    Settings come from the environment or from .env; .env.example names them all.
    """
    # Whatever the loader creates holds personal data: only the owner may read it.
    previous = os.umask(0o077)
    context.call_on_close(lambda: os.umask(previous))
    log_to_stderr(log_format)


def _verb(function: Callable[..., None]) -> Callable[..., None]:
    """Make a command of a function of a ``_Loader``, with the options that every verb has."""

    @click.option(
        "--target",
        type=click.Choice(TARGETS),
        default="dev",
        show_default=True,
        help="The warehouse: dev is DuckDB, prod BigQuery, emulator a BigQuery emulator.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print results as lines of JSON.")
    @click.pass_context
    def command(context: click.Context, target: str, as_json: bool, **arguments: Any) -> None:
        settings = read_settings()
        landing = context.with_resource(_open_landing(settings.landing))
        warehouse = _open_warehouse(target, settings, landing)
        function(_Loader(settings, target, landing, warehouse, as_json), **arguments)

    command.__click_params__ += getattr(function, "__click_params__", [])
    return cli.command(name=function.__name__.removesuffix("_"), help=function.__doc__)(command)


@contextmanager
def _open_landing(where: str) -> Iterator[Landing]:
    if not where.startswith("gs://"):
        yield Landing(Path(where))
        return
    from loader.bucket import BucketLanding

    with tempfile.TemporaryDirectory(prefix="chatfuel-") as root:
        yield BucketLanding(where, Path(root))


def _open_warehouse(target: str, settings: Settings, landing: Landing) -> Warehouse:
    if target != "dev":
        from loader.warehouse.bigquery import BigQueryWarehouse

        return BigQueryWarehouse.from_settings(settings, landing)
    from loader.warehouse.duckdb import DuckDBWarehouse

    return DuckDBWarehouse(settings.duckdb_path)


_as_of = click.option(
    "--as-of",
    type=_Moment(),
    default=lambda: datetime.now(UTC).isoformat(),
    show_default="now",
    help="The time of the pull, as 2024-06-26T07:30:00Z.",
)
_yes = click.option("--yes", is_flag=True, help="Do not ask.")
_bot = click.option(
    "--bot",
    "bot_id",
    required=True,
    callback=_checked(is_bot_id, "{!r} is not the id of a bot."),
    help="The bot.",
)
# Eager: whether a moment is taken depends on it.
_force = click.option("--force", is_flag=True, is_eager=True, help="Load it even if a gate refuses it.")
_ratio = click.option(
    "--min-users-ratio",
    type=click.FloatRange(0, 1),
    default=0.5,
    callback=_checked(lambda ratio: ratio == ratio, "nan is no share; give a number from 0 to 1."),
    show_default=True,
    help="Refuse a pull with a smaller share of the users, or of the values, of the pull before.",
)


@_verb
def check(loader: _Loader) -> None:
    """Try token, bots, landing zone, warehouse and time zone. Writes nothing."""

    def check_bot(bot_id: str) -> str:
        with loader.client(bot_id) as client:
            if loader.settings.surfaces[bot_id] == "panel":
                from loader.panel import describe

                return "\n    ".join(describe(client, bot_id))
            attributes = len(client.attributes(bot_id).content)
        rows = [row for row in loader.warehouse.committed_pulls() if row["bot_id"] == bot_id]
        if not rows:
            return f"{attributes:,} attributes, no pull yet"
        first, last = rows[0], rows[-1]
        return (
            f"{attributes:,} attributes, pulled since {first['pulled_at']:%Y-%m-%d},"
            f" {last['users_rows']:,} users on {last['pulled_at']:%Y-%m-%d}"
        )

    def check_warehouse() -> str:
        loader.warehouse.check_writable()
        return f"{len(loader.warehouse.committed_pulls())} pulls"

    def check_landing() -> str:
        loader.landing.check()
        pulls, size, room = loader.landing.complete_pulls(), loader.landing.size(), loader.landing.room()
        days = len({folder.pull.pull_date for folder in pulls})
        more = f", room for {room * days // size:,} days more" if room is not None and days else ""
        if others := loader.landing.strangers():
            more += f"; left alone, for they are not the loader's: {', '.join(map(repr, others[:5]))}"
            more += f" and {len(others) - 5} more" if len(others) > 5 else ""
        return f"{len(pulls)} pulls, {size / 1e6:,.1f} MB{more}"

    trials: dict[str, Callable[[], str]] = {
        "token": lambda: "there is one" if loader.settings.token else "",
        "bots": lambda: ", ".join(loader.settings.bot_ids),
        f"landing zone {loader.landing.name}": check_landing,
        "warehouse": check_warehouse,
        "time zone": _local_time,
    }
    if loader.settings.is_complete:
        for bot_id in loader.settings.bot_ids:
            trials[f"bot {bot_id}"] = partial(check_bot, bot_id)
    codes = []
    for what, trial in trials.items():
        try:
            found, code = trial(), 0
        except (LoaderError, OSError) as error:
            found, code = str(error), getattr(error, "exit_code", LandingError.exit_code)
        loader.show(f"{'NO' if code else 'ok'}  {what}: {found}", check=what, ok=not code, found=found)
        codes.append(code)
    sys.exit(next(filter(None, codes), 0))


@_verb
@_as_of
def plan(loader: _Loader, as_of: datetime) -> None:
    """Say what a pull would ask for and where it would go. Writes nothing."""

    def plan_bot(bot_id: str) -> None:
        folder = loader.landing.folder(Pull(bot_id, as_of))
        if loader.is_there(folder):
            return
        with loader.client(bot_id) as client:
            found = loader.source(bot_id).plan(client, folder.pull, loader.recorded(bot_id))
        has_landed, place = folder.is_complete, f"{loader.landing.name}/{folder.name}"
        asks = (
            "ask for nothing: it has landed before"
            if has_landed
            else f"ask for all users and {len(found.attributes)} attributes,"
            f" in {1 + len(found.chunks)} exports\n  ask for the audience of {len(found.entries)} broadcasts"
        )
        loader.show(
            f"{folder.pull} would\n  {asks}\n  land in {place}",
            **_named(folder.pull),
            attributes=len(found.attributes),
            exports=1 + len(found.chunks),
            broadcasts=[entry.id for entry in found.entries],
            landing=place,
            has_landed=has_landed,
        )

    _for_each(loader.settings.bot_ids, plan_bot)


@_verb
@_as_of
@_ratio
@_force
@click.option("--once-a-day", is_flag=True, help="Skip a bot that already has a pull of this local day.")
def pull(loader: _Loader, as_of: datetime, min_users_ratio: float, force: bool, once_a_day: bool) -> None:
    """Fetch everything from Chatfuel and load it."""
    # Before anything is made: without a token there is nothing to do.
    assert loader.settings.token
    zone = _zone() or UTC

    def pull_bot(bot_id: str) -> None:
        wanted = Pull(bot_id, as_of)
        if once_a_day:
            for done in loader.loaded():
                is_same_day = done.pulled_at.astimezone(zone).date() == as_of.astimezone(zone).date()
                wanted = done if done.bot_id == bot_id and is_same_day else wanted
        folder = loader.landing.folder(wanted)
        if loader.is_there(folder):
            return
        loader.load_waiting(folder.pull, min_users_ratio, force)
        if folder.is_complete and not folder.is_refused:
            log.info("%s has landed before.", folder.pull)
        else:
            with loader.client(bot_id) as client:
                loader.source(bot_id).fetch(client, folder, loader.recorded(bot_id))
        loader.load_and_show(folder, min_users_ratio, force)

    bot_ids = loader.settings.bot_ids
    with loader.landing.lock():
        _for_each(bot_ids, pull_bot)


@_verb
def pulls(loader: _Loader) -> None:
    """List the pulls that the warehouse holds, and those that landed."""
    loaded = {(row["bot_id"], row["pull_id"]): row for row in loader.warehouse.committed_pulls()}
    landed = {(f.pull.bot_id, f.pull.pull_id): f for f in loader.landing.complete_pulls()}
    records = []
    for bot_id, pull_id in sorted(loaded | landed, key=lambda key: key[::-1]):
        row, folder = loaded.get((bot_id, pull_id), {}), landed.get((bot_id, pull_id))
        refusal = folder.refusal if folder and not row else ""
        records.append({
            "bot_id": bot_id, "pull_id": pull_id,
            "loaded": "yes" if row else "refused" if refusal else "no",
            "landed": "yes" if folder else "no",
            "users": row.get("users_rows", ""), "values": row.get("user_attributes_rows", ""),
            "broadcasts": row.get("broadcasts_rows", ""), "reason": refusal,
        })  # fmt: skip
    if loader.as_json:
        for record in records:
            loader.show("", **record)
        return
    if not records:
        loader.show("There is no pull yet. `python -m loader pull` makes the first one.")
    for bot_id in sorted({record["bot_id"] for record in records}):
        of_bot = [record for record in records if record["bot_id"] == bot_id]
        columns = ["pull_id", "loaded", "landed", "users", "values", "broadcasts"]
        loader.show_table(f"Pulls of bot {bot_id}", of_bot, columns)
        for record in of_bot:
            if record["reason"]:
                loader.show(f"{record['pull_id']}: {record['reason']}")


@_verb
@click.argument("pull_id", required=False)
@click.option(
    "--all", "everything", is_flag=True, help="Every pull that landed; names those that are refused again."
)
@_ratio
@_force
def reload(
    loader: _Loader, pull_id: str | None, everything: bool, min_users_ratio: float, force: bool
) -> None:
    """Load a pull again from the landing zone, or all of them."""
    if bool(pull_id) == everything:
        raise click.UsageError("Name a PULL_ID, or say --all. `pulls` lists what landed.")
    landed = loader.landing.complete_pulls()
    folders = [folder for folder in landed if everything or folder.pull.pull_id == pull_id]
    if not folders:
        what = f"complete pull {pull_id or ''}".strip()
        raise ConfigurationError(f"No {what} in {loader.landing.name}. `pulls` lists what landed.")

    def reload_pull(folder: PullFolder) -> None:
        if loader.is_there(folder):
            return
        was_refused = everything and folder.is_refused
        try:
            loader.load_and_show(folder, min_users_ratio, force)
        except (ContractError, RefusedError) as error:
            # A refusal whose cause is gone is gone; another is no news.
            if not was_refused:
                raise
            log.warning("%s is still refused: %s", folder.pull, error)

    with loader.landing.lock():
        names = {f"{folder.pull.bot_id}, pull {folder.pull.pull_id}": folder for folder in folders}
        _for_each(names, lambda name: reload_pull(names[name]))


@_verb
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_bot
@click.option(
    "--as-of",
    type=_Moment(takes_days=True),
    required=True,
    help="When it was saved: a moment, or a date alone.",
)
@_ratio
@_force
def import_(
    loader: _Loader, file: Path, bot_id: str, as_of: datetime, min_users_ratio: float, force: bool
) -> None:
    """Turn a CSV saved from Chatfuel's People page into a pull."""
    from loader.saved import land_saved

    folder = loader.landing.folder(Pull(bot_id, as_of))

    def import_file(_: str) -> None:
        if loader.is_there(folder):
            return
        land_saved(file, folder)
        loader.load_and_show(folder, min_users_ratio, force)

    with loader.landing.lock():
        _for_each([bot_id], import_file)


@_verb
@click.option(
    "--user",
    "user_id",
    required=True,
    # As the macro that cleans the warehouse; it comes after the landing zone.
    callback=_checked(lambda text: re.fullmatch(r"[A-Za-z0-9_.-]+", text), "{!r} is nobody's id."),
    help="The user's id, as Chatfuel spells it.",
)
@_bot
@_yes
def forget(loader: _Loader, user_id: str, bot_id: str, yes: bool) -> None:
    """Remove a person from the landing zone and the warehouse, on request. Says first what goes, and asks.

    To be run in the folder of the dbt project, whose tables it cleans: raw, history, snapshots, marts.
    """
    from loader.forget import find_user, forget_user

    arguments = json.dumps({"user_id": user_id, "bot_id": bot_id})
    # dbt's log and artifacts would keep the id.
    command = ["--no-write-json", "--log-level-file", "none", "run-operation", "forget_user"]
    command += ["--args", arguments, "--target", loader.target]
    landing = loader.landing
    with landing.lock():
        found, unread = {}, []
        for folder in [*landing.complete_pulls(), *landing.aside().complete_pulls()]:
            if folder.pull.bot_id == bot_id:
                try:
                    found[folder], errors = find_user(folder, user_id)
                except (RefusedError, OSError) as error:
                    errors = [str(error)]
                unread += errors
        leftovers = {
            name: size for name, size in landing.garbage(loader.loaded()).items() if name.parts[0] == bot_id
        }
        records = _garbage_records(landing, leftovers) + [
            {"remove": f"{folder.landing.name}/{folder.name}/{landed.name}", "rows": rows}
            for folder, files in found.items()
            for landed, rows in files.items()
        ]
        loader.ask(records, yes, "and their rows in the warehouse")
        # The landing zone first: from there the person could come back.
        for folder, files in found.items():
            forget_user(folder, user_id, files)
        for name in leftovers:
            landing.remove(name)
        rows = sum(sum(files.values()) for files in found.values())
        loader.show(f"{rows:8}  rows removed from the landing zone", landed_rows=rows)
        # dbt does not read .env, and must clean the warehouse that the loader fills.
        dbt = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", *command]
        ended = subprocess.run(dbt, check=False, env=environment())  # noqa: S603
    if ended.returncode:
        raise WarehouseError(
            "dbt did not finish: its message is above. When that is mended, run the same command again."
        )
    if unread:
        raise RefusedError(
            f"The person may still be in what could not be read: {' '.join(unread)}"
            " Then run the same command again."
        )


@_verb
@click.option("--notify", is_flag=True, help="Tell CHATFUEL_WEBHOOK_URL of a failure, or of the recovery.")
@click.option("--failed", help="What failed, as a scheduler saw it.", metavar="STEP")
def report(loader: _Loader, notify: bool, failed: str | None) -> None:
    """Show the state of pipeline and data in ten lines.

    What it says is rpt_chatfuel__health, a view that dbt makes, and what was most unusual lately.
    """
    from loader.report import make_report, tell

    found = make_report(loader.warehouse, failed)
    width = max(len(subject) for subject, _ in found.lines)
    try:
        for subject, state in found.lines:
            loader.show(f"{subject:{width}}  {state}", subject=subject, state=state)
    finally:
        # Also if it cannot be shown here.
        if notify and loader.settings.webhook_url:
            tell(loader.settings.webhook_url, found, loader.landing)
        elif notify:
            log.info("CHATFUEL_WEBHOOK_URL is not set: nobody is told.")


@_verb
@click.argument("pull_id")
@_bot
@_yes
def remove(loader: _Loader, pull_id: str, bot_id: str, yes: bool) -> None:
    """Take out a wrong pull: delete its rows, put its files aside. Asks first."""
    pull = Pull.named(bot_id, pull_id)
    if not pull:
        raise ConfigurationError(f"{pull_id!r} is no pull. `pulls` lists them.")
    with loader.landing.lock():
        names = loader.landing.names(loader.landing.folder(pull).name)
        is_loaded = pull in loader.loaded()
        if not names and not is_loaded:
            raise ConfigurationError(f"There is no pull {pull_id} of bot {bot_id}. `pulls` lists them.")
        what = [f"{loader.landing.name}/{name}, which is kept" for name in names]
        what += ["its rows in the warehouse"] * is_loaded
        loader.ask([{"remove": one} for one in what], yes)
        loader.warehouse.remove(pull)
        loader.landing.set_aside(names)
    kept = f"{loader.landing.name}/{REMOVED}"
    loader.show(
        f"{pull} is removed; its files are in {kept}. What was made of it goes by\n"
        f"  dbt build --vars '{{chatfuel_rebuild_from: {pull.pull_date}}}'",
        **_named(pull),
        status="removed",
        kept=kept,
    )


@_verb
@_yes
def gc(loader: _Loader, yes: bool) -> None:
    """Remove what interrupted runs left: rows without a ledger row, files of incomplete pulls.

    Says first what goes, and asks. Not while another machine pulls into the same warehouse.
    """
    with loader.landing.lock():
        leftovers = loader.landing.garbage(loader.loaded())
        records = _garbage_records(loader.landing, leftovers) + [
            {"remove": f"rows of {table} without a ledger row", "rows": rows}
            for table, rows in loader.warehouse.uncommitted().items()
            if rows
        ]
        if not records:
            loader.show("Nothing to remove.", remove=None)
            return
        loader.ask(records, yes)
        for name in leftovers:
            loader.landing.remove(name)
        loader.warehouse.remove_uncommitted()
        if not loader.as_json:
            loader.show("Removed.")


def _garbage_records(landing: Landing, leftovers: Mapping[PurePosixPath, int]) -> list[dict[str, Any]]:
    return [{"remove": f"{landing.name}/{name}", "bytes": size} for name, size in leftovers.items()]


def _named(pull: Pull) -> dict[str, str]:
    return {"bot_id": pull.bot_id, "pull_id": pull.pull_id}


def main() -> None:
    """Run the command line and end the process with the code that tells how it went."""
    _end_on_signals()
    try:
        code = _run(partial(cli.main, standalone_mode=False))
    except (click.Abort, KeyboardInterrupt):
        say("Interrupted. What was committed stays; run the same command again.", err=True)
        code = 128 + signal.SIGINT
    finally:
        # While Python ends, nobody is left to receive it, and the process would die of it.
        signal.setitimer(signal.ITIMER_REAL, 0)
    sys.exit(code)


def _end_on_signals() -> None:
    """End the process in order on SIGTERM as on SIGINT, also while it waits for an answer."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # Python heeds a signal between two steps of its main thread. One that the system hands to a thread of a
    # library, or that comes just before a read, would wait for the answer, minutes. An alarm ends every wait.
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.siginterrupt(signal.SIGALRM, False)
    signal.setitimer(signal.ITIMER_REAL, 1, 1)


def _for_each(names: Collection[str], run: Callable[[str], None]) -> None:
    """Run something for each bot; if one failed, end the process with the code of the first failure."""
    codes = [_run(partial(run, name), f"Bot {name}: " if len(names) > 1 else "") for name in names]
    if failed := [code for code in codes if code]:
        sys.exit(failed[0])


def _run(what: Callable[[], Any], where: str = "") -> int:
    """Run something and return the exit code that tells how it went; what it failed of is shown."""
    try:
        return what() or 0
    except click.Abort:
        raise
    except click.ClickException as error:
        error.message = where + error.message
        error.show()
        return error.exit_code
    except OSError as error:
        LandingError(f"{where}{error}. Mend that, or set CHATFUEL_LANDING to another folder.").show()
        return LandingError.exit_code
    except Exception:
        log.exception("%sunexpected error. Please report it with this traceback.", where)
        return LoaderError.exit_code


def _zone() -> ZoneInfo | None:
    """Return the time zone that dbt reports in; None, if this is not the project's folder.

    Raises:
        ConfigurationError: It is no time zone.
    """
    project = Path("dbt_project.yml")
    try:
        content = msgspec.yaml.decode(project.read_bytes())
        variables = content.get("vars") or {}
        variables = variables | (variables.get(content.get("name")) or {})
        return ZoneInfo(variables["chatfuel_timezone"])
    except FileNotFoundError:
        if project.exists():
            raise ConfigurationError(_NO_ZONE) from None
        return None
    except msgspec.DecodeError:
        raise ConfigurationError("dbt_project.yml is no YAML. Mend it.") from None
    except (KeyError, OSError, ValueError, TypeError, AttributeError):
        raise ConfigurationError(_NO_ZONE) from None


def _local_time() -> str:
    zone = _zone()
    if not zone:
        return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC (no dbt_project.yml here)"
    return f"{datetime.now(zone):%Y-%m-%d %H:%M} in {zone.key}"
