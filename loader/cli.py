"""The command line. Results go to standard output; progress, logs and errors to standard error."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from loader import __version__
from loader.chatfuel import Chatfuel, Patience
from loader.errors import ConfigurationError, LoaderError
from loader.landing import Pull, PullFolder, Report, landed_pulls
from loader.logs import log_to_stderr
from loader.pull import fetch, is_committed, load
from loader.settings import read_settings
from loader.warehouse import TARGETS, Converted, Warehouse, open_warehouse

PATIENCE = Patience()

log = logging.getLogger(__name__)

_UNEXPECTED = "unexpected error. Please report it with this traceback."
_EXIT_CODES = """\b
Exit codes:
  0    done, also if there was nothing to do
  1    unexpected error
  2    configuration
  3    authentication
  4    Chatfuel cannot be reached
  5    Chatfuel answered what it never did before
  6    warehouse
  7    a gate refused the pull
  130  interrupted
With several bots, one that fails does not stop the others; the code is that of the first failure."""


class _Moment(click.ParamType):
    """An ISO 8601 moment with its time zone."""

    name = "moment"

    def convert(self, value, param, ctx) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a moment like 2024-06-26T07:30:00Z.", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value!r} has no time zone; add Z for UTC.", param, ctx)
        return moment.astimezone(UTC).replace(microsecond=0)


_target = click.option(
    "--target",
    type=click.Choice(TARGETS),
    default="dev",
    show_default=True,
    help="The warehouse: dev is DuckDB, prod BigQuery, emulator a BigQuery emulator.",
)
_ratio = click.option(
    "--min-users-ratio",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Refuse a pull with a smaller share of the users of the pull before.",
)


@click.group(epilog=_EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.pass_context
def cli(context: click.Context) -> None:
    """Pull a Chatfuel bot and load it into a warehouse.

    Settings come from the environment or from .env; .env.example names them all.
    """
    # Whatever the loader creates holds personal data: only the owner may read it.
    previous = os.umask(0o077)
    context.call_on_close(lambda: os.umask(previous))
    log_to_stderr()


@cli.command()
@_target
def check(target: str) -> None:
    """Try token, bots, landing zone and warehouse. Writes nothing."""
    settings = read_settings()
    warehouse = open_warehouse(target, settings)

    def check_bot(bot_id: str) -> None:
        with closing(Chatfuel(settings.base_url, settings.token, PATIENCE)) as client:
            attributes = client.attributes(bot_id).content
        click.echo(f"ok  bot {bot_id}: {len(attributes)} attributes")

    _for_each(settings.bot_ids, check_bot)
    folder = settings.landing.absolute()
    while not folder.exists():
        folder = folder.parent
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise ConfigurationError(f"Landing zone {settings.landing} cannot be written. Set CHATFUEL_LANDING.")
    click.echo(f"ok  landing zone {settings.landing}")
    click.echo(f"ok  warehouse {target}: {len(warehouse.committed_pulls())} pulls")


@cli.command()
@_target
@_ratio
@click.option(
    "--as-of",
    type=_Moment(),
    default=lambda: datetime.now(UTC).isoformat(),
    show_default="now",
    help="The moment that dates the pull, as 2024-06-26T07:30:00Z.",
)
def pull(target: str, min_users_ratio: float, as_of: datetime) -> None:
    """Fetch everything from Chatfuel and load it."""
    settings = read_settings()
    warehouse = open_warehouse(target, settings)
    token = settings.token

    def pull_bot(bot_id: str) -> None:
        folder = PullFolder(settings.landing, Pull(bot_id, as_of))
        if _is_there(warehouse, folder):
            return
        with _progress() as report:
            if folder.is_complete and not folder.is_refused:
                log.info("Pull %s of bot %s has landed before.", folder.pull.pull_id, bot_id)
            else:
                with closing(Chatfuel(settings.base_url, token, PATIENCE)) as client:
                    fetch(client, folder, warehouse.recorded_broadcasts(bot_id), report)
            converted = load(warehouse, folder, min_users_ratio, report)
        _print_loaded(folder, converted)

    _for_each(settings.bot_ids, pull_bot)


@cli.command()
@click.argument("pull_id")
@_target
@_ratio
def reload(pull_id: str, target: str, min_users_ratio: float) -> None:
    """Load a pull again from the landing zone."""
    settings = read_settings()
    warehouse = open_warehouse(target, settings)
    folders = {f.pull.bot_id: f for f in landed_pulls(settings.landing) if f.pull.pull_id == pull_id}
    if not folders:
        raise ConfigurationError(
            f"No complete pull {pull_id} in {settings.landing}. `pulls` lists what was loaded."
        )

    def reload_bot(bot_id: str) -> None:
        folder = folders[bot_id]
        if _is_there(warehouse, folder):
            return
        with _progress() as report:
            converted = load(warehouse, folder, min_users_ratio, report)
        _print_loaded(folder, converted)

    _for_each(tuple(folders), reload_bot)


@cli.command()
@_target
def pulls(target: str) -> None:
    """List the pulls that the warehouse holds."""
    rows = open_warehouse(target, read_settings()).committed_pulls()
    table = Table("bot", "pull", title="Pulls")
    for column in ("users", "values", "broadcasts"):
        table.add_column(column, justify="right")
    for row in rows:
        counts = (row["users_rows"], row["user_attributes_rows"], row["broadcasts_rows"])
        table.add_row(row["bot_id"], row["pull_id"], *(f"{count:,}" for count in counts))
    Console().print(table)


def main() -> None:
    """Run the command line and end the process with the code that tells how it went."""
    _end_on_signals()
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted. What was committed stays; run the same command again.", err=True)
        code = 128 + signal.SIGINT
    except Exception:
        log.exception(_UNEXPECTED)
        code = LoaderError.exit_code
    sys.exit(code)


def _end_on_signals() -> None:
    """End the process in order on SIGTERM as on SIGINT, also while it waits for an answer."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # Python heeds a signal between two steps of its main thread. One that the system hands to a thread of a
    # library, or that comes just before a read, would wait for the answer, minutes. An alarm ends every wait.
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.siginterrupt(signal.SIGALRM, False)
    signal.setitimer(signal.ITIMER_REAL, 1, 1)


