"""``python -m benchmarks``: measure, part after part, and write ``benchmarks/RESULTS.md``.

What was measured is kept in ``data/bench/`` as it comes; a part that is run again replaces its own.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import dashboard, pull, report, rivals
from benchmarks.daily_build import Shape, Warehouse
from benchmarks.measure import ROOT, StepError, call
from benchmarks.sizes import Size

HERE = Path(__file__).parent
# pandas and dlt get no more than this, so that they fail before the machine does.
RIVAL_BYTES = 16 << 30
RIVAL_SECONDS = 240

Record = dict[str, Any]


SIZES = {
    "tiny": Size(
        bot=Shape(200, 60, recipients=50),
        wide_users=300,
        repeats=1,
        growth_bot=Shape(100, 60, recipients=20),
        backlog=2,
        days=(4, 8),
        dashboard_days=12,
    ),
    "small": Size(
        bot=Shape(2_000, 300, recipients=200),
        wide_users=2_000,
        repeats=1,
        growth_bot=Shape(1_000, 300, recipients=100),
        backlog=3,
        days=(30,),
        dashboard_days=60,
        parts=("daily_build", "wide_to_long", "whole_pull"),
    ),
    "full": Size(
        bot=Shape(500_000, 1_700, recipients=50_000),
        wide_users=100_000,
        repeats=2,
        growth_bot=Shape(50_000, 1_700, recipients=5_000),
        backlog=7,
        days=(30, 365),
        dashboard_days=1095,
    ),
}


class Bench:
    """One run.

    Attributes:
        size: How much is measured.
        folder: Where data goes; what a part leaves there, it removes.
        rivals_python: The interpreter that has pandas and dlt.
    """

    def __init__(self, size: Size, folder: Path, rivals_python: Path) -> None:
        self.size = size
        self.folder = folder
        self.rivals_python = rivals_python

    def warehouse(self, name: str, shape: Shape) -> Warehouse:
        """Return an empty warehouse, in place of one of that name."""
        path = self.folder / f"{name}.duckdb"
        path.unlink(missing_ok=True)
        return Warehouse(path, shape)

    def copy(self, warehouse: Warehouse, name: str, **changes: Any) -> Warehouse:
        """Return a copy of a warehouse, whose bot may go on differently."""
        copy = self.warehouse(name, replace(warehouse.shape, **changes))
        shutil.copy(warehouse.path, copy.path)
        return copy

    def whole_pull(self) -> Iterator[Record]:
        """Part 2, and what part 1 needs of it: a pull at full size that landed."""
        bot = self.size.bot
        landing = self.folder / "landing"
        with pull.sandbox(bot.users, bot.attributes) as url:
            yield {"name": "pull"} | call("benchmarks.pull:whole", url, str(landing)).record
            yield {"name": "parts"} | call("benchmarks.pull:parts", url, str(landing)).record
        landing.with_suffix(".duckdb").unlink()
        for name in ("ours", "floor"):
            for _ in range(min(2, self.size.repeats)):
                measured = call(f"benchmarks.wide_to_long:{name}", str(landing))
                yield {"name": f"{name}, whole pull"} | measured.record
        shutil.rmtree(landing)

    def wide_to_long(self) -> Iterator[Record]:
        """Part 1."""
        bot, users = self.size.bot, self.size.wide_users
        export, landing = self.folder / "export" / "users.csv", self.folder / "landing"
        export.parent.mkdir(exist_ok=True)
        made = call("benchmarks.data:write_export", str(export), users, bot.attributes, bot.values)
        yield {"name": "export", "users": users, "attributes": bot.attributes, **made.result}
        call("benchmarks.wide_to_long:land", str(export), str(landing), min(1500, bot.attributes))
        for _ in range(self.size.repeats):
            for name in ("floor", "ours"):
                yield {"name": name} | call(f"benchmarks.wide_to_long:{name}", str(landing)).record
        shutil.rmtree(landing)
        for name in ("pandas", "dlt"):
            output = self.folder / name
            output.mkdir()
            where = output if name == "dlt" else output / "long.parquet"
            yield self.rival(name, f"benchmarks.wide_to_long:{name}", str(export), str(where))
            shutil.rmtree(output)
        shutil.rmtree(export.parent)

    def rival(self, name: str, function: str, *arguments: str) -> Record:
        """Measure what may fail: a rival."""
        try:
            measured = call(
                function,
                *arguments,
                python=self.rivals_python,
                most_bytes=RIVAL_BYTES,
                most_seconds=RIVAL_SECONDS,
            )
        except StepError as error:
            return {"name": name, "failed": str(error)[-300:]}
        return {"name": name} | measured.record

    def daily_build(self) -> Iterator[Record]:
        """Parts 3 and 4."""
        size = self.size
        warehouse = self.warehouse("daily", size.bot)
        warehouse.pull(1)
        yield {"name": "day 1"} | warehouse.build()
        warehouse.pull(2)
        for _ in range(size.repeats):
            alone = self.copy(warehouse, "alone")
            yield {"name": "models"} | alone.build("--exclude-resource-type", "test")
            yield {"name": "full join"} | call("benchmarks.daily_build:full_join", str(alone.path)).record
        alone.path.unlink()
        yield from self.rival_histories(warehouse)
        yield {"name": "day 2"} | warehouse.build()
        yield self.storage(warehouse, 2)
        backlog = self.copy(warehouse, "backlog")
        for day in range(3, 3 + size.backlog):
            backlog.pull(day)
        yield {"name": "backlog"} | backlog.build()
        yield {"name": "weekly"} | backlog.test()
        backlog.path.unlink()
        for day in size.days:
            warehouse.fill(day - 1)
            warehouse.pull(day)
            yield {"name": f"day {day}"} | warehouse.build()
            yield self.storage(warehouse, day)
        warehouse.path.unlink()

    def storage(self, warehouse: Warehouse, day: int) -> Record:
        """Return what the tables of a warehouse take on a day."""
        tables = call("benchmarks.daily_build:storage", str(warehouse.path)).result
        return {"name": "storage", "day": day, "tables": tables}

    def growth(self) -> Iterator[Record]:
        """Part 5, and the pages of part 6, at a smaller size."""
        base = self.size.growth_bot
        shapes = {
            "base": base,
            "users x 2": replace(base, users=2 * base.users, recipients=2 * base.recipients),
            "attributes x 2": replace(base, attributes=2 * base.attributes, values=2 * base.values),
        }
        for name, shape in shapes.items():
            warehouse = self.warehouse(name.replace(" ", "_"), shape)
            warehouse.pull(1)
            warehouse.build("--exclude-resource-type", "test")
            if name == "base":
                changed = self.copy(warehouse, "changed", changed=10 * base.changed)
                changed.pull(2)
                yield {"name": "changes x 10"} | changed.build()
                changed.path.unlink()
            warehouse.pull(2)
            yield {"name": name} | warehouse.build()
            if name != "base":
                warehouse.path.unlink()
        base_warehouse = Warehouse(self.folder / "base.duckdb", base)
        yield from self.pages(base_warehouse)
        base_warehouse.path.unlink()

    def rival_histories(self, warehouse: Warehouse) -> Iterator[Record]:
        """Have dbt's snapshots and dlt work through the two pulls of a warehouse."""
        copy = self.copy(warehouse, "rival")
        pull_ids = call("benchmarks.daily_build:pull_ids", str(copy.path)).result["pull_ids"]
        for day, pull_id in enumerate(pull_ids, start=1):
            folder = str(self.folder / "dlt")
            Path(folder).mkdir(exist_ok=True)
            name = f"dlt scd2, day {day}"
            record = self.rival(name, "benchmarks.rivals:scd2", str(copy.path), folder, pull_id)
            yield record
            if "failed" in record:
                break
        shutil.rmtree(folder)
        for day, record in enumerate(rivals.snapshot(copy.path, pull_ids), start=1):
            yield {"name": f"dbt snapshot, day {day}"} | record
        shutil.rmtree(copy.path.with_suffix(".snapshots"))
        copy.path.unlink()

    def pages(self, warehouse: Warehouse) -> Iterator[Record]:
        """Part 6: give a warehouse years of history, and build and open what people look at."""
        days = self.size.dashboard_days
        warehouse.fill(days - 1)
        warehouse.pull(days)
        yield {"name": "years", "days": days} | warehouse.build()
        yield {"name": "pages"} | dashboard.build(warehouse)
        page, docs = self.folder / "dashboard.html", warehouse.target / "static_index.html"
        for _ in range(self.size.repeats):
            yield {"name": "opened"} | call("benchmarks.dashboard:open_pages", str(page), str(docs)).result


