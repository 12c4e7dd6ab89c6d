"""``python -m dashboard.build``: the dashboard as one HTML file that needs nothing else.

The queries are dbt analyses: dbt compiles them for its target and lends its connection. So it reads
what ``profiles.yml`` names, DuckDB or BigQuery, and has no setting of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import vl_convert
from dbt.adapters.base import BaseAdapter
from dbt.adapters.factory import FACTORY
from dbt.cli.main import dbtRunner

HERE = Path(__file__).parent
OUTPUT = Path("data/dashboard.html")
Table = dict[str, list[Any]]


class DashboardError(Exception):
    """The dashboard cannot be built; the message says what to do."""


def main() -> int:
    """Build the dashboard from the command line.

    Returns:
        The exit code: 0, 1 if it could not be built.
    """
    parser = argparse.ArgumentParser(prog="python -m dashboard.build", description="Build the dashboard.")
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"the HTML file to write ({OUTPUT})")
    parser.add_argument("--target", help="the dbt target to read (the profile's default)")
    arguments = parser.parse_args()
    try:
        build(arguments.output, *(["--target", arguments.target] if arguments.target else []))
    except DashboardError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The dashboard, one file: {arguments.output}")
    return 0


def build(output: Path, *dbt_options: str) -> None:
    """Write the dashboard.

    Args:
        output: The HTML file.
        dbt_options: What dbt is told besides, as ``--target prod``.

    Raises:
        DashboardError: The queries cannot be compiled or run.
    """
    html = page(query_all(*dbt_options))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(html, encoding="utf-8")


def query_all(*dbt_options: str) -> dict[str, Table]:
    """Run every query of ``dashboard/queries``.

    Returns:
        For each query, by name, the values of its columns.

    Raises:
        DashboardError: The queries cannot be compiled or run.
    """
    compiled = dbtRunner().invoke(["compile", "--quiet", "--select", "path:dashboard/queries", *dbt_options])
    if not compiled.success:
        reason = compiled.exception or "Its messages above say why."
        raise DashboardError(f"dbt cannot compile the dashboard's queries. Run `dbt build` first. {reason}")
    queries = {result.node.name: result.node.compiled_code for result in compiled.result.results}
    (adapter,) = FACTORY.adapters.values()
    try:
        with adapter.connection_named("dashboard"):
            return {name: fetch(adapter, queries[name]) for name in sorted(queries)}
    except Exception as error:
        raise DashboardError(
            f"The dashboard's tables cannot be read. Run `dbt build` first.\n{error}"
        ) from error


def fetch(adapter: BaseAdapter, sql: str) -> Table:
    """Return the values of each column of a query, as the warehouse's own client gives them."""
    client = adapter.connections.get_thread_connection().handle
    if adapter.type() == "bigquery":
        result = client.query_and_wait(sql)
        columns, rows = [field.name for field in result.schema], [tuple(row.values()) for row in result]
    else:
        cursor = client.cursor()
        cursor.execute(sql)
        columns, rows = [column[0] for column in cursor.description], cursor.fetchall()
    return {name: [plain(row[position]) for row in rows] for position, name in enumerate(columns)}


def plain(value: object) -> object:
    """Return a value as JSON can hold it: days and times as ISO text, rates to five places."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        value = float(value)
    return round(value, 5) if isinstance(value, float) else value


def packed(values: list[Any]) -> list[Any] | dict[str, list[Any]]:
    """Return a column, if its texts recur, as the different texts and for each row which of them it holds."""
    texts = list(dict.fromkeys(values))
    if len(texts) > len(values) / 2 or not all(isinstance(text, str) for text in texts):
        return values
    positions = {text: position for position, text in enumerate(texts)}
    return {"texts": texts, "rows": [positions[value] for value in values]}


def page(tables: dict[str, Table]) -> str:
    """Return the HTML file: markup, style, Vega-Lite, data and script in one."""
    data = {
        name: {column: packed(values) for column, values in table.items()} for name, table in tables.items()
    }
    parts = {
        "STYLE": (HERE / "page.css").read_text(encoding="utf-8"),
        "VEGA": vl_convert.javascript_bundle(),
        "DATA": json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
        "SCRIPT": (HERE / "page.js").read_text(encoding="utf-8"),
    }
    # in a script, an HTML parser looks for nothing but its end
    parts["VEGA"] = parts["VEGA"].replace("</script", "<\\/script")
    html = (HERE / "page.html").read_text(encoding="utf-8")
    before, *rest = html.split("/*{")
    return before + "".join(
        parts[piece[: piece.index("}*/")]] + piece[piece.index("}*/") + 3 :] for piece in rest
    )


if __name__ == "__main__":
    sys.exit(main())