def _for_each(bot_ids: Sequence[str], run: Callable[[str], None]) -> None:
    """Run something for each bot; if one failed, end the process with the code of the first failure."""
    codes = []
    for bot_id in bot_ids:
        try:
            run(bot_id)
        except LoaderError as error:
            if len(bot_ids) > 1:
                error.message = f"Bot {bot_id}: {error.message}"
            error.show()
            codes.append(error.exit_code)
        except OSError as error:
            click.echo(f"Error: {error}. Mend that, or set CHATFUEL_LANDING to another folder.", err=True)
            codes.append(ConfigurationError.exit_code)
        except Exception:
            log.exception("Bot %s: %s", bot_id, _UNEXPECTED)
            codes.append(LoaderError.exit_code)
    if codes:
        sys.exit(codes[0])


def _is_there(warehouse: Warehouse, folder: PullFolder) -> bool:
    if is_committed(warehouse, folder):
        click.echo(f"Pull {folder.pull.pull_id} of bot {folder.pull.bot_id} is already there.")
        return True
    return False


@contextmanager
def _progress() -> Iterator[Report]:
    console = Console(stderr=True)
    columns = (
        BarColumn(20),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[size]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None, size="")

        def report(what: str, size: int) -> None:
            progress.update(task, description=what, size=decimal(size) if size else "")

        yield report


def _print_loaded(folder: PullFolder, converted: Converted) -> None:
    click.echo(f"Pull {folder.pull.pull_id} of bot {folder.pull.bot_id} is loaded:")
    table = Table("table")
    table.add_column("rows", justify="right")
    for name, rows in converted.rows.items():
        table.add_row(name, f"{rows:,}")
    Console().print(table)
