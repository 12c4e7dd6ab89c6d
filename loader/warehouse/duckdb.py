"""The warehouse in a DuckDB file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from loader.errors import RefusedError, WarehouseError
from loader.landing import Pull, nearest
from loader.warehouse import LEDGER, RAW_SCHEMA, Converted, Warehouse, pull_columns, raw_tables

# Times are naive and UTC: dbt models need no time zone support to read them.
_TYPES = {"STRING": "VARCHAR", "INT64": "BIGINT", "DATE": "DATE", "TIMESTAMP": "TIMESTAMP"}
# DuckDB takes what it is given, and a load is no quicker with more; but a row may be 64 MB long.
_MEMORY, _MEMORY_FOR_LONG_ROWS = "200MB", "2GB"


class DuckDBWarehouse(Warehouse):
    """A DuckDB file. It is held open only while it is needed: DuckDB admits one process at a time."""

    raw = RAW_SCHEMA

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, pull: Pull, converted: Converted) -> None:
        with self._place():
            self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._connect() as connection:
            connection.execute(f"set memory_limit = '{_MEMORY}'; set preserve_insertion_order = false")
            try:
                self._write(connection, pull, converted)
            except duckdb.OutOfMemoryException:
                connection.rollback()
                connection.execute(f"set memory_limit = '{_MEMORY_FOR_LONG_ROWS}'")
                self._write(connection, pull, converted)

    def _write(self, connection: duckdb.DuckDBPyConnection, pull: Pull, converted: Converted) -> None:
        connection.begin()
        _create_tables(connection)
        if self._count(connection, LEDGER, pull):
            return
        for table in (*converted.rows, LEDGER):
            # Rows without a ledger row: the ledger was lost. What landed stands for them.
            connection.execute(f"delete {self.of_pull(table, pull)}")
            # Literals: to bind parameters, DuckDB imports pandas where there is one, and that takes
            # longer than to load a small pull.
            files = ", ".join("'" + str(f).replace("'", "''") + "'" for f in converted.files[table])
            connection.execute(
                f"insert into {RAW_SCHEMA}.{table} by name"
                f" from read_parquet([{files}], hive_partitioning = false)"
            )
        for table, rows in converted.rows.items():
            if (found := self._count(connection, table, pull)) != rows:
                raise RefusedError(
                    f"{table} has {found} rows of this pull instead of {rows}; nothing was loaded."
                    f" Run `python -m loader reload {pull.pull_id}`."
                )
        connection.commit()

    def read(self, query: str) -> list[dict[str, Any]]:
        if not self._exists():
            return []
        with self._connect(read_only=True) as connection:
            try:
                result = connection.execute(query)
            except duckdb.CatalogException:
                # No pull has been loaded yet.
                return []
            names = [column[0] for column in result.description]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def mart(self, name: str) -> list[dict[str, Any]]:
        # With the database's name, which is the file's: it may be that of the schema too.
        databases = self.read("""select '"' || replace(current_database(), '"', '""') || '"' as name""")
        return [row for one in databases for row in self.read(f"from {one['name']}.chatfuel.{name}")]

    def check_writable(self) -> None:
        if self._exists():
            with self._connect():
                pass
        place = nearest(self._path)
        with self._place():
            if not os.access(place, os.W_OK) or not (place.is_dir() or self._path.exists()):
                raise OSError("it cannot be written")

    def change(self, statements: Sequence[str]) -> None:
        if self._exists():
            with self._connect() as connection:
                connection.begin()
                _create_tables(connection)
                for statement in statements:
                    connection.execute(statement)
                connection.commit()

    def _count(self, connection: duckdb.DuckDBPyConnection, table: str, pull: Pull) -> int:
        return connection.execute(f"select count(*) {self.of_pull(table, pull)}").fetchone()[0]

    def _exists(self) -> bool:
        with self._place():
            return self._path.exists()

    @contextmanager
    def _place(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise WarehouseError(f"DuckDB file {self._path}: {error}. Set CHATFUEL_DUCKDB_PATH.") from error

    @contextmanager
    def _connect(self, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """Connect; what is not committed when the context ends is rolled back."""
        with self._place():
            # DuckDB would wait for a pipe.
            if self._path.exists() and not self._path.is_file():
                raise OSError("it is no file")
        try:
            with duckdb.connect(self._path, read_only=read_only) as connection:
                # dbt may have made it, for all to read.
                with suppress(OSError):
                    self._path.chmod(0o600)
                connection.execute("set TimeZone = 'UTC'")
                try:
                    yield connection
                except BaseException:
                    # Else DuckDB may finish what it does before it closes.
                    connection.interrupt()
                    raise
        except RuntimeError as error:
            # "Query interrupted": a signal came while DuckDB worked.
            if isinstance(error.__cause__, KeyboardInterrupt | SystemExit):
                raise error.__cause__ from None
            raise
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            if "Could not set lock" in reason:
                reason = "another program has it open. Close that, then"
            else:
                reason = f"{reason.rstrip('.!')}. When that is mended,"
            raise WarehouseError(
                f"DuckDB file {self._path}: {reason} run the same command again."
                " A pull that has landed can be loaded by `python -m loader reload PULL_ID`."
            ) from error


def _create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    statements = [f"create schema if not exists {RAW_SCHEMA}"]
    for name, table in raw_tables().items():
        columns = ", ".join(f"{c.name} {_TYPES[c.type]}" for c in (*pull_columns(), *table.columns))
        statements.append(f"create table if not exists {RAW_SCHEMA}.{name} ({columns})")
    connection.execute("; ".join(statements))
    listed = f"select table_name, column_name from duckdb_columns() where schema_name = '{RAW_SCHEMA}'"
    there = set(connection.execute(listed).fetchall())
    # A table of an older loader has not all of them.
    for name, table in raw_tables().items():
        for column in table.columns:
            if (name, column.name) not in there:
                add = f"alter table {RAW_SCHEMA}.{name} add column"
                connection.execute(f"{add} {column.name} {_TYPES[column.type]}")
