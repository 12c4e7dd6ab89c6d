"""Writes what was measured as ``RESULTS.md``, with a chart of growth."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.sizes import Size

Record = dict[str, Any]
GB, MB = 1e9, 1e6

_GROWN = ("users x 2", "attributes x 2", "changes x 10")
# BigQuery's list prices in the US: a TiB read on demand, a GB of logical storage in a month, a slot in an hour.
_TIB_READ, _GB_MONTH, _SLOT_HOUR = 6.25, 0.02, 0.04


def machine() -> Record:
    """Return what the run runs on, and how busy that was when it began."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": os.cpu_count(),
        "memory_bytes": memory,
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "duckdb": version("duckdb"),
        "dbt": version("dbt-core"),
        "load": os.getloadavg()[0],
    }


def write(folder: Path, size_name: str, size: Size, records: dict[str, list[Record]]) -> None:
    """Write the report.

    Args:
        folder: Where it goes.
        size_name: What the size is called.
        size: How much was measured.
        records: What was measured, by part; a part may be missing.
    """
    found = {part: _by_name(rows) for part, rows in records.items()}
    sections = [_head(size_name, size, found)]
    if "wide_to_long" in found:
        sections.append(_wide_to_long(size, found))
    if "parts" in found.get("whole_pull", {}):
        sections.append(_whole_pull(found["whole_pull"]["pull"][0], found["whole_pull"]["parts"][0]))
    if "daily_build" in found:
        sections.append(_daily_build(size, found))
    if "weekly" in found.get("daily_build", {}):
        sections.append(_tests(size, found["daily_build"]))
    if "growth" in found:
        sections += [_growth(folder, size, found), _pages(found["growth"])]
    # from a bot that is too small to show growth, nothing follows for a large one
    if "storage" in found.get("daily_build", {}) and {"wide_to_long", "growth"} <= found.keys():
        sections.append(_beyond(size, found))
    missing = [part for part in ("daily_build", "wide_to_long", "whole_pull", "growth") if part not in found]
    if missing:
        sections.append(f"Not measured in this run: {', '.join(missing)}.\n")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "RESULTS.md").write_text("\n".join(sections), encoding="utf-8")


def _by_name(rows: Iterable[Record]) -> dict[str, list[Record]]:
    named: dict[str, list[Record]] = {}
    for row in rows:
        named.setdefault(row["name"], []).append(row)
    return named


