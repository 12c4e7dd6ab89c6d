"""Writes what was measured as ``RESULTS.md``, by the template ``RESULTS.md.jinja``."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import jinja2

from benchmarks.cases import MEASURES, PARTS, SIZES, Measure, Record


def machine() -> Record:
    """Return what the run runs on, and how busy that was when it began."""
    return {
        "name": "machine",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "duckdb": version("duckdb"),
        "dbt": version("dbt-core"),
        "load": os.getloadavg()[0],
    }


def write(output: Path, size: str, folder: Path) -> Path:
    """Write the report.

    Args:
        output: The folder where it goes.
        size: What the size is called.
        folder: What was measured, one file a part; a part may be missing.

    Returns:
        The report.
    """
    rows = {
        part: [json.loads(line) for line in (folder / f"{part}.jsonl").read_text().splitlines()]
        for part in ("machine", *PARTS)
        if (folder / f"{part}.jsonl").exists()
    }
    records = combined([row for part in rows.values() for row in part])
    environment = jinja2.Environment(  # noqa: S701
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "s": lambda seconds: f"{seconds:,.1f} s" if seconds < 20 else f"{seconds:,.0f} s",
        "mb": lambda size: f"{size / 1e6:,.0f} MB",
        "n": lambda number: f"{number:,.0f}",
    }
    text = environment.get_template("RESULTS.md.jinja").render(
        r=records,
        size=SIZES[size],
        command="make bench" + (f" SIZE={size}" if size != "small" else ""),
        measures=[(measure.what, *judged(measure, records, size)) for measure in MEASURES],
        missing=[part for part in PARTS if part not in rows],
    )
    output.mkdir(parents=True, exist_ok=True)
    path = output / "RESULTS.md"
    path.write_text(text, encoding="utf-8")
    return path


def combined(rows: list[Record]) -> dict[str, Record]:
    """Return what was measured by name; of what was measured more than once, the median of each number."""
    named: dict[str, list[Record]] = {}
    for row in rows:
        named.setdefault(row["name"], []).append(row)
    return {
        name: {
            field: median(row[field] for row in same) if isinstance(value, int | float) else value
            for field, value in same[0].items()
        }
        for name, same in named.items()
    }


def judged(measure: Measure, records: dict[str, Record], size: str) -> tuple[str, str, str]:
    """Return a measure, its aim, and whether that is met: aims are those of the full size."""
    least = measure.at_most is None
    bound = measure.at_least if least else measure.at_most
    aim = f"at {'least' if least else 'most'} {bound:,}"
    value = _number(measure.of, records)
    if measure.to and value is not None:
        below = _number(measure.to, records)
        value = value / below if below else None
    if value is None:
        return "not measured", aim, ""
    if not measure.to and measure.of.endswith("bytes"):
        value /= 1e6
    is_met = value >= bound if least else value <= bound
    verdict = "" if size != "full" else "met" if is_met else "**missed**"
    return (f"{value:,.0f}" if value >= 100 else f"{value:.2f}"), aim, verdict


def _number(path: str, records: dict[str, Record]) -> Any:
    name, field = path.rsplit(".", 1)
    return records.get(name, {}).get(field)
