"""What is measured: how large, part after part, and the ratios that have an aim."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import conversion, pull, rivals
from benchmarks.measure import StepError, call
from benchmarks.warehouse import Shape, Warehouse

Record = dict[str, Any]

# pandas and dlt get no more than this, so that they fail before the machine does.
RIVAL_BYTES = 16 << 30
RIVAL_SECONDS = 240


class Size(NamedTuple):
    """How much is measured.

    Attributes:
        bot: The bot of the daily build.
        pulled_users: Users of the bots that are pulled from the sandbox; pandas gets the first.
        repeats: How often a conversion and a join are measured.
        backlogs: Pulls that are worked off at once, after day 2.
        days: The days, after the second, whose build is measured.
        year: Days of the year of a small bot that is built at once.
        parts: What is measured unless parts are named.
    """

    bot: Shape
    pulled_users: tuple[int, int]
    repeats: int
    backlogs: tuple[int, int]
    days: tuple[int, ...]
    year: int
    parts: tuple[str, ...] = ("daily_build", "pulls", "small_bot", "growth", "long_backlog")


SIZES = {
    "tiny": Size(Shape(200, 60, recipients=50), (40, 80), 1, (2, 3), (4, 8), 2),
    # a small bot has no growth to see: dbt's own work is all that it costs
    "small": Size(
        Shape(2_000, 300, recipients=200), (1_000, 2_000), 1, (3, 6), (30,), 30, ("daily_build", "pulls")
    ),
    "full": Size(Shape(500_000, 1_700, recipients=50_000), (100_000, 500_000), 2, (7, 30), (30, 365), 365),
}
SMALL_BOT = Shape(2_000, 300, recipients=200)


class Measure(NamedTuple):
    """A number with an aim: ``record.field``, or its ratio to another; bytes are given in MB."""

    what: str
    of: str
    to: str | None = None
    at_most: float | None = None
    at_least: float | None = None


MEASURES = (
    Measure("models of day 2 / bare full join", "models.nodes_seconds", "full join.seconds", 4),
    Measure("versions alone, written / bare full join", "versions.versions_seconds", "full join.seconds", 2),
    Measure("day 365 / day 2", "last day.seconds", "day 2.seconds", 1.1),
    Measure("day 365 / day 2, in CPU", "last day.cpu_seconds", "day 2.cpu_seconds", 1.1),
    Measure("models of a backlog of 7 pulls / of day 2", "backlog.models_seconds", "day 2.models_seconds", 7),
    Measure("models of a backlog of 7 pulls, seconds", "backlog.models_seconds", None, 200),
    Measure("all our models / dbt snapshot of the values", "models.seconds", "dbt snapshot.seconds", 0.9),
    Measure("first build of a year of a small bot, seconds", "year.seconds", None, 180),
    Measure("peak memory of the build of 1 pull, MB", "day 2.peak_bytes", None, 4000),
    Measure("peak memory of the build of 30 pulls, MB", "long backlog.peak_bytes", None, 4000),
    Measure("data tests / models, day 2", "day 2.tests_seconds", "day 2.models_seconds", 0.5),
    Measure("conversion / bare scan", "ours.seconds", "floor.seconds", 1),
    Measure("the same, five times the users", "ours, large.seconds", "floor, large.seconds", 1),
    Measure("pandas / our conversion", "pandas.seconds", "ours.seconds", None, 6),
    Measure("peak memory of the conversion, 500,000 users, MB", "ours, large.peak_bytes", None, 300),
    Measure("the same / 100,000 users", "ours, large.peak_bytes", "ours.peak_bytes", 1.1),
    Measure("whole pull of 500,000 users, seconds", "pull, large.seconds", None, 60),
    Measure("peak memory of the whole pull, MB", "pull, large.peak_bytes", None, 500),
)


@dataclass
class Bench:
    """One run.

    Attributes:
        size: How much is measured.
        folder: Where data goes; what a part leaves there, it removes.
        rivals_python: The interpreter that has pandas and dlt.
    """

    size: Size
    folder: Path
    rivals_python: Path

    def warehouse(self, name: str, shape: Shape) -> Warehouse:
        """Return an empty warehouse, in place of one of that name."""
        path = self.folder / f"{name}.duckdb"
        path.unlink(missing_ok=True)
        return Warehouse(path, shape)

    def copy(self, warehouse: Warehouse, name: str) -> Warehouse:
        """Return a copy of a warehouse."""
        copy = self.warehouse(name, warehouse.shape)
        shutil.copy(warehouse.path, copy.path)
        return copy

    def rival(self, name: str, function: str, *arguments: str) -> Record:
        """Measure what may fail: a rival."""
        limits = {"most_bytes": RIVAL_BYTES, "most_seconds": RIVAL_SECONDS}
        try:
            return {"name": name} | call(function, *arguments, python=self.rivals_python, **limits).record
        except StepError as error:
            return {"name": name, "failed": str(error)[-300:]}

    def daily_build(self) -> Iterator[Record]:
        """Day 1, day 2 and what it is compared with, a backlog, and days of a long history."""
        size = self.size
        warehouse = self.warehouse("daily", size.bot)
        warehouse.pull(1)
        yield {"name": "day 1"} | warehouse.build()
        warehouse.pull(2)
        for _ in range(size.repeats):
            alone = self.copy(warehouse, "alone")
            yield {"name": "versions"} | alone.dbt("run", "--select", "+int_chatfuel__attribute_versions")
            alone = self.copy(warehouse, "alone")
            yield {"name": "models"} | alone.build("--exclude-resource-type", "test")
            yield {"name": "full join"} | call("benchmarks.warehouse:full_join", str(alone.path)).record
        alone.path.unlink()
        yield from self.rival_histories(warehouse)
        yield {"name": "day 2"} | warehouse.build()
        # backlogs begin here; the file stays for the long one
        shutil.copy(warehouse.path, self.folder / "day_2.kept")
        yield from self.work_off("backlog", size.backlogs[0], weekly=True)
        for day in size.days:
            warehouse.fill(day - 1)
            warehouse.pull(day)
            name = "last day" if day == size.days[-1] else f"day {day}"
            yield {"name": name, "day": day} | warehouse.build()
        warehouse.path.unlink()

    def work_off(self, name: str, pulls: int, *, weekly: bool = False) -> Iterator[Record]:
        """Pull for some days after day 2, and build them at once."""
        backlog = self.warehouse("backlog", self.size.bot)
        shutil.copy(self.folder / "day_2.kept", backlog.path)
        backlog.pull(3, 2 + pulls)
        yield {"name": name, "pulls": pulls} | backlog.build()
        if weekly:
            yield {"name": "weekly"} | backlog.dbt("test", "--select", "tag:weekly")
        backlog.path.unlink()

    def long_backlog(self) -> Iterator[Record]:
        """As many pulls at once as memory should not notice; after ``daily_build``."""
        yield from self.work_off("long backlog", self.size.backlogs[1])

    def rival_histories(self, warehouse: Warehouse) -> Iterator[Record]:
        """Have dbt's snapshots and dlt work through the two pulls of a warehouse."""
        copy, folder = self.copy(warehouse, "rival"), self.folder / "dlt"
        folder.mkdir(exist_ok=True)
        pull_ids = call("benchmarks.warehouse:pull_ids", str(copy.path)).result["pull_ids"]
        for name, pull_id in zip(("dlt, day 1", "dlt scd2"), pull_ids, strict=True):
            yield self.rival(name, "benchmarks.rivals:scd2", str(copy.path), str(folder), pull_id)
        shutil.rmtree(folder)
        for name, pull_id in zip(("dbt snapshot, day 1", "dbt snapshot"), pull_ids, strict=True):
            yield {"name": name} | rivals.snapshot(copy.path, pull_id)
        shutil.rmtree(copy.path.with_suffix(".snapshots"))
        copy.path.unlink()

    def pulls(self) -> Iterator[Record]:
        """Whole pulls from the sandbox, and the conversion of what landed, beside a bare scan and the rivals."""
        for users, suffix in zip(self.size.pulled_users, ("", ", large"), strict=True):
            landing, exports = self.folder / "landing", self.folder / "exports"
            shutil.rmtree(landing, ignore_errors=True)
            with pull.sandbox(users, self.size.bot.attributes) as url:
                yield {"name": f"pull{suffix}"} | call("benchmarks.pull:whole", url, str(landing)).record
            landing.with_suffix(".duckdb").unlink()
            for name in ("floor", "ours") * self.size.repeats:
                measured = call(f"benchmarks.conversion:{name}", str(landing)).record
                yield {"name": f"{name}{suffix}"} | measured
            if not suffix:
                conversion.unpack(landing, exports)
                yield self.rival("pandas", "benchmarks.conversion:pandas", str(exports), str(exports))
                shutil.rmtree(exports)
            shutil.rmtree(landing)

    def small_bot(self) -> Iterator[Record]:
        """A year of a small bot, built at once."""
        warehouse = self.warehouse("year", SMALL_BOT)
        warehouse.pull(1, self.size.year)
        yield {"name": "year", "days": self.size.year} | warehouse.build()
        warehouse.path.unlink()

    def growth(self) -> Iterator[Record]:
        """Twice the users, twice the attributes and values, ten times the changes."""
        bot = self.size.bot
        base = replace(bot, users=bot.users // 10, recipients=bot.recipients // 10)
        for name, changes in {
            "base": {},
            "users x 2": {"users": 2 * base.users, "recipients": 2 * base.recipients},
            "attributes x 2": {"attributes": 2 * base.attributes, "values": 2 * base.values},
            "changes x 10": {"changed": 10 * base.changed},
        }.items():
            warehouse = self.warehouse("growth", replace(base, **changes))
            warehouse.pull(1)
            warehouse.build("--exclude-resource-type", "test")
            warehouse.pull(2)
            yield {"name": name} | warehouse.build()
            warehouse.path.unlink()


PARTS: dict[str, Callable[[Bench], Iterator[Record]]] = {
    name: getattr(Bench, name) for name in SIZES["full"].parts
}
