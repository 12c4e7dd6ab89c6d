"""From the landing zone to Parquet: the same files for every warehouse, made by an in-memory DuckDB.

What is read here is checked here: the header of every export, the width of every row, and whether the exports agree
about the users.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from loader.chatfuel import ALWAYS_SERVED, USER_ID
from loader.errors import ContractError, RefusedError
from loader.landing import LandedFile, PullFolder, Report
from loader.warehouse import LEDGER, Converted, pull_columns, raw_tables

# Share of the users that may be missing from one of a pull's exports.
MOST_LEFT_OUT = 0.01

_SQL = Path(__file__).parent / "sql"
_MEMORY = "800MB"
_PARQUET_TYPES = {"STRING": "varchar", "INT64": "bigint", "DATE": "date", "TIMESTAMP": "timestamptz"}
_BROADCAST_HEADERS = {
    "sent_timestamp": "Timestamp",
    "broadcast_type": "Type",
    "trigger_settings": "Trigger settings",
    "content": "Content",
    "progress": "Progress",
    "total_users": "Total users",
    "read_users": "Read",
    "clicked_users": "Clicked",
    "failed_users": "Failed",
    "is_user_timezone": "User timezone",
}


def user_headers() -> dict[str, str]:
    """Return Chatfuel's name of every field of the raw table ``users``, by column."""
    return {column.name: column.name.replace("_", " ") for column in raw_tables()["users"]}


def convert(folder: PullFolder, workdir: Path, report: Report) -> Converted:
    """Convert a complete pull of the landing zone.

    Args:
        folder: The pull.
        workdir: Where the Parquet files go.
        report: Is told which file is under way.

    Raises:
        ContractError: A file is not what Chatfuel always sent.
        RefusedError: An export is empty, a file is damaged, or the exports disagree about the users.
    """
    files, manifest = folder.read_manifest()
    settings = {"memory_limit": _MEMORY, "threads": 1, "temp_directory": str(workdir)}
    with duckdb.connect(config=settings) as connection:
        return _Conversion(connection, folder, files, manifest, workdir, report).run()


