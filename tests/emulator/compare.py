"""Rows of DuckDB beside rows of BigQuery, or of Google's evaluator."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tests.pipeline.project import Project

Rows = list[dict[str, Any]]


def relations(project: Project) -> dict[str, Rows]:
    """The rows of every table and view that the project built on DuckDB, by name."""
    with project.connect() as connection:
        names = connection.execute(
            "select schema_name || '.' || name from (select schema_name, table_name as name from duckdb_tables() "
            "union all select schema_name, view_name from duckdb_views()) where schema_name like 'chatfuel%'"
        ).fetchall()
        rows = {}
        for (name,) in names:
            cursor = connection.execute(f"select * from {name}")
            columns = [column[0] for column in cursor.description]
            rows[name] = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        return rows


def comparable(rows: Rows) -> list[str]:
    """Rows without what only tells the warehouses apart, in an order of their own."""
    return sorted(
        # dbt_scd_id hashes what each warehouse writes for a time
        repr(sorted((name, plain(value)) for name, value in row.items() if name != "dbt_scd_id"))
        for row in rows
    )


def difference(derived: Rows, expected: Rows, side: str = "Google") -> str:
    """The first rows that only one side has."""
    left, right = comparable(derived), comparable(expected)
    only_left = [row for row in left if row not in right][:2]
    only_right = [row for row in right if row not in left][:2]
    return f"{len(left)} rows, DuckDB {len(right)}; {side} only {only_left}; DuckDB only {only_right}"


def plain(value: Any) -> Any:
    """A value as both sides write it."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal | int) and not isinstance(value, bool) else value
