"""``python -m benchmarks.compared``: what four ways to keep a history say of the example in ``docs/events.md``.

Each is given the same pulls, one day after the other. The table goes into ``docs/compared.md``. It needs what
``make bench`` installs into ``data/bench/venv``.
"""

from __future__ import annotations

import re
import sys
import tempfile
from datetime import datetime
from pathlib import Path

import duckdb

from benchmarks import rivals
from benchmarks.measure import ROOT, call, run
from tests.pipeline.bots import Pull, write_pulls

PAGE = ROOT / "docs" / "compared.md"
MARKER = "<!-- made by benchmarks/compared.py -->\n"
WAYS = ("this project", "dbt snapshot", "dlt, scd2", "overwritten")

# What a way says, by the day and the user of the example.
Said = dict[tuple[str, str], list[str]]
# Versions of values: user, attribute, value, beginning, end.
Versions = set[tuple[str, str, str, datetime, datetime | None]]

HAPPENED = {
    ("4 June", "Ann"): "changed color from red to blue",
    ("4 June", "Bob"): "emptied color",
    ("4 June", "Cleo"): "left the bot",
    ("4 June", "Dan"): "signed up, with color pink",
    ("5 June", "Ann"): "nothing: the team hid the attribute size",
    ("5 June", "Bob"): "chose red again",
    ("6 June", "Ann"): "nothing: the team listed size again",
    ("6 June", "Cleo"): "came back, in green: changed on some day since 3 June",
    ("6 June", "Dan"): "left the bot",
}


def example() -> list[Pull]:
    """Return the pulls of the example."""
    text = (ROOT / "docs" / "events.md").read_text().split("<!-- example: pulls -->\n")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    (_, *days), _, (_, *catalogues), *users = rows
    return [
        Pull(
            f"{datetime.strptime(f'{day} 2024 07:30', '%d %B %Y %H:%M')}",
            {user: dict(re.findall(r"(\w+): (\w+)", cells[n])) for user, *cells in users if cells[n] != "–"},
            catalogues[n].split(", "),
        )
        for n, day in enumerate(days)
    ]


def day_of(moment: object) -> str:
    """Return a moment of the example's year as its table writes days."""
    at = datetime.fromisoformat(str(moment))
    return f"{at.day} {at:%B}"


def ours(path: Path) -> Said:
    """Have this project derive its events."""
    settings = {"CHATFUEL_DUCKDB_PATH": str(path), "DBT_PROFILES_DIR": str(ROOT)}
    target = {"DBT_TARGET_PATH": str(path.parent / "target"), "DBT_LOG_PATH": str(path.parent / "target")}
    dbt = str(Path(sys.executable).with_name("dbt"))
    run([dbt, "--quiet", "run", "--select", "+fct_chatfuel__user_events"], settings | target)
    said: Said = {}
    with duckdb.connect(str(path), read_only=True) as connection:
        events = connection.execute(
            "select observed_at, chatfuel_user_id, event_type, attribute_name, old_value, new_value, observed_after"
            " from chatfuel.fct_chatfuel__user_events order by observed_at, event_type desc"
        ).fetchall()
    for seen, user, event, attribute, old, new, before in events:
        text = f"`{event}`" + (f" {attribute}: {old or 'nothing'} to {new or 'nothing'}" if attribute else "")
        long = (seen - before).days > 1
        said.setdefault((day_of(seen), user), []).append(text + (f", since {day_of(before)}" if long else ""))
    return said


def differences(day: str, before: Versions, after: Versions, said: Said) -> None:
    """Add what a table of versions says of a day: which began, and which ended, if not on that day then when."""
    for user, attribute, value, _, ended in sorted(after - before, key=str):
        text = f"{attribute} {value} begins" if ended is None else f"{attribute} {value} ends"
        if ended is not None and day_of(ended) != day:
            text += " (dated when it ran)"
        said.setdefault((day, user), []).append(text)


def snapshot(path: Path, pull: Pull) -> Versions:
    """Have dbt take its snapshot of a pull; return all versions."""
    rivals.snapshot(path, pull.pull_id)
    return versions(path, "rival.values_snapshot", "dbt_valid_from, dbt_valid_to")


def scd2(path: Path, pull: Pull) -> Versions:
    """Have dlt merge a pull; return all versions."""
    folder = path.with_suffix(".dlt")
    folder.mkdir(exist_ok=True)
    python = ROOT / "data" / "bench" / "venv" / "bin" / "python"
    call("benchmarks.rivals:scd2", str(path), str(folder), pull.pull_id, python=python)
    return versions(
        folder / "dlt.duckdb", "d.history", "_dlt_valid_from::timestamp, _dlt_valid_to::timestamp"
    )


def versions(path: Path, table: str, times: str) -> Versions:
    """Return the versions in a table."""
    with duckdb.connect(str(path), read_only=True) as connection:
        columns = f"chatfuel_user_id, attribute_name, attribute_value, {times}"
        return set(connection.execute(f"select {columns} from {table}").fetchall())


def overwritten(pulls: list[Pull]) -> Said:
    """Keep one value for each user and attribute, as the first version of this pipeline did."""
    said: Said = {}
    values: dict[tuple[str, str], str] = {}
    for pull in pulls:
        now = {(user, name): value for user, had in pull.users.items() for name, value in had.items()}
        for (user, name), value in sorted(now.items() - values.items()):
            said.setdefault((day_of(pull.pulled_at), user), []).append(f"{name} is {value}")
        values |= now
    return said


def main(ways: tuple[str, ...] = WAYS) -> list[tuple[str, ...]]:
    """Run the ways, and return the rows of the table: day, user, what happened, what each way says."""
    pulls, said = example(), {way: {} for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "example.duckdb"
        with duckdb.connect(str(path)) as connection:
            write_pulls(connection, pulls)
        for way, keep in (("dbt snapshot", snapshot), ("dlt, scd2", scd2)):
            before: Versions = set()
            for pull in pulls if way in ways else ():
                after = keep(path, pull)
                # the first pull is where each of them begins
                differences(day_of(pull.pulled_at), before, after, said[way] if before else {})
                before = after
        if "this project" in ways:
            said["this project"] = ours(path)
    said["overwritten"] = overwritten(pulls)
    return [
        (*key, what, *("; ".join(said[way].get(key, ["–"])) for way in ways))
        for key, what in HAPPENED.items()
    ]


if __name__ == "__main__":
    rows = [("day", "user", "what happened", *WAYS), ("---",) * (3 + len(WAYS)), *main()]
    before, _, after = PAGE.read_text().partition(MARKER)
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    PAGE.write_text(before + MARKER + table + "\n" + after.split("\n\n", 1)[1])
