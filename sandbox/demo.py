"""``make demo``: three weeks of a simulated bot, pulled day by day, built by dbt, and shown.

It works in a folder of its own, ``data/demo/``, and begins afresh each time. With ``panel`` as its argument
the bot lives on Chatfuel's newer surface.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
import duckdb

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
        sent_date as sent,
        left(replace(message, chr(10), ' '), 50) as message,
        audience,
        recipients,
        known_recipients as known,
        format('{:.1f} %', 100 * open_rate) as opened,
        format('{:.1f} %', 100 * click_rate) as clicked,
        format('{:.1f} %', 100 * failure_rate) as failed
    from chatfuel.fct_chatfuel__broadcasts
    order by sent_at desc
    limit 5
"""


class StepError(Exception):
    """A step of the demo failed; the message is what it printed."""


def main(surface: str = "classic") -> int:
    """Run the demo.

    Args:
        surface: Where the bot lives: ``classic`` or ``panel``.

    Returns:
        The exit code: 0, 1 if a step failed, 130 if interrupted.
    """
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    try:
        collect(surface)
    except StepError as error:
        click.secho(f"The demo stopped. {error}", fg="red")
        return 1
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted. `make demo` begins afresh.")
        return 130
    show()
    return 0


def collect(surface: str) -> None:
    """Pull every day of the sandbox; build after the first pull, and after the last.

    Raises:
        StepError: A pull or a build failed.
    """
    with running() as sandbox:
        # an export of the panel is done at once: the loader would wait seconds for each
        sandbox.application.panel.seconds = 0
        click.echo("Pull the first day")
        pull(sandbox, surface, 0)
        click.echo("Build all tables (dbt build)")
        build()
        with click.progressbar(range(1, DAYS), label="Pull the days after it") as days:
            for day in days:
                pull(sandbox, surface, day)
        click.echo(f"Work off {DAYS - 1} pulls at once (dbt build)")
        build()
    click.echo("Build the dashboard")
    run(
        [sys.executable, "-m", "dashboard.build", "--output", str(DASHBOARD)],
        DBT_TARGET_PATH=str(TARGET),
        DBT_LOG_PATH=str(TARGET),
    )


def pull(sandbox: Sandbox, surface: str, day: int) -> None:
    """Pull the bot as it is on a day, dated in the sandbox's time."""
    as_of = iso(int(sandbox.move_to(day).timestamp()))
    run(
        [sys.executable, "-m", "loader", "pull", "--as-of", as_of],
        CHATFUEL_BASE_URL=sandbox.url,
        CHATFUEL_PANEL_URL=f"{sandbox.url}/panel",
        CHATFUEL_SURFACE=surface,
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


def show() -> None:
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
            click.secho(f"\n{title}", bold=True)
            # more KPIs than days: they go down, the days across
            show_table(zip(*rows, strict=True) if query is KPIS else rows)
    click.echo(f"\nThe warehouse, a DuckDB file: {WAREHOUSE}")
    click.echo(f"The responses, as served:     {LANDING}{os.sep}")
    click.echo("The docs of every table:      make docs")
    click.echo(f"The dashboard, open it:       {DASHBOARD}")


def show_table(rows: Iterable[Sequence[object]]) -> None:
    """Print rows as a table, numbers to the right."""
    columns = []
    for values in zip(*rows, strict=True):
        cells = [
            "–" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
            for value in values
        ]
        is_numeric, width = any(isinstance(value, int) for value in values), max(map(len, cells))
        columns.append([cell.rjust(width) if is_numeric else cell.ljust(width) for cell in cells])
    for row in zip(*columns, strict=True):
        click.echo("  ".join(row).rstrip())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