def _middle(rows: Sequence[Record], field: str) -> float:
    return median(row[field] for row in rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _ratios(rows: Iterable[tuple[str, float | None, float, str, str]]) -> str:
    """Return ratios beside their aims: what, value, bound, unit, and why if it is missed."""
    lines, reasons = [], []
    for what, value, bound, form, why in rows:
        if value is None:
            lines.append((what, "not measured", form.format(bound), ""))
            continue
        is_least = what.startswith("at least:")
        met = value >= bound if is_least else value <= bound
        aim = ("at least " if is_least else "at most ") + form.format(bound)
        lines.append(
            (what.removeprefix("at least:").strip(), form.format(value), aim, "met" if met else "**missed**")
        )
        if not met and why:
            reasons.append(f"- Missed, {what.removeprefix('at least:').strip()}: {why}")
    return (
        _table(("ratio", "measured", "aim", ""), lines) + "\n" + "".join(f"{reason}\n" for reason in reasons)
    )


def _head(size_name: str, size: Size, found: dict) -> str:
    on = next(iter(found.get("machine", {}).get("machine", [])), machine())
    bot = size.bot
    again = "`make bench`" if size_name == "small" else f"`make bench SIZE={size_name}`"
    return f"""# What it costs

One run of {again} on {on["date"]}: {on["cores"]} cores, {on["memory_bytes"] / GB:.0f} GB, {on["system"]}, DuckDB \
{on["duckdb"]}, dbt {on["dbt"]}. Load when it began: {on["load"]:.1f}. Every thing is measured in a process of its own: time by a \
monotonic clock, memory as the most that the process ever held. Compare numbers of one run only; another machine, or a busier one, \
has others; seconds of CPU, start-up included, alter least. This file is made by `benchmarks/report.py`.

The bot: {bot.users:,} users, {bot.attributes:,} attributes, {bot.users * bot.values:,} values a pull (beside 11 fields of each \
user's profile), {bot.changed:.0%} of them changed from day to day, 5 % of the users seen a day, a broadcast to {bot.recipients:,} \
recipients every second day.
"""


def _wide_to_long(size: Size, found: dict) -> str:
    rows = found["wide_to_long"]
    whole = found.get("whole_pull", {})
    export, ours, floor = rows["export"][0], rows["ours"], rows["floor"]
    names = {
        "floor": "bare DuckDB scan (floor)",
        "ours": "our loader",
        "pandas": "pandas",
        "dlt": "dlt, wide",
    }
    lines, failed = [], ""
    for name, text in names.items():
        measured = rows.get(name, [])
        if not measured:
            continue
        if "failed" in measured[0]:
            lines.append((text, "did not finish", "", "", ""))
            failed += f"{text} did not finish: `{' '.join(measured[0]['failed'].split())[-160:]}`\n"
            continue
        kept = _middle(measured, "values") / export["values"]
        peak = f"{_middle(measured, 'peak_bytes') / MB:,.0f} MB"
        cpu = f"{_middle(measured, 'cpu_seconds'):.1f} s"
        lines.append((text, f"{_middle(measured, 'seconds'):.1f} s", cpu, peak, f"{kept:.1%}"))
    large = whole.get("ours, whole pull", [])
    large_text = ""
    if large:
        seconds, scan = _middle(large, "seconds"), _middle(whole["floor, whole pull"], "seconds")
        large_text = (
            f"The whole pull of part 2, {large[0]['users']:,} users and {large[0]['values']:,} values: floor {scan:.1f} s, our loader"
            f" {seconds:.1f} s ({seconds / scan:.2f} times), {_middle(large, 'peak_bytes') / MB:,.0f} MB.\n"
        )
    speed = None
    memory = None
    if "pandas" in rows and "seconds" in rows["pandas"][0]:
        speed = rows["pandas"][0]["seconds"] / _middle(ours, "seconds")
        memory = _middle(ours, "peak_bytes") / rows["pandas"][0]["peak_bytes"]
    flat = _middle(large, "peak_bytes") / _middle(ours, "peak_bytes") if large else None
    small = "the export is small: starting weighs more than reading." if size.wide_users < 50_000 else ""
    ratios = _ratios(
        [
            (
                "our time to the floor's",
                _middle(ours, "seconds") / _middle(floor, "seconds"),
                1,
                "{:.2f}",
                small,
            ),
            ("at least: pandas' time to ours", speed, 6, "{:.1f}", small),
            ("our memory to pandas'", memory, 0.1, "{:.2f}", small),
            ("our peak at full size to that here", flat, 1.1, "{:.2f}", ""),
            (
                "our peak at full size, MB",
                _middle(large, "peak_bytes") / MB if large else None,
                300,
                "{:.0f}",
                "",
            ),
            ("values lost by our loader", float(export["values"] - _middle(ours, "values")), 0, "{:.0f}", ""),
        ]
    )
    return f"""## 1. Wide to long

{export["users"]:,} users, {export["attributes"]:,} attributes, {export["values"]:,} values, {export["bytes"] / MB:,.0f} MB. pandas at \
500,000 users needs some 40 GB, so the rivals are measured at a size that fits, and ours at the same. Our loader and the floor read \
the gzipped files of the landing zone; pandas and dlt were given the CSV unpacked. Ours checks every row and every user besides. dlt \
only loads the wide table: long rows would be another step. Median of {len(ours)}; pandas and dlt once.

{_table(("", "time", "CPU", "peak memory", "values kept"), lines)}
{large_text}{failed}
{ratios}
"""


def _whole_pull(pull: Record, parts: Record) -> str:
    steps = {
        "all of fetching, to the landing zone: server, transfer, gzip, counting, hashing": pull["fetch"],
        "conversion, every check": pull["convert"],
        "load into DuckDB, one transaction": pull["load"],
    }
    whole = sum(steps.values())
    lines = [(name, f"{seconds:.1f} s", f"{seconds / whole:.0%}") for name, seconds in steps.items()]
    lines.append(("the whole pull", f"{whole:.1f} s", "100%"))
    return f"""## 2. A whole pull

From the sandbox over HTTP, on the same machine: {pull["users"]:,} users, {pull["values"]:,} values, {parts["csv_bytes"] / GB:.2f} GB of CSV, \
{parts["landed_bytes"] / MB:,.0f} MB landed, at most {pull["peak_bytes"] / MB:,.0f} MB of memory. Of the fetching, {parts["exports"]:.1f} s \
are the server and the transfer alone (the users exports, read and thrown away). Server and loader share two cores here; Chatfuel's \
server has its own, and what that takes nobody can measure here.

{_table(("", "time", "share"), lines)}"""


def _daily_build(size: Size, found: dict) -> str:
    days = found["daily_build"]
    names = ["day 1", "day 2", "backlog", *(f"day {day}" for day in size.days)]
    texts = {"day 1": "first build", "backlog": f"{size.backlog} pulls at once, after day 2"}
    lines = []
    for name in names:
        if name not in days:
            continue
        day = days[name][0]
        slowest = next(iter(day["slowest"].items()))
        lines.append(
            (
                texts.get(name, name),
                f"{day['seconds']:.0f} s",
                f"{day['cpu_seconds']:.0f} s",
                f"{day['models_seconds']:.0f} s",
                f"{day['tests_seconds']:.0f} s",
                f"{day['peak_bytes'] / GB:.1f} GB",
                f"`{slowest[0]}` {slowest[1]:.0f} s",
            )
        )
    last = f"day {size.days[-1]}"
    later, later_cpu = (
        days[last][0][field] / days["day 2"][0][field] if last in days else None
        for field in ("seconds", "cpu_seconds")
    )
    join = models = None
    if "full join" in days:
        join = _middle(days["full join"], "seconds")
        models = _middle(days["models"], "nodes_seconds") / join
    peak = max(days[name][0]["peak_bytes"] for name in names if name in days) / GB
    ratios = _ratios(
        [
            (
                f"day {size.days[-1]} to day 2",
                later,
                1.3,
                "{:.2f}",
                "`dim_chatfuel__users` reads what each user did in each month, and `fct_chatfuel__broadcasts` the recipients"
                " of every broadcast; what a day compares does not grow with the days.",
            ),
            ("the same in CPU", later_cpu, 1.3, "{:.2f}", ""),
            (
                "models of day 2 to a bare full join",
                models,
                5,
                "{:.1f}",
                "that join writes nothing. The models write every table, say why each value starts or ends, judge every live value"
                " by the rules of KPIs, and count distinct values; and dbt has work of its own with every node.",
            ),
            (
                "peak memory, GB",
                peak,
                8,
                "{:.1f}",
                "the limit of DuckDB does not hold for all that it takes.",
            ),
        ]
    )
    return f"""## 3. A day's build

`dbt build --selector daily`, start-up included, in a DuckDB that was given 6 GB (without a limit it takes up to four fifths of the machine's, \
and is somewhat faster). Seconds of models and tests are summed over nodes; two of them run at a time. Days 1 and 2 and each measured \
day are really built. The history of the days between was made by SQL: each left what the last built day left, with its dates, and with \
other users; raw rows of those days have expired. The bare full join of two pulls, values and profiles, took {join or 0:.1f} s (median \
of {len(days.get("full join", []))}); the models alone are timed from the start of the first to the end of the last, without tests.

{_table(("", "all", "CPU", "models", "tests", "peak memory", "slowest node"), lines)}
{ratios}{_rivals(size, days)}"""


def _rivals(size: Size, days: dict) -> str:
    if "dbt snapshot, day 2" not in days:
        return ""
    bot = size.bot

    def line(text: str, row: Record) -> tuple[str, str, str, str]:
        if "failed" in row:
            return text, "did not finish", "", ""
        cpu, peak = f"{row['cpu_seconds']:.0f} s", f"{row['peak_bytes'] / GB:.1f} GB"
        return text, f"{row['seconds']:.0f} s", cpu, peak

    failed = "".join(
        f"{name} did not finish: `{' '.join(rows[0]['failed'].split())[-160:]}`\n\n"
        for name, rows in days.items()
        if "failed" in rows[0]
    )
    rivals = [
        line("all of our models, none of the tests", days["models"][0]),
        line("a native dbt snapshot of the values (`dbt snapshot`)", days["dbt snapshot, day 2"][0]),
        line("dlt, scd2 merge of the values", days.get("dlt scd2, day 2", days["dlt scd2, day 1"])[0]),
    ]
    return f"""
Rivals, on day 2 of the same pulls, {bot.users * bot.values:,} values without the profiles. They keep versions of the values, and nothing \
else: no events, no reasons, no difference between a value that was cleared and a user who is away.

{_table(("", "time", "CPU", "peak memory"), rivals)}
{failed}"""


def _tests(size: Size, days: dict) -> str:
    weekly = days["weekly"][0]
    lines = [
        (
            name,
            f"{day[0]['models_seconds']:.0f} s",
            f"{day[0]['tests_seconds']:.0f} s",
            f"{day[0]['tests_seconds'] / day[0]['models_seconds']:.2f}",
        )
        for name, day in days.items()
        if day[0].get("tests_seconds") and day[0]["models_seconds"]
    ]
    worst = max(float(line[3]) for line in lines)
    ratios = _ratios(
        [
            (
                "tests to models, the worst of the days",
                worst,
                1,
                "{:.2f}",
                "on few values a node costs its start, and there are far more tests than models.",
            )
        ]
    )
    return f"""## 4. The tests' share

{_table(("", "models", "tests", "tests to models"), lines)}
{ratios}
Daily tests look at what the last pulls brought, and at what holds now. Those that read all of history run once a week \
(`dbt test --selector weekly`): {weekly["seconds"]:.0f} s and {weekly["peak_bytes"] / GB:.1f} GB over {size.backlog + 2} built days, \
unit tests left out.
"""


def _growth(folder: Path, size: Size, found: dict) -> str:
    rows, days = found["growth"], found.get("daily_build", {})
    if "base" not in rows:
        return ""
    base = rows["base"][0]
    month, year = (f"day {day}" for day in (size.days[0], size.days[-1]))
    pairs = [(name, rows[name][0], base) for name in _GROWN if name in rows]
    if len(size.days) > 1 and year in days:
        pairs.append((f"days x 12 (of part 3: {month} to {year})", days[year][0], days[month][0]))
    lines, bars = [], []
    for name, row, before in pairs:
        ratios = {
            "whole build": row["seconds"] / before["seconds"],
            "CPU": row["cpu_seconds"] / before["cpu_seconds"],
            "models": row["models_seconds"] / before["models_seconds"],
            "memory": row["peak_bytes"] / before["peak_bytes"],
            "file": row["bytes"] / before["bytes"],
        }
        lines.append((name, *(f"x {ratio:.2f}" for ratio in ratios.values())))
        bars += [
            {"growth": name.split(" (")[0], "what": what, "ratio": ratio} for what, ratio in ratios.items()
        ]
    _chart(folder / "growth.svg", bars)
    bot = size.growth_bot
    return f"""## 5. Growth

From {bot.users:,} users, {bot.attributes:,} attributes and {bot.users * bot.values:,} values, day 2: {base["seconds"]:.0f} s, \
{base["models_seconds"]:.0f} s of models, {base["peak_bytes"] / GB:.1f} GB of memory, a file of {base["bytes"] / MB:,.0f} MB with two raw pulls. \
Twice the attributes are twice the values.

{_table(("", "whole build", "CPU", "models", "memory", "file"), lines)}
![How each kind of growth moves time, memory and storage](growth.svg)
{_storage(size, days)}"""


def _chart(path: Path, bars: list[Record]) -> None:
    import vl_convert

    chart = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": bars},
        "mark": "bar",
        "encoding": {
            "y": {"field": "growth", "type": "nominal", "title": None, "sort": None},
            "yOffset": {"field": "what", "sort": None},
            "x": {"field": "ratio", "type": "quantitative", "title": "times as much as before"},
            "color": {"field": "what", "type": "nominal", "title": None, "sort": None},
        },
        "width": 420,
        "height": {"step": 14},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(vl_convert.vegalite_to_svg(chart), encoding="utf-8")


def _storage(size: Size, days: dict) -> str:
    if "storage" not in days:
        return ""
    before, after = days["storage"][0], days["storage"][-1]
    tables = after["tables"]
    history = {
        name: row
        for name, row in tables.items()
        if not name.startswith("raw.") and row["rows"] > size.bot.users / 10
    }
    lines = [
        (
            f"`{name}`",
            f"{row['rows']:,}",
            f"{row['duckdb_bytes'] / MB:,.0f} MB",
            f"{row['bigquery_bytes'] / MB:,.0f} MB",
        )
        for name, row in sorted(history.items(), key=lambda item: -item[1]["bigquery_bytes"])
    ]
    last = size.days[-1]
    total = {kind: sum(row[kind] for row in history.values()) for kind in ("duckdb_bytes", "bigquery_bytes")}
    live = tables["raw.user_attributes"]
    # three pulls have raw rows: days 1 and 2, and those that were built since
    pulls = 2 + len(size.days)
    a_pull = {kind: live[kind] / pulls for kind in total}
    earlier = {
        kind: sum(before["tables"][name][kind] for name in history if name in before["tables"])
        for kind in total
    }
    a_day = {kind: (total[kind] - earlier[kind]) / (after["day"] - before["day"]) for kind in total}
    rows = [
        (
            text,
            f"{per_day['duckdb_bytes'] / MB:,.0f} MB",
            f"{per_day['duckdb_bytes'] * 365 / GB:,.1f} GB",
            f"{per_day['bigquery_bytes'] / MB:,.0f} MB",
            f"{per_day['bigquery_bytes'] * 365 / GB:,.1f} GB",
            f"${per_day['bigquery_bytes'] * 365 / GB * _GB_MONTH:,.2f}",
        )
        for text, per_day in (("history and marts", a_day), ("raw values, while they are kept", a_pull))
    ]
    header = ("grows by", "DuckDB a day", "a year", "BigQuery a day", "a year", "a month, after a year")
    return f"""
Storage on day {last}; DuckDB as measured, BigQuery computed (bytes of the text plus 2, 8 for numbers and times, uncompressed):

{_table(("table", "rows", "DuckDB", "BigQuery"), lines)}
{total["duckdb_bytes"] / GB:.1f} GB in DuckDB and {total["bigquery_bytes"] / GB:.1f} GB in BigQuery for these. Between day {before["day"]} and \
day {after["day"]} they grew as below; BigQuery's storage at ${_GB_MONTH} a GB and month:

{_table(header, rows)}"""


def _pages(rows: dict) -> str:
    if "pages" not in rows:
        return ""
    pages, years = rows["pages"][0], rows["years"][0]
    opened = rows.get("opened", [])
    names = {
        "overview": "dashboard, overview",
        "broadcasts": "dashboard, broadcasts",
        "journeys": "dashboard, journeys",
        "docs": "docs site",
    }
    lines = [
        (text, f"{_middle(opened, name):.1f} s")
        for name, text in names.items()
        if opened and name in opened[0]
    ]
    return f"""## 6. Dashboard and docs

{years["days"]:,} days and {years["days"] // 2:,} broadcasts. The dashboard is one file of {pages["dashboard_bytes"] / MB:.1f} MB, made in \
{pages["dashboard_seconds"]:.0f} s; the docs site is one of {pages["docs_bytes"] / MB:.1f} MB, made in {pages["docs_seconds"]:.0f} s. \
Until they are drawn in headless Chromium:

{_table(("", "time"), lines)}"""


def _beyond(size: Size, found: dict) -> str:
    days, bot = found["daily_build"], size.bot
    tables = days["storage"][-1]["tables"]
    raw, versions = tables["raw.user_attributes"], tables["int_chatfuel__attribute_versions"]
    raw_row, version_row = (row["bigquery_bytes"] / row["rows"] for row in (raw, versions))
    values = bot.users * bot.values
    live = values + 9 * bot.users
    day = days[f"day {size.days[-1]}"][0] if f"day {size.days[-1]}" in days else days["day 2"][0]
    core_hours = day["models_seconds"] / 3600
    export = found["wide_to_long"]["export"][0]
    csv_row = export["bytes"] / export["users"]
    lines = []
    for users in (bot.users, 5_000_000, 50_000_000):
        times = users / bot.users
        read = times * (live * version_row * 5 + values * raw_row * 3)
        merge = times * live * version_row
        lines.append(
            (
                f"{users:,}",
                f"{times * values / MB:,.0f}",
                f"{users * csv_row / GB:,.1f} GB",
                f"{times * values * raw_row / GB:,.0f} GB",
                f"{merge / GB:,.0f} GB",
                f"{read / GB:,.0f} GB",
                f"${read / 2**40 * _TIB_READ:,.2f}",
                f"{times * core_hours:,.1f}",
                f"${times * core_hours * _SLOT_HOUR:,.2f}",
                f"{users * csv_row / 10e6 / 3600:,.1f} h",
            )
        )
    header = (
        "users",
        "million values",
        "CSV a pull",
        "raw, a pull",
        "live versions",
        "a day's build reads",
        "on demand",
        "slot-hours",
        "by slots",
        "export at 10 MB/s",
    )
    return f"""## 7. Beyond one machine

On paper. Row sizes are those measured above: {raw_row:.0f} bytes a raw value, {version_row:.0f} bytes a version, {csv_row:,.0f} bytes a \
line of the exports. Assumed: 24 values a user; a day's build reads the live versions five times and the new pull three times; a slot does \
in an hour what the models did here in an hour of nodes; ${_TIB_READ} a TiB, ${_SLOT_HOUR} a slot-hour; exports at 10 MB/s, a guess, for \
nobody outside knows how fast Chatfuel writes them. Nothing here was run on BigQuery.

{_table(header, lines)}
- **Chatfuel's export is the true limit.** It is one server's answer to one request, for all users at a time. The loader gives a pull three \
hours: enough for {3 * 36e9 / csv_row / MB:,.1f} million users at 10 MB/s. Beyond, ask by segment or less often; the history takes any distance between pulls.
- **500,000 users: one machine.** DuckDB, 8 GB. Knobs: `memory_limit` under `settings` in `profiles.yml`, `chatfuel_raw_retention_days`.
- **5 million: BigQuery.** The conversion takes ten times as long, in the same memory: it streams. Load jobs are one a table and pull, \
far from 1,500 a day and 15 TB a job. `CHATFUEL_BIGQUERY_MAXIMUM_BYTES` (200 GiB a statement) still holds. Let raw rows expire after a week.
- **50 million: reserve slots.** Raise `CHATFUEL_BIGQUERY_MAXIMUM_BYTES` above what the live versions take, for one statement reads them all. \
Convert the chunks of a pull on as many machines. Take attributes that nobody reads out of the bot: `dim_chatfuel__attributes` \
names those that are dead.
"""
