"""From the landing zone to Parquet: the same files for every warehouse.

What is read here is checked here: the header of every CSV, the width of every row, and whether the exports
agree about the users.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from loader.chatfuel import ALWAYS_SERVED, USER_ID
from loader.errors import ContractError, LoaderError, RefusedError
from loader.landing import LandedFile, PullFolder, Report
from loader.warehouse import LEDGER, Converted, pull_columns, raw_tables
from loader.wide_csv import Block, WideCsv

# Share of the users that may be missing from one of a pull's exports.
MOST_LEFT_OUT = 0.01

_CSV = ".csv.gz"
_TYPES = {
    "STRING": pa.string(),
    "INT64": pa.int64(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
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
    """Convert a complete pull.

    Every export is read twice: once to check it and to know its users, and once to write it, without those
    who are not in every export.

    Args:
        folder: The pull.
        workdir: Where the Parquet files go.
        report: Is told which file is under way.
        force: Take the users that are in every export, however many are not.

    Raises:
        ContractError: A file is not what Chatfuel always sent.
        RefusedError: An export is empty, a file is damaged, or the exports disagree about the users.
        LoaderError: There is no room.
    """
    try:
        return _Conversion(folder, workdir, report).convert(force)
    except OSError as error:
        raise LoaderError(
            f"{folder.path} cannot be converted: {error.strerror or error}. Make room and pull again."
        ) from error


class _Conversion:
    def __init__(self, folder: PullFolder, workdir: Path, report: Report) -> None:
        self.folder = folder
        self._workdir = workdir
        self._report = report
        self._files: dict[str, list[Path]] = {table: [] for table in raw_tables()}
        self._rows = {table: 0 for table in raw_tables() if table != LEDGER}
        # The type of each attribute.
        self._catalogue: dict[str, str] = {}

    def convert(self, force: bool) -> Converted:
        files, manifest = self.folder.read_manifest()
        # A saved file has the columns that somebody chose.
        always = ALWAYS_SERVED if manifest["source"] == "api" else ()
        exports: dict[LandedFile, WideCsv] = {}
        rows: dict[str, list[tuple]] = {table: [] for table in raw_tables()}
        users: dict[LandedFile, list[pa.StringArray]] = {}
        for landed in files:
            self._report(f"checking {landed.name}", 0)
            if not landed.name.endswith(_CSV):
                rows[landed.table] += self._json_rows(landed)
                continue
            export = exports[landed] = WideCsv(self.folder.path / landed.name)
            is_list = landed.table == "broadcasts"
            for name in _BROADCAST_COLUMNS if is_list else (*always, USER_ID, *landed.fields):
                if name not in export.header:
                    raise ContractError(
                        f"{landed.name} has no column {name!r}. Pull again;"
                        " if it stays, Chatfuel has changed its export."
                    )
            if landed.table in ("users", "user_attributes"):
                users[landed] = [_users(block, landed) for block in export.blocks([USER_ID])]
        kept = dict(zip(users, self._common_users(list(users.values()), force), strict=True))
        for landed, export in exports.items():
            self._report(f"converting {landed.name}", 0)
            self._convert_csv(landed, export, kept.get(landed))
        if self._catalogue:
            raise ContractError(f"No export has the attribute {min(self._catalogue)!r}. Pull again.")
        for table, found in rows.items():
            if not self._files[table] and table != LEDGER:
                self._write(table, [list(zip(*found, strict=True))] if found else [])
        ledger = (manifest["source"], manifest["loader_version"], *self._rows.values())
        self._write(LEDGER, [[[value] for value in ledger]])
        return Converted(self._files, self._rows)

    def _common_users(self, exports: Sequence[list[pa.StringArray]], force: bool) -> list[np.ndarray]:
        """Return, for each export, which rows count: of a user who is in every export, the last one."""
        chunks = [chunk for export in exports for chunk in export]
        encoded = pa.chunked_array(chunks, pa.string()).dictionary_encode().chunks
        numbers = np.concatenate([[], *(chunk.indices for chunk in encoded)]).astype(np.int32)
        numbers = np.split(numbers, np.cumsum([sum(map(len, export)) for export in exports])[:-1])
        last = np.full((len(exports), max((n.max(initial=-1) for n in numbers), default=-1) + 1), -1)
        for number, export in enumerate(numbers):
            last[number, export] = np.arange(len(export))
        # Who signed up or was deleted between two downloads is left out; otherwise values that were not
        # served would look like values that were cleared.
        is_common = (last >= 0).all(axis=0)
        everyone, missing = len(is_common), int((~is_common).sum())
        if everyone == missing:
            raise RefusedError("An export of the users is empty. Nothing was loaded. Pull again.")
        # One is let through also where there are fewer than a hundred.
        if missing > max(1, everyone * MOST_LEFT_OUT) and not force:
            raise RefusedError(
                f"{missing} of {everyone} users are not in every export of the pull:"
                " one was cut short. Nothing was loaded. Pull again."
                f" If it is right: `python -m loader reload {self.folder.pull.pull_id} --force`."
            )
        return [
            is_common[export] & (last[number, export] == np.arange(len(export)))
            for number, export in enumerate(numbers)
        ]

    def _convert_csv(self, landed: LandedFile, export: WideCsv, kept: np.ndarray | None) -> None:
        match landed.table:
            case "user_attributes":
                # An attribute that an export before has had is not taken again.
                wanted = {*landed.fields, *ALWAYS_SERVED} & {*self._catalogue}
                names = [
                    name for name in dict.fromkeys((USER_ID, *export.header)) if name in {USER_ID, *wanted}
                ]
                is_wanted = np.array([name in wanted for name in names])
                for name in wanted & {*names}:
                    del self._catalogue[name]
                blocks = (_long(block, names, is_wanted, kept) for block in export.blocks(names))
            case "users":
                names = [*user_columns()]
                blocks = (
                    [column.filter(kept[block.first :][: block.rows]) for column in _wide(block, names)]
                    for block in export.blocks(names)
                )
            case "broadcasts":
                names = [*_BROADCAST_COLUMNS]
                blocks = (
                    [np.arange(block.rows) + block.first + 1, *_wide(block, names)]
                    for block in export.blocks(names)
                )
            case "broadcast_recipients":
                users = [_users(block, landed) for block in export.blocks([USER_ID])]
                users = pa.chunked_array(users, pa.string()).unique()
                blocks = [[[landed.broadcast_id] * len(users), users]]
        self._write(landed.table, blocks)

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

    def _write(self, table: str, blocks: Iterable[Sequence[Any]]) -> None:
        """Write blocks of a table, each of them its columns, with the pull columns before them, as a file."""
        pull = self.folder.pull
        columns = (*pull_columns(), *raw_tables()[table])
        schema = pa.schema([(column.name, _TYPES[column.type]) for column in columns])
        if table == "user_attributes":
            for name in ("chatfuel_user_id", "attribute_name"):
                dictionary = pa.dictionary(pa.int32(), pa.string())
                schema = schema.set(schema.get_field_index(name), pa.field(name, dictionary))
        path = self._workdir / f"{table}-{len(self._files[table]):03}.parquet"
        of_pull = (pull.pull_id, pull.pull_date, pull.pulled_at, pull.bot_id)
        encoded = [column.name for column in columns if column.name != "attribute_value"]
        with pq.ParquetWriter(
            path,
            schema,
            use_dictionary=encoded,
            compression="zstd",
            write_statistics=False,
            store_schema=False,
        ) as writer:
            for block in blocks:
                rows = len(block[0])
                constants = [pa.repeat(pa.scalar(value), rows) for value in of_pull]
                arrays = [
                    value.cast(field.type) if isinstance(value, pa.Array) else pa.array(value, field.type)
                    for value, field in zip((*constants, *block), schema, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
                if table != LEDGER:
                    self._rows[table] += rows
        self._files[table].append(path)


def _users(block: Block, landed: LandedFile) -> pa.StringArray:
    """Return the user of each row, its first column."""
    users = block.wide(0)
    if users.null_count:
        row = block.first + users.is_null().index(True).as_py() + 1
        raise ContractError(
            f"{landed.name}, row {row}: it has no {USER_ID!r}. Nothing was loaded. Pull again;"
            " if it stays, Chatfuel has changed its export."
        )
    return users


def _wide(block: Block, names: Sequence[str]) -> list[pa.StringArray]:
    return [block.wide(column) for column in range(len(names))]


def _long(block: Block, names: Sequence[str], is_wanted: np.ndarray, kept: np.ndarray) -> list[pa.Array]:
    """Return user, name and value of each cell; the user is in the first column."""
    found = is_wanted[block.column] & kept[block.first :][block.row]
    users = pa.DictionaryArray.from_arrays(pa.array(block.row[found], pa.int32()), block.wide(0))
    attributes = pa.DictionaryArray.from_arrays(pa.array(block.column[found], pa.int32()), pa.array(names))
    return [users, attributes, block.values.filter(pa.array(found))]


def _payload(content: Any) -> str:
    return _text(json.dumps(content, ensure_ascii=False))


def _text(value: Any) -> str:
    """Return a text as a warehouse can hold it: half a surrogate pair (a text cut short) is no character."""
    return str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
