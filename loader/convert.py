"""From the landing zone to Parquet: the same files for every warehouse, made by an in-memory DuckDB.

What is read here is checked here: the header of every CSV, the width of every row, and whether the exports
agree about the users.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import duckdb

from loader.chatfuel import ALWAYS_SERVED, USER_ID
from loader.errors import ContractError, LoaderError, RefusedError
from loader.landing import LandedFile, PullFolder, Report
from loader.warehouse import LEDGER, Converted, pull_columns, raw_tables
from loader.warehouse.duckdb import quoted

# Share of the users that may be missing from one of a pull's exports.
MOST_LEFT_OUT = 0.01

_SQL = Path(__file__).parent / "sql"
_PARQUET_TYPES = {"STRING": "VARCHAR", "INT64": "BIGINT", "DATE": "DATE", "TIMESTAMP": "TIMESTAMPTZ"}
_SETTINGS = {
    "memory_limit": "700MB",
    # A gzipped file is read by one thread, and every further one takes memory.
    "threads": 1,
    # The optimizer does not know the sizes of CSV files: it would hash the cells, not the users.
    "disabled_optimizers": "join_order,build_side_probe_side",
}
_BROADCAST_COLUMNS = {
    "Timestamp": "sent_timestamp",
    "Type": "broadcast_type",
    "Trigger settings": "trigger_settings",
    "Content": "content",
    "Progress": "progress",
    "Total users": "total_users",
    "Read": "read_users",
    "Clicked": "clicked_users",
    "Failed": "failed_users",
    "User timezone": "is_user_timezone",
}


def user_columns() -> dict[str, str]:
    """Return the columns of the raw table ``users``, by Chatfuel's name of the field."""
    return {column.name.replace("_", " "): column.name for column in raw_tables()["users"]}


def convert(folder: PullFolder, workdir: Path, report: Report, *, force: bool = False) -> Converted:
    """Convert a complete pull of the landing zone.

    Args:
        folder: The pull.
        workdir: Where the Parquet files go.
        report: Is told which file is under way.
        force: Take the users that are in every export, however many are not.

    Raises:
        ContractError: A file is not what Chatfuel always sent.
        RefusedError: An export is empty, a file is damaged, or the exports disagree about the users.
        LoaderError: There is no room, or no memory.
    """
    try:
        with duckdb.connect(config=_SETTINGS | {"temp_directory": str(workdir)}) as connection:
            return _Conversion(connection, folder, workdir, report, force).run()
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        reason = str(error).splitlines()[0]
        raise LoaderError(
            f"{folder.path} cannot be converted: {reason}. Make room and pull again."
        ) from error


