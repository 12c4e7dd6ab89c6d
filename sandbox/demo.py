"""``make demo``: three weeks of a simulated bot, pulled day by day, built by dbt, and shown.

It works in a folder of its own, ``data/demo/``, and begins afresh each time.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb
from rich.console import Console
from rich.progress import (
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from sandbox.clock import iso
from sandbox.server import Sandbox, running

DAYS = 21
FOLDER = Path("data/demo")
LANDING = FOLDER / "landing"
WAREHOUSE = FOLDER / "demo.duckdb"
TARGET = FOLDER / "target"
DASHBOARD = FOLDER / "dashboard.html"

PULLS = """
    select
        pull_id as pull,
        users_rows as users,
        attributes_rows as attributes,
        user_attributes_rows as "values",
        broadcasts_rows as broadcasts,
        broadcast_recipients_rows as "new recipients"
    from chatfuel_raw.pulls
    order by pull_id
"""
EVENTS = """
    select
        event_type as event,
        count(*) as events,
        count(distinct chatfuel_user_id) as users,
        min(activity_date) as first,
        max(activity_date) as last
    from chatfuel.fct_chatfuel__user_events
    group by event_type
    order by events desc
"""
KPIS = """
    select
        strftime(date, '%a %d') as "users a day",
        new_subscribers, active_users, blocked, unsubscribed, phone_numbers, emails,
        lead, hot_lead, advocate, hero, support, on_the_fence, oppose
    from chatfuel.rpt_chatfuel__daily_kpis
    qualify row_number() over (order by date desc) <= 7
    order by date
"""
BROADCASTS = """
    select
        sent_at::date as sent,
        replace(message, chr(10), ' ') as message,
        audience,
        recipients,
        format('{:.1f} %', 100 * open_rate) as opened,
        format('{:.1f} %', 100 * click_rate) as clicked,
        format('{:.1f} %', 100 * failure_rate) as failed
    from chatfuel.fct_chatfuel__broadcasts
    order by sent_at desc
    limit 5
"""


class StepError(Exception):
    """A step of the demo failed; the message is what it printed."""


def main() -> int:
    """Run the demo.

    Returns:
        The exit code: 0, 1 if a step failed, 130 if interrupted.
    """
    # where nobody looks at a terminal, tables need not be as narrow as one
    console = Console(width=None if sys.stdout.isatty() else 120)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    try:
        collect(console)
    except StepError as error:
        console.print(Text(f"The demo stopped. {error}"), style="red")
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted. `make demo` begins afresh.")
        return 130
    show(console)
    return 0


def collect(console: Console) -> None:
    """Pull every day of the sandbox; build after the first pull, and after the last.

    Raises:
        StepError: A pull or a build failed.
    """
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with running() as sandbox, Progress(*columns, console=console) as progress:
        first = progress.add_task("Pull the first day", total=1)
        pull(sandbox, 0)
        progress.advance(first)

        first_build = progress.add_task("Build all tables (dbt build)", total=1)
        build()
        progress.advance(first_build)

        days = progress.add_task("Pull the days after it", total=DAYS - 1)
        for day in range(1, DAYS):
            pull(sandbox, day)
            progress.advance(days)

        last_build = progress.add_task(f"Work off {DAYS - 1} pulls at once (dbt build)", total=1)
        build()
        progress.advance(last_build)

        page = progress.add_task("Build the dashboard", total=1)
        run(
            [sys.executable, "-m", "dashboard.build", "--output", str(DASHBOARD)],
            DBT_TARGET_PATH=str(TARGET),
            DBT_LOG_PATH=str(TARGET),
        )
        progress.advance(page)


def pull(sandbox: Sandbox, day: int) -> None:
    """Pull the bot as it is on a day, dated in the sandbox's time."""
    as_of = iso(int(sandbox.move_to(day).timestamp()))
    run(
        [sys.executable, "-m", "loader", "pull", "--as-of", as_of],
        CHATFUEL_BASE_URL=sandbox.url,
        CHATFUEL_TOKEN=sandbox.token,
        CHATFUEL_BOT_ID=sandbox.bot_id,
        CHATFUEL_LANDING=str(LANDING),
    )


def build() -> None:
    """Build everything from the pulls there are, data tests included."""
    dbt = str(Path(sys.executable).with_name("dbt"))
    paths = ["--target-path", str(TARGET), "--log-path", str(TARGET)]
    run([dbt, "--quiet", "build", "--exclude-resource-type", "unit_test", *paths])


def run(command: list[str], **environment: str) -> None:
    """Run a step on the demo's warehouse, with no setting of the caller's.

    Raises:
        StepError: It failed.
    """
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("CHATFUEL_", "DBT_"))
    }
    settings = {"CHATFUEL_DUCKDB_PATH": str(WAREHOUSE), "DBT_PROFILES_DIR": str(Path.cwd())}
    step = subprocess.run(  # noqa: S603
        command, env=inherited | settings | environment, capture_output=True, text=True, check=False
    )
    if step.returncode != 0:
        raise StepError(f"This failed: {' '.join(command)}\n{step.stdout}{step.stderr}")


def show(console: Console) -> None:
    """Print what the pulls and the tables built from them hold."""
    with duckdb.connect(str(WAREHOUSE), read_only=True) as warehouse:
        for title, query in {
            "Pulls": PULLS,
            "Events": EVENTS,
            "KPIs of the last 7 days": KPIS,
            "The last broadcasts": BROADCASTS,
        }.items():
            result = warehouse.execute(query)
            rows = [[column[0] for column in result.description], *result.fetchall()]
            # more KPIs than days: they go down, the days across
            console.print(table(title, zip(*rows, strict=True) if query is KPIS else rows))
    console.print(f"The warehouse, a DuckDB file: {WAREHOUSE}")
    console.print(f"The responses, as served:     {LANDING}{os.sep}")
    console.print("The docs of every table:      make docs")
    console.print(f"The dashboard, open it:       {DASHBOARD}")


def table(title: str, rows: Iterable[Sequence[object]]) -> Table:
    """Return rows, of which the first is the header, as a table with its numbers to the right."""
    header, *rows = rows
    shown = Table(title=title, title_justify="left", title_style="bold")
    for name, *values in zip(header, *rows, strict=True):
        numeric = any(isinstance(value, int) for value in values)
        shown.add_column(Text(str(name)), justify="right" if numeric else "left")
    for row in rows:
        shown.add_row(*(cell(value) for value in row))
    return shown


def cell(value: object) -> Text:
    """Return a value as people read it, with nothing in it taken for markup."""
    if value is None:
        return Text("–")
    return Text(f"{value:,}" if isinstance(value, int) else str(value))


if __name__ == "__main__":
    sys.exit(main())
