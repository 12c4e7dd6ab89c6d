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
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import IO, Any, Self

import duckdb

from loader.chatfuel import ALWAYS_SERVED, USER_ID
from loader.errors import ContractError, LoaderError, RefusedError
from loader.landing import LandedFile, PullFolder, Report
from loader.warehouse import LEDGER, Converted, pull_columns, raw_tables
from loader.warehouse.duckdb import quoted

# Share of the users that may be missing from one of a pull's exports.
MOST_LEFT_OUT = 0.01

_CSV = ".csv.gz"
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
    """Convert a complete pull into ``workdir``; the rest is as of ``Conversion.finish``."""
    with Conversion(folder, nullcontext(workdir)) as conversion:
        return conversion.finish(report, force=force)


class Conversion:
    """The conversion of one pull, which may begin while the pull still lands.

    Every file is read on a thread of its own, as soon as it is begun: each row is checked, and what is in it
    written as Parquet. What all files decide together is left to ``finish``: which users are in every export.
    What is wrong with a file is told there too, so that a pull lands whole whatever is in it.

    The SQL finds what it works on in DuckDB's variables and temporary tables.
    """

    def __init__(self, folder: PullFolder, workspace: AbstractContextManager[Path]) -> None:
        """Prepare; nothing is made before the first file.

        Args:
            folder: The pull.
            workspace: Yields the folder for Parquet files; entered when it is needed.
        """
        self.folder = folder
        self._workspace = workspace
        self._stack = ExitStack()
        self._begun: dict[LandedFile, Future[None]] = {}
        # A saved file has the columns that somebody chose.
        self._always: tuple[str, ...] = ALWAYS_SERVED
        self._headers: dict[str, list[str]] = {}
        self._catalogue: dict[str, str] = {}
        # The rows that come from JSON, by table.
        self._json: dict[str, list[tuple]] = {table: [] for table in raw_tables()}
        self._files: dict[str, list[Path]] = {table: [] for table in raw_tables()}
        self._rows: dict[str, int] = {table: 0 for table in raw_tables() if table != LEDGER}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._begun:
            self._connection.interrupt()
        self._stack.close()

    def begin(self, landed: LandedFile) -> None:
        """Have a file read, after those that were begun before it; return at once."""
        if not self._begun:
            self._workdir = self._stack.enter_context(self._workspace)
            settings = _SETTINGS | {"temp_directory": str(self._workdir)}
            self._connection = self._stack.enter_context(duckdb.connect(config=settings))
            self._execute = self._connection.execute
            self._reader = ThreadPoolExecutor(1)
            self._stack.callback(self._reader.shutdown, cancel_futures=True)
            self._execute(_sql("csv"))
            self._execute(
                "create temp table user_lines (file varchar, chatfuel_user_id varchar, line bigint)"
            )
        self._begun[landed] = self._reader.submit(self._read, landed)

    def finish(self, report: Report, *, force: bool = False) -> Converted:
        """Convert the pull, which has landed whole.

        Args:
            report: Is told which file is under way.
            force: Take the users that are in every export, however many are not.

        Raises:
            ContractError: A file is not what Chatfuel always sent.
            RefusedError: An export is empty, a file is damaged, or the exports disagree about the users.
            LoaderError: There is no room, or no memory.
        """
        files, manifest = self.folder.read_manifest()
        if manifest["source"] != "api":
            self._always = ()
        try:
            for landed in files:
                if landed not in self._begun:
                    self.begin(landed)
            for landed in files:
                report(f"converting {landed.name}", 0)
                self._begun[landed].result()
            report("converting", 0)
            self._keep_common_users(force)
            for landed in files:
                if landed.name.endswith(_CSV):
                    self._convert_csv(landed)
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            reason = str(error).splitlines()[0]
            raise LoaderError(
                f"{self.folder.path} cannot be converted: {reason}. Make room and pull again."
            ) from error
        if self._catalogue:
            raise ContractError(f"No export has the attribute {min(self._catalogue)!r}. Pull again.")
        for table, paths in self._files.items():
            if not paths and table != LEDGER:
                self._write_rows(table, self._json[table])
        ledger = (manifest["source"], manifest["loader_version"], *self._rows.values())
        self._write_rows(LEDGER, [ledger])
        return Converted(self._files, self._rows)

    def _read(self, landed: LandedFile) -> None:
        if landed.name.endswith(_CSV):
            self._read_csv(landed)
        else:
            self._json[landed.table] += self._json_rows(landed)

    def _read_csv(self, landed: LandedFile) -> None:
        """Check header and rows of a CSV, write what is in it, and note its users."""
        path = self.folder.path / landed.name
        header = self._headers[landed.name] = read_header(path)
        is_list = landed.table == "broadcasts"
        counts = Counter(header)
        for name in _BROADCAST_COLUMNS if is_list else (*self._always, *landed.fields):
            if counts[name] != 1:
                raise ContractError(
                    f"{landed.name} has {counts[name]} columns {name!r} instead of one. Pull again;"
                    " if it stays, Chatfuel has changed its export."
                )
        columns = ", ".join(f"c{position}: 'VARCHAR'" for position in range(len(header)))
        self._execute(f"set variable file = {quoted(path)}")
        self._execute(f"set variable columns = {{{columns}}}")
        self._execute(f"set variable columns_and_beyond = {{{columns}, beyond: 'VARCHAR'}}")
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
        query = _sql("read_cells" if landed.table == "user_attributes" else "read_rows")
        self._execute(f"copy ({query}) to {quoted(self._read_file(landed))} (format parquet)")

    def _read_file(self, landed: LandedFile) -> Path:
        """Return where the content of a CSV stands once it was read."""
        return self._workdir / f"{landed.name.removesuffix(_CSV)}.read.parquet"

    def _keep_common_users(self, force: bool) -> None:
        """Check that the exports are not empty and have the same users, but for a few."""
        exports = sum(name.startswith("user") for name in self._headers)
        (everyone,) = self._execute("select count(distinct chatfuel_user_id) from user_lines").fetchone()
        self._execute(f"set variable exports = {exports}")
        self._execute(_sql("keep_common_users"))
        (kept,) = self._execute("select count(distinct chatfuel_user_id) from user_lines").fetchone()
        if not kept:
            raise RefusedError("An export of the users is empty. Nothing was loaded. Pull again.")
        # One is let through also where there are fewer than a hundred.
        if everyone - kept > max(1, everyone * MOST_LEFT_OUT) and not force:
            raise RefusedError(
                f"{everyone - kept} of {everyone} users are not in every export of the pull:"
                " one was cut short. Nothing was loaded. Pull again."
                f" If it is right: `python -m loader reload {self.folder.pull.pull_id} --force`."
            )

    def _convert_csv(self, landed: LandedFile) -> None:
        """Write the rows of a table from what was read of a CSV."""
        self._execute(f"set variable file = {quoted(self.folder.path / landed.name)}")
        self._execute(f"set variable read_file = {quoted(self._read_file(landed))}")
        header = self._headers[landed.name]
        names = {}
        match landed.table:
            case "users":
                names = user_columns()
            case "user_attributes":
                self._want_columns(landed)
            case "broadcasts":
                names = _BROADCAST_COLUMNS
            case "broadcast_recipients":
                names = {USER_ID: "chatfuel_user_id"}
                self._execute(f"set variable broadcast_id = {quoted(landed.broadcast_id)}")
        columns = ", ".join(
            f"c{header.index(name)} as {column}" if name in header else f"null as {column}"
            for name, column in names.items()
        )
        self._write(landed.table, _sql(landed.table).format(columns=columns))

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
        content = json.loads(gzip.decompress((self.folder.path / landed.name).read_bytes()))
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
        pull = self.folder.pull
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