class _Conversion:
    """One conversion; the SQL finds what it works on in DuckDB's variables and temporary tables."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        folder: PullFolder,
        workdir: Path,
        report: Report,
        force: bool,
    ) -> None:
        self._execute = connection.execute
        self._folder = folder
        self._workdir = workdir
        self._report = report
        self._force = force
        self._headers: dict[str, list[str]] = {}
        self._catalogue: dict[str, str] = {}
        self._files: dict[str, list[Path]] = {table: [] for table in raw_tables()}
        self._rows: dict[str, int] = {table: 0 for table in raw_tables() if table != LEDGER}

    def run(self) -> Converted:
        files, manifest = self._folder.read_manifest()
        # A saved file has the columns that somebody chose.
        self._always = ALWAYS_SERVED if manifest["source"] == "api" else ()
        self._execute(_sql("csv"))
        self._execute("create temp table user_lines (file varchar, chatfuel_user_id varchar, line bigint)")
        for landed in files:
            if landed.name.endswith(".csv.gz"):
                self._check(landed)
        self._check_users()
        # The rows that come from JSON, by table.
        rows: dict[str, list[tuple]] = {table: [] for table in raw_tables()}
        for landed in files:
            self._report(f"converting {landed.name}", 0)
            if landed.name.endswith(".csv.gz"):
                self._convert_csv(landed)
            else:
                rows[landed.table] += self._json_rows(landed)
        if self._catalogue:
            raise ContractError(f"No export has the attribute {min(self._catalogue)!r}. Pull again.")
        for table, paths in self._files.items():
            if not paths and table != LEDGER:
                self._write_rows(table, rows[table])
        ledger = (manifest["source"], manifest["loader_version"], *self._rows.values())
        self._write_rows(LEDGER, [ledger])
        return Converted(self._files, self._rows)

    def _check(self, landed: LandedFile) -> None:
        """Check header and rows of a CSV, and note its users."""
        self._report(f"checking {landed.name}", 0)
        header = self._headers[landed.name] = read_header(self._folder.path / landed.name)
        is_list = landed.table == "broadcasts"
        counts = Counter(header)
        for name in _BROADCAST_COLUMNS if is_list else (*self._always, *landed.fields):
            if counts[name] != 1:
                raise ContractError(
                    f"{landed.name} has {counts[name]} columns {name!r} instead of one. Pull again;"
                    " if it stays, Chatfuel has changed its export."
                )
        self._set_file(landed)
        query = _sql("check_rows").format(
            user_column="null" if is_list else f"c{header.index(USER_ID)}", last_column=f"c{len(header) - 1}"
        )
        try:
            self._execute(query)
        except duckdb.InvalidInputException as error:
            # The first line only: the others quote the row.
            reason = str(error).splitlines()[0]
            raise ContractError(f"{landed.name} cannot be read: {reason}. Pull again.") from None
        first, count = self._execute("select min(line), count(*) from checked_rows where is_wrong").fetchone()
        if count:
            raise ContractError(
                f"{landed.name} has {count} rows without user id or with fewer or more cells than the header,"
                f" row {first} first. Pull again; if it stays, Chatfuel has changed its export."
            )
        if landed.table in ("users", "user_attributes"):
            self._execute(_sql("note_users"))

    def _check_users(self) -> None:
        """Check that the exports are not empty and have the same users, but for a few."""
        exports = sum(name.startswith("user") for name in self._headers)
        (everyone,) = self._execute("select count(distinct chatfuel_user_id) from user_lines").fetchone()
        self._execute(f"set variable exports = {exports}")
        self._execute(_sql("keep_common_users"))
        (kept,) = self._execute("select count(distinct chatfuel_user_id) from user_lines").fetchone()
        if not kept:
            raise RefusedError("An export of the users is empty. Nothing was loaded. Pull again.")
        # One is let through also where there are fewer than a hundred.
        if everyone - kept > max(1, everyone * MOST_LEFT_OUT) and not self._force:
            raise RefusedError(
                f"{everyone - kept} of {everyone} users are not in every export of the pull:"
                " one was cut short. Nothing was loaded. Pull again."
                f" If it is right: `python -m loader reload {self._folder.pull.pull_id} --force`."
            )

    def _convert_csv(self, landed: LandedFile) -> None:
        match landed.table:
            case "users":
                self._set_file(landed, user_columns())
                absent = [c for name, c in user_columns().items() if name not in self._headers[landed.name]]
                nulls = "".join(f", null as {column}" for column in absent)
                self._write(landed.table, f"select *{nulls} from ({_sql(landed.table)})")
                return
            case "user_attributes":
                self._set_file(landed)
                self._want_columns(landed)
            case "broadcasts":
                self._set_file(landed, _BROADCAST_COLUMNS)
            case "broadcast_recipients":
                self._set_file(landed, {USER_ID: "chatfuel_user_id"})
                self._execute(f"set variable broadcast_id = {quoted(landed.broadcast_id)}")
        self._write(landed.table, _sql(landed.table))

    def _want_columns(self, landed: LandedFile) -> None:
        """Choose the columns of an export: the attributes of the catalogue that no export before it had."""
        requested = {*landed.fields, *ALWAYS_SERVED}
        wanted = [
            (f"c{position}", name)
            for position, name in enumerate(self._headers[landed.name])
            if name in requested and self._catalogue.pop(name, None)
        ]
        table = self._table_of(wanted, {"column_name": "VARCHAR", "attribute_name": "VARCHAR"})
        self._execute(f"create or replace temp table wanted_columns as from {table}")

    def _json_rows(self, landed: LandedFile) -> list[tuple]:
        content = json.loads(gzip.decompress((self._folder.path / landed.name).read_bytes()))
        match landed.table:
            case "attributes":
                for row in content["data"]["bot"]["variableSuggest"]:
                    # A name that is listed twice is one attribute.
                    self._catalogue.setdefault(_text(row["name"]), _text(row["type"]))
                return list(self._catalogue.items())
            case "segments":
                return [(_text(row["id"]), _text(row["name"])) for row in content["data"]["bot"]["segments"]]
            case "scheduled_entries":
                return [(_text(row["id"]), _payload(row)) for row in content["result"]]
            case "broadcast_stats":
                return [(number, _payload(row)) for number, row in enumerate(content["result"], start=1)]
            case "block_filters":
                return [(landed.broadcast_id, landed.block_id, _payload(content["data"]["bot"]["block"]))]

    def _set_file(self, landed: LandedFile, names: Mapping[str, str] | None = None) -> None:
        """Point the SQL to a CSV, whose columns are called cN where ``names`` has none for the header."""
        header = enumerate(self._headers[landed.name])
        columns = [(names or {}).get(name, f"c{position}") for position, name in header]
        types = ", ".join(f"{column}: 'VARCHAR'" for column in columns)
        self._execute(f"set variable file = {quoted(self._folder.path / landed.name)}")
        self._execute(f"set variable columns = {{{types}}}")
        self._execute(f"set variable columns_and_beyond = {{{types}, beyond: 'VARCHAR'}}")

    def _write_rows(self, table: str, rows: Sequence[tuple]) -> None:
        columns = {name: _PARQUET_TYPES[kind] for name, kind in raw_tables()[table]}
        self._write(table, f"from {self._table_of(rows, columns)}")

    def _table_of(self, rows: Sequence[tuple], columns: Mapping[str, str]) -> str:
        """Return SQL for rows of Python; they go through a file, as JSON."""
        path = self._workdir / "rows.json"
        path.write_text("\n".join(json.dumps(dict(zip(columns, row, strict=True))) for row in rows))
        types = ", ".join(f"{name}: '{kind}'" for name, kind in columns.items())
        return (
            f"read_json({quoted(path)}, format = 'newline_delimited', columns = {{{types}}},"
            " hive_partitioning = false)"
        )

    def _write(self, table: str, query: str) -> None:
        """Write the rows of a query, with the pull columns before them, in the order of the table."""
        pull = self._folder.pull
        values = (pull.pull_id, pull.pull_date, pull.pulled_at.isoformat(), pull.bot_id)
        columns = [
            f"{quoted(value)}::{_PARQUET_TYPES[column.type]} as {column.name}"
            for value, column in zip(values, pull_columns(), strict=True)
        ] + [
            f"{column.name}::{_PARQUET_TYPES[column.type]} as {column.name}" for column in raw_tables()[table]
        ]
        path = self._workdir / f"{table}-{len(self._files[table]):03}.parquet"
        query = f"copy (select {', '.join(columns)} from ({query})) to {quoted(path)} (format parquet)"
        (rows,) = self._execute(query).fetchone()
        self._files[table].append(path)
        if table != LEDGER:
            self._rows[table] += rows


def _sql(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text()


def open_csv(path: Path) -> IO[bytes]:
    """Open a CSV, gzipped if its name ends so."""
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def read_header(path: Path) -> list[str]:
    """Return the header of a CSV.

    Raises:
        ContractError: There is none.
    """
    try:
        with open_csv(path) as body, io.TextIOWrapper(body, encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file, strict=True))
    except (StopIteration, UnicodeDecodeError, csv.Error):
        raise ContractError(f"{path.name} does not begin with the header of a CSV. Pull again.") from None


def _payload(content: Any) -> str:
    return _text(json.dumps(content, ensure_ascii=False))


def _text(value: Any) -> str:
    """Return a text as a warehouse can hold it: half a surrogate pair (a text cut short) is no character."""
    return str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