class _Conversion:
    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        folder: PullFolder,
        files: Sequence[LandedFile],
        manifest: dict[str, str],
        workdir: Path,
        report: Report,
    ) -> None:
        self._connection = connection
        self._folder = folder
        self._landed = files
        self._manifest = manifest
        self._workdir = workdir
        self._report = report
        self._headers: dict[str, list[str]] = {}
        self._files: dict[str, list[Path]] = {table: [] for table in raw_tables()}
        self._rows: dict[str, int] = {table: 0 for table in raw_tables() if table != LEDGER}

    def run(self) -> Converted:
        execute = self._connection.execute
        pull = self._folder.pull
        for name, value in zip(
            ("pull_id", "pull_date", "pulled_at", "bot_id"),
            (pull.pull_id, pull.pull_date, pull.pulled_at, pull.bot_id),
            strict=True,
        ):
            execute(f"set variable {name} = ?", [value])
        execute(_sql("csv"))
        execute("create temp table last_lines (file varchar, chatfuel_user_id varchar, line bigint)")
        execute("create temp table wanted_columns (column_name varchar, attribute_name varchar)")

        for landed in self._landed:
            if landed.name.endswith(".csv.gz"):
                self._check_csv(landed)
        execute(_sql("pull_users"))
        self._check_users()

        catalogue = self._attributes()
        self._write_rows("attributes", list(catalogue.items()))
        self._users()
        self._user_attributes(set(catalogue))
        self._segments()
        self._broadcasts()
        self._scheduled_entries()
        self._broadcast_stats()
        self._block_filters()
        self._recipients()

        ledger = [self._manifest["source"], self._manifest["loader_version"], *self._rows.values()]
        self._write_rows(LEDGER, [ledger])
        return Converted(self._files, self._rows)

    def _of(self, table: str) -> Iterator[LandedFile]:
        for landed in self._landed:
            if landed.table == table:
                self._report(f"converting {landed.name}", 0)
                yield landed

    # Checks

    def _check_csv(self, landed: LandedFile) -> None:
        """Check header and rows of a CSV, and note its users."""
        self._report(f"checking {landed.name}", 0)
        header = _header(self._folder.path / landed.name)
        self._headers[landed.name] = header
        is_export = landed.table != "broadcasts"
        needed = (*ALWAYS_SERVED, *landed.fields) if is_export else tuple(_BROADCAST_HEADERS.values())
        counts = Counter(header)
        if wrong := [name for name in needed if counts[name] != 1]:
            raise ContractError(
                f"{landed.name} should have one column {wrong[0]!r} and has {counts[wrong[0]]}"
                f" ({len(wrong)} columns are missing or doubled). Pull again; if it stays, Chatfuel changed its export."
            )
        self._set_file(landed, {})
        user_column = f"c{header.index(USER_ID)}" if is_export else "null"
        with self._reading(landed):
            self._connection.execute(
                _sql("check_rows").format(user_column=user_column, last_column=f"c{len(header) - 1}")
            )
        wrong_row = self._connection.execute(
            "select min(line), count(*) from checked_rows where is_wrong_width or chatfuel_user_id = ''"
        ).fetchone()
        if wrong_row[1]:
            raise ContractError(
                f"{landed.name} has {wrong_row[1]} rows without a user id or with another number of cells than its"
                f" header; the first is row {wrong_row[0]}. Pull again; if it stays, Chatfuel changed its export."
            )
        if landed.table in ("users", "user_attributes"):
            self._connection.execute(_sql("last_lines"))

    def _check_users(self) -> None:
        """Check that the exports are not empty and have the same users, but for a few."""
        kept, everyone = self._connection.execute(
            "select (select count(*) from pull_users), count(distinct chatfuel_user_id) from last_lines"
        ).fetchone()
        if not kept:
            raise RefusedError("An export of the users is empty. Pull again; nothing was loaded.")
        # One is let through also where there are fewer than a hundred users.
        if everyone - kept > max(1, everyone * MOST_LEFT_OUT):
            raise RefusedError(
                f"{everyone - kept} of {everyone} users are not in every export of this pull;"
                " an export was cut short. Pull again; nothing was loaded."
            )

    # Tables

    def _attributes(self) -> dict[str, str]:
        """Return type by name; a name that is listed twice counts once."""
        (landed,) = self._of("attributes")
        catalogue = {}
        for row in self._json(landed)["data"]["bot"]["variableSuggest"]:
            catalogue.setdefault(_text(row["name"]), _text(row["type"]))
        return catalogue

    def _users(self) -> None:
        (landed,) = self._of("users")
        self._set_file(landed, {header: column for column, header in user_headers().items()})
        self._write_query(landed, _sql("users"))

    def _user_attributes(self, missing: set[str]) -> None:
        """Write every attribute of the catalogue, taken from the first export that has it."""
        for landed in self._of("user_attributes"):
            requested = {*landed.fields, *ALWAYS_SERVED}
            wanted = [
                (f"c{position}", name)
                for position, name in enumerate(self._headers[landed.name])
                if name in missing and name in requested
            ]
            missing -= {name for _, name in wanted}
            self._connection.execute("truncate wanted_columns")
            self._connection.execute(
                "insert into wanted_columns select unnest($columns), unnest($names)",
                {"columns": [column for column, _ in wanted], "names": [name for _, name in wanted]},
            )
            self._set_file(landed, {})
            self._write_query(landed, _sql("user_attributes"))
        if missing:
            raise ContractError(f"No export has the attribute {min(missing)!r}. Pull again.")

    def _segments(self) -> None:
        (landed,) = self._of("segments")
        rows = self._json(landed)["data"]["bot"]["segments"]
        self._write_rows("segments", [(_text(row["id"]), _text(row["name"])) for row in rows])

    def _broadcasts(self) -> None:
        (landed,) = self._of("broadcasts")
        self._set_file(landed, {header: column for column, header in _BROADCAST_HEADERS.items()})
        self._write_query(landed, _sql("broadcasts"))

    def _scheduled_entries(self) -> None:
        (landed,) = self._of("scheduled_entries")
        rows = [(_text(row["id"]), _json_text(row)) for row in self._json(landed)["result"]]
        self._write_rows("scheduled_entries", rows)

    def _broadcast_stats(self) -> None:
        (landed,) = self._of("broadcast_stats")
        rows = [(number, _json_text(row)) for number, row in enumerate(self._json(landed)["result"], start=1)]
        self._write_rows("broadcast_stats", rows)

    def _block_filters(self) -> None:
        rows = [
            (landed.broadcast_id, landed.block_id, _json_text(self._json(landed)["data"]["bot"]["block"]))
            for landed in self._of("block_filters")
        ]
        self._write_rows("block_filters", rows)

    def _recipients(self) -> None:
        for landed in self._of("broadcast_recipients"):
            self._set_file(landed, {USER_ID: "chatfuel_user_id"})
            self._connection.execute("set variable broadcast_id = ?", [landed.broadcast_id])
            self._write_query(landed, _sql("broadcast_recipients"))
        if not self._files["broadcast_recipients"]:
            self._write_rows("broadcast_recipients", [])

    # Reading and writing

    def _json(self, landed: LandedFile) -> Any:
        return json.loads(gzip.decompress((self._folder.path / landed.name).read_bytes()))

    def _set_file(self, landed: LandedFile, names: dict[str, str]) -> None:
        """Point the SQL to a CSV, whose columns are called cN unless ``names`` has a name for the header."""
        header = self._headers[landed.name]
        columns = {names.get(name, f"c{position}"): "VARCHAR" for position, name in enumerate(header)}
        self._connection.execute("set variable file = ?", [str(self._folder.path / landed.name)])
        self._connection.execute("set variable columns = ?", [columns])
        self._connection.execute("set variable columns_and_beyond = ?", [columns | {"beyond": "VARCHAR"}])

    @contextmanager
    def _reading(self, landed: LandedFile) -> Iterator[None]:
        try:
            yield
        except duckdb.InvalidInputException as error:
            # The first line only: the others quote the row.
            raise ContractError(
                f"{landed.name} is not the CSV that it always was: {str(error).splitlines()[0]}. Pull again."
            ) from None

    def _write_rows(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        names = [column.name for column in raw_tables()[table]]
        cells = {name: [row[place] for row in rows] for place, name in enumerate(names)}
        self._connection.execute("create or replace temp table rows (empty varchar)")
        query = "select " + ", ".join(f"unnest(${name}) as {name}" for name in names)
        self._copy(table, query, cells)

    def _write_query(self, landed: LandedFile, query: str) -> None:
        with self._reading(landed):
            self._copy(landed.table, query)

    def _copy(self, table: str, query: str, parameters: dict[str, Any] | None = None) -> None:
        """Write the rows of a query, with the pull columns before them, in the order of the table."""
        columns = [
            f"getvariable('{name}')::{_PARQUET_TYPES[kind]} as {name}" for name, kind in pull_columns()
        ] + [f"{name}::{_PARQUET_TYPES[kind]} as {name}" for name, kind in raw_tables()[table]]
        file = self._workdir / f"{table}-{len(self._files[table]):03}.parquet"
        rows = self._connection.execute(
            f"copy (select {', '.join(columns)} from ({query})) to '{_quoted(file)}' (format parquet)",
            parameters,
        ).fetchone()[0]
        self._files[table].append(file)
        if table != LEDGER:
            self._rows[table] += rows


def _sql(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text()


def _header(path: Path) -> list[str]:
    try:
        with io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file, strict=True))
    except (StopIteration, UnicodeDecodeError, csv.Error):
        raise ContractError(f"{path.name} does not begin with a header. Pull again.") from None


def _json_text(content: Any) -> str:
    return _text(json.dumps(content, ensure_ascii=False))


def _text(value: Any) -> str:
    """Return a text of JSON as a warehouse can hold it: half a surrogate pair, from a text cut short, is no character."""
    return str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