PARTS: dict[str, Callable[[Bench], Iterator[Record]]] = {
    "daily_build": Bench.daily_build,
    "wide_to_long": Bench.wide_to_long,
    "whole_pull": Bench.whole_pull,
    "growth": Bench.growth,
}


def main() -> int:
    """Measure.

    Returns:
        The exit code: 0, 1 if something could not be measured.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what it costs.")
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part; may be given several times")
    parser.add_argument("--folder", type=Path, default=ROOT / "data" / "bench", help="where data goes")
    parser.add_argument("--output", type=Path, default=HERE, help="the folder of RESULTS.md")
    parser.add_argument("--rivals", type=Path, help="the Python that has pandas and dlt (of the folder)")
    arguments = parser.parse_args()
    folder = (arguments.folder / arguments.size).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    python = (arguments.rivals or arguments.folder / "venv" / "bin" / "python").absolute()
    bench = Bench(SIZES[arguments.size], folder, python)
    (folder / "machine.jsonl").write_text(json.dumps({"name": "machine", **report.machine()}) + "\n")
    code = 0
    for part in arguments.only or bench.size.parts:
        kept = folder / f"{part}.jsonl"
        try:
            with kept.open("w") as file:
                for record in PARTS[part](bench):
                    print(part, json.dumps(record), flush=True)
                    file.write(json.dumps(record) + "\n")
                    file.flush()
        except StepError as error:
            print(f"{part} stopped. {error}", file=sys.stderr)
            code = 1
    records = {
        part: [json.loads(line) for line in (folder / f"{part}.jsonl").read_text().splitlines()]
        for part in ("machine", *PARTS)
        if (folder / f"{part}.jsonl").exists()
    }
    report.write(arguments.output, arguments.size, SIZES[arguments.size], records)
    print(f"The report: {arguments.output / 'RESULTS.md'}")
    return code


if __name__ == "__main__":
    sys.exit(main())
