"""From the landing zone to Parquet: the same files for every warehouse.

What is read here is checked here: the header of every CSV, the width of every row, and whether the exports
agree about the users.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec.structs import replace

from loader.answers import COUNT, SHAPES, parse, pick
from loader.campaigns import FLOWS, campaigns_of
from loader.chatfuel import ALWAYS_SERVED, USER_ID
from loader.errors import ContractError, LoaderError, RefusedError
from loader.landing import LandedFile, Manifest, PullFolder
from loader.logs import progress
from loader.panel import ATTRIBUTES, Node, column_names, moments, nodes_of
from loader.warehouse import LEDGER, Converted, pull_columns, raw_tables
from loader.wide_csv import EXPORT_AGAIN, PULL_AGAIN, WideCsv, unpacked

# Share of the users that may be missing from one of a pull's exports.
MOST_LEFT_OUT = 0.01

log = logging.getLogger(__name__)
_CSV = ".csv.gz"
_NOBODY = np.empty(0, np.int64)
_TYPES = {
    "STRING": pa.string(),
    "INT64": pa.int64(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
}
_BROADCAST_COLUMNS = (
    *("Timestamp", "Type", "Trigger settings", "Content", "Progress"),
    *("Total users", "Read", "Clicked", "Failed", "User timezone"),
)
_COUNTERS = ("Total users", "Read", "Clicked", "Failed")


def user_columns() -> dict[str, str]:
    """Return the columns of the raw table ``users``, by Chatfuel's name of the field."""
    columns = [column.name for column in raw_tables()["users"].columns if column.name != "channel"]
    return {column.replace("_", " "): column for column in columns}


def is_system(name: str) -> bool:
    """Return whether a name is that of a field which the users export has."""
    return name in user_columns()


def attribute_name(name: str, kind: str) -> str:
    """Return the name of an attribute in all tables: a custom one may be called as a system field is."""
    return f"{name} (custom)" if kind == "custom" and is_system(name) else name


def value_counts(converted: Converted) -> dict[str, int]:
    """Return how many users have a value, by attribute."""
    counts: Counter[str] = Counter()
    for path in converted.files["user_attributes"]:
        for group in range((file := pq.ParquetFile(path)).num_row_groups):
            found = pc.value_counts(file.read_row_group(group, ["attribute_name"]).column(0))
            counts.update({row["values"]: row["counts"] for row in found.to_pylist()})
    return counts


def with_default(converted: Converted) -> set[str]:
    """Return the attributes that have a default value: whoever has none reads as having that."""
    rows = [row for path in converted.files["attributes"] for row in pq.read_table(path).to_pylist()]
    return {row["attribute_name"] for row in rows if row["default_value"] is not None}


def has_user_of(converted: Converted, user_ids: Sequence[str]) -> bool:
    """Return whether one of some users is in a pull."""
    wanted = pa.array(user_ids, pa.string())
    return any(
        pc.any(pc.is_in(file.read_row_group(group, ["chatfuel_user_id"]).column(0), wanted)).as_py()
        for file in map(pq.ParquetFile, converted.files["users"])
        for group in range(file.num_row_groups)
    )


def convert(folder: PullFolder, workdir: Path, *, force: bool = False) -> Converted:
    """Convert a complete pull.

    A file is read once, checked and written; who signed up since the exports before it is left out at once.
    Only an export with users that a later one has not, or with a user twice, is read and written again.

    Args:
        folder: The pull.
        workdir: Where the Parquet files go.
        force: Take the users that are in every export, however many are not.

    Raises:
        ContractError: A file is not what Chatfuel always sent.
        RefusedError: An export is empty, a file is damaged, or the exports disagree about the users.
        LoaderError: There is no room.
    """
    try:
        return _Conversion(folder, workdir).convert(force)
    except (OSError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "out of memory"
        raise LoaderError(
            f"{folder.path} cannot be converted: {reason}. Make room, or mend that, and pull again."
        ) from error


class _Conversion:
    def __init__(self, folder: PullFolder, workdir: Path) -> None:
        self.folder = folder
        self._workdir = workdir
        self._files: dict[str, dict[Path, int]] = {table: {} for table in raw_tables()}
        # The attributes of the catalogue that no export has had, and their types.
        self._catalogue: dict[str, str] = {}
        # On the panel: what else it says of them.
        self._panel: dict[str, Node] | None = None

    def convert(self, force: bool) -> Converted:
        manifest = self.folder.read_manifest()
        files = manifest.files
        if not _is_whole(manifest):
            where = f"{self.folder.landing.name}/{self.folder.name}/manifest.json"
            raise RefusedError(f"{where} does not list the files of a pull. Restore it, or pull again.")
        for landed in files:
            self.folder.check_file(landed)
        is_panel = manifest.source == "panel"
        if is_panel:
            pages = [pick(self._parse(f), ATTRIBUTES, f.name)[1] for f in files if f.table == "attributes"]
            self._panel = nodes_of(pages)
        # A saved file has the columns that somebody chose.
        always = ALWAYS_SERVED if manifest.source == "api" else ()
        remedy = EXPORT_AGAIN if manifest.source == "import" else PULL_AGAIN
        rows: dict[str, list[tuple]] = {table: [] for table in raw_tables()}
        for landed in files:
            if is_panel and landed.table == "scheduled_entries":
                self._add_campaigns(landed, rows)
            elif not landed.name.endswith(_CSV):
                rows[landed.table] += self._json_rows(landed)
        others: dict[str, int] = {}
        # What the users export has of the catalogue is taken from there, and from nowhere else.
        profile = [replace(landed, table="user_attributes") for landed in files if landed.table == "users"]
        files = [*profile, *files]
        exports = [
            _Export(self.folder.path, f, always, others, remedy, self._panel)
            for f in files
            if f.name.endswith(_CSV)
        ]
        of_everyone = [e for e in exports if e.landed.table in ("users", "user_attributes")]
        # The users that every export of a channel so far has had.
        known: dict[str, np.ndarray] = {}
        for export in exports:
            progress(f"converting {export.landed.name}")
            export.choose_columns(self._catalogue)
            is_of_everyone, channel = export in of_everyone, export.landed.channel
            before = known.get(channel) if is_of_everyone else None
            export.path = self._write(export.landed.table, export.blocks(before))
            if is_of_everyone:
                # Nearly always the same in each: kept once, for there are many exports.
                export.users = _one_of(export.users, [other.users for other in of_everyone])
                export.written = _one_of(export.written, [other.written for other in of_everyone])
                users = np.sort(export.users)
                known[channel] = users if before is None else users[_is_in(users, before)]
        # What Arrow has freed and kept is needed by numpy now: some 40 MB of the peak.
        pa.default_memory_pool().release_unused()
        taken = _NOBODY
        for channel in known:
            of_channel = [export for export in of_everyone if export.landed.channel == channel]
            taken = np.union1d(taken, self._leave_out(of_channel, force, taken))
        for export in exports:
            if export.landed.table == "broadcast_recipients":
                self._leave_out([export], force)
        # Pulls of versions before 1.0 did not ask for these.
        unseen = {attribute_name(name, "custom") for name in user_columns()} & self._catalogue.keys()
        if unseen:
            log.warning("Not in this pull, for it bears the name of a system field: %s.", ", ".join(unseen))
        rows["attributes"] = [row for row in rows["attributes"] if row[0] not in unseen]
        if missing := self._catalogue.keys() - unseen:
            raise ContractError(f"No export has the attribute {min(missing)!r}. Pull again.")
        for table, found in rows.items():
            if not self._files[table] and table != LEDGER:
                self._write(table, [list(zip(*found, strict=True))] if found else [])
        counts = {table: sum(paths.values()) for table, paths in self._files.items() if table != LEDGER}
        source, surface = ("api", "panel") if is_panel else (manifest.source, "classic")
        ledger = (source, manifest.loader_version, surface, *counts.values())
        self._write(LEDGER, [[[value] for value in ledger]])
        files = {table: [*paths] for table, paths in self._files.items()}
        return Converted(files, counts, {row[0] for row in rows["attributes"]})

    def _leave_out(self, exports: Sequence[_Export], force: bool, taken: np.ndarray = _NOBODY) -> np.ndarray:
        """Write exports again without the users who are not in all of them, and all but the last row of each.

        Who signed up or was deleted between two downloads is left out; otherwise values that were not served
        would look like values that were cleared. So is who was in another channel; returned are the others.
        """
        different = {id(export.users): export.users for export in exports}
        of_exports = [np.unique(users) for users in different.values()]
        common, everyone = reduce(np.intersect1d, of_exports), len(reduce(np.union1d, of_exports))
        missing = everyone - len(common)
        if not len(common) and len(exports) > 1:
            raise RefusedError(f"An export of the users is empty. Nothing was loaded. {exports[0].remedy}")
        # One is let through also where there are fewer than a hundred.
        if missing > max(1, everyone * MOST_LEFT_OUT) and not force:
            raise RefusedError(
                f"{missing} of {everyone} users are not in every export of the pull:"
                " one was cut short. Nothing was loaded. Pull again."
                f" If it is right: `python -m loader reload {self.folder.pull.pull_id} --force`."
            )
        landed = exports[0].landed
        if landed.contacts is not None and not force:
            rows = len(exports[0].users)
            if abs(rows - landed.contacts) > max(1, landed.contacts * MOST_LEFT_OUT):
                raise RefusedError(
                    f"{landed.name} has {rows} contacts, and Chatfuel counted {landed.contacts}: it is not"
                    " whole. Nothing was loaded. Pull again."
                    f" If it is right: `python -m loader reload {self.folder.pull.pull_id} --force`."
                )
        if len(twice := common[_is_in(common, taken)]):
            log.warning("%d users of %s are in another channel too.", len(twice), exports[0].landed.name)
            common = common[~_is_in(common, taken)]
        kept = {key: _last_rows(users, common) for key, users in different.items()}
        for export in exports:
            if (kept[id(export.users)] != export.written).any():
                progress(f"converting {export.landed.name} again")
                self._write(export.landed.table, export.blocks(kept=kept[id(export.users)]), export.path)
        return common

    def _parse(self, landed: LandedFile) -> Any:
        with unpacked(self.folder.path / landed.name) as file:
            return parse(file.read(), landed.name)

    def _json_rows(self, landed: LandedFile) -> list[tuple]:
        if landed.table == "attributes" and self._panel is not None:
            return self._panel_attributes(landed)
        payloads, rows = pick(self._parse(landed), SHAPES[landed.table], landed.name)
        match landed.table:
            case "attributes":
                for row in rows:
                    # A name that is listed twice is one attribute.
                    kind = _text(row.type)
                    self._catalogue.setdefault(attribute_name(_text(row.name), kind), kind)
                return [(name, kind, None, None) for name, kind in self._catalogue.items()]
            case "segments":
                return _once(landed, ((_text(row.id), _text(row.name)) for row in rows))
            case "scheduled_entries":
                pairs = zip(rows, payloads, strict=True)
                return _once(landed, ((_text(row.id), _payload(payload)) for row, payload in pairs))
            case "broadcast_stats":
                for number, row in enumerate(rows, start=1):
                    users = row.total_users or 0
                    if users < 0 or users % 1:
                        _warn_of_count(landed, number, "total_users", f"{users:g}")
                return [(number, _payload(payload)) for number, payload in enumerate(payloads, start=1)]
            case "block_filters":
                return [(landed.broadcast_id, landed.block_id, _payload(payloads))]

    def _add_campaigns(self, landed: LandedFile, rows: Mapping[str, list[tuple]]) -> None:
        """Add the campaigns of the panel, and the audience of each that went out, asked for or not."""
        flows, pulled_at = pick(self._parse(landed), FLOWS, landed.name)[1], self.folder.pull.pulled_at
        for campaign in campaigns_of(flows, landed.name):
            broadcast_id = _text(campaign.id)
            rows["scheduled_entries"].append((broadcast_id, _payload(campaign.entry(pulled_at))))
            if campaign.is_settled(pulled_at):
                rows["block_filters"].append((broadcast_id, broadcast_id, _payload(campaign.block())))

    def _panel_attributes(self, landed: LandedFile) -> list[tuple]:
        rows = []
        for name, node in nodes_of([pick(self._parse(landed), ATTRIBUTES, landed.name)[1]]).items():
            kind = node.botAttribute.type
            name = attribute_name(_text(name), kind)
            default = None if node.defaultValue is None else _text(node.defaultValue)
            if name not in self._catalogue:
                self._catalogue[name] = kind
                rows.append((name, kind, node.botAttribute.dataType, default))
        return rows

    def _write(self, table: str, blocks: Iterable[Sequence[Any]], path: Path | None = None) -> Path:
        """Write blocks of a table, each of them its columns, with the pull columns before them, as a file."""
        pull = self.folder.pull
        columns = (*pull_columns(), *raw_tables()[table].columns)
        schema = pa.schema([(column.name, _TYPES[column.type]) for column in columns])
        if table == "user_attributes":
            for name in ("chatfuel_user_id", "attribute_name"):
                dictionary = pa.dictionary(pa.int32(), pa.string())
                schema = schema.set(schema.get_field_index(name), pa.field(name, dictionary))
        path = path or self._workdir / f"{table}-{len(self._files[table]):03}.parquet"
        self._files[table][path] = 0
        of_pull = (pull.pull_id, pull.pull_date, pull.pulled_at, pull.bot_id)
        # A dictionary of the values would cost more time than it saves room.
        encoded = [column.name for column in columns if column.name != "attribute_value"]
        options = {"compression": "zstd", "write_statistics": False, "store_schema": False}
        with pq.ParquetWriter(path, schema, use_dictionary=encoded, **options) as writer:
            for block in blocks:
                rows = len(block[0])
                constants = [pa.repeat(pa.scalar(value), rows) for value in of_pull]
                arrays = [
                    value.cast(field.type) if isinstance(value, pa.Array) else pa.array(value, field.type)
                    for value, field in zip((*constants, *block), schema, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
                self._files[table][path] += rows
        return path


class _Export:
    """A CSV of a pull.

    Attributes:
        landed: The file.
        users: A number for the user of each row, once it is converted; none of the broadcast list.
        written: The same, whether the row was written.
        path: What was made of it.
        remedy: What is told to do where it is refused.
    """

    def __init__(
        self,
        path: Path,
        landed: LandedFile,
        always: Sequence[str],
        others: dict[str, int],
        remedy: str,
        panel: Mapping[str, Node] | None = None,
    ) -> None:
        """Read the header. It must have what was asked for, and what is always served.

        ``others`` are the numbers of users whose ids are none, the same for all exports.
        """
        self.landed, self._others, self.remedy = landed, others, remedy
        self.users, self.written = _NOBODY, _NOBODY.astype(bool)
        self.path = Path()
        self._csv = WideCsv(path / landed.name, remedy=remedy)
        self._panel, self._moments = panel, set()
        if panel is not None:
            self._rename(panel)
        is_list = landed.table == "broadcasts"
        for name in _BROADCAST_COLUMNS if is_list else (*always, USER_ID, *landed.fields):
            if name not in self._csv.header:
                raise ContractError(f"{landed.name} has no column {name!r}. Nothing was loaded. {remedy}")
        self._columns = [*_BROADCAST_COLUMNS] if is_list else [*user_columns()]

    def _rename(self, panel: Mapping[str, Node]) -> None:
        """Give the columns of the panel the names that the tables have."""
        header = self._csv.header
        nodes = {column: panel[name] for column, name in column_names(header, panel).items()}
        names = {
            column: attribute_name(_text(node.botAttribute.name), node.botAttribute.type)
            for column, node in nodes.items()
        }
        self._moments = {names[column] for column, node in nodes.items() if node.is_datetime}
        self._asked = {*names.values()}
        self._csv.header = [
            USER_ID if column == self.landed.id_column else names.get(column, column) for column in header
        ]

    def choose_columns(self, catalogue: dict[str, str]) -> None:
        """Take the attributes from the catalogue that this export has; its other columns are left out."""
        if self.landed.table != "user_attributes":
            return
        asked = {*self.landed.fields, *ALWAYS_SERVED}
        columns = dict.fromkeys((USER_ID, *self._csv.header))
        if self._panel is not None:
            wanted = {c for c in columns if c in self._asked}
            for name in wanted:
                catalogue.pop(name, None)
            self._columns = [USER_ID, *sorted(wanted - {USER_ID})]
            self._names = pa.array(self._columns)
            self._is_wanted = np.array([c in wanted for c in self._columns])
            return
        names = {c: attribute_name(c, "custom" if c in self.landed.custom else "system") for c in columns}
        wanted = {c for c, name in names.items() if c in asked and catalogue.pop(name, None)}
        self._columns = [USER_ID, *sorted(wanted - {USER_ID})]
        self._names = pa.array([names[c] for c in self._columns])
        self._is_wanted = np.array([c in wanted for c in self._columns])

    def blocks(self, known: np.ndarray | None = None, kept: np.ndarray | None = None) -> Iterator[list]:
        """Yield the columns of the raw table, block after block: of these users, of these rows, or of all."""
        read, written = [self.users], [self.written]
        for block in self._csv.blocks(self._columns):
            if self.landed.table == "broadcasts":
                columns = [block.wide(place) for place in range(len(self._columns))]
                for name in _COUNTERS:
                    values = columns[self._columns.index(name)]
                    for row in np.flatnonzero(pc.invert(pc.match_substring_regex(values, f"^({COUNT})$"))):
                        _warn_of_count(self.landed, block.first + row + 1, name, values[row].as_py())
                yield [np.arange(block.rows) + block.first + 1, *columns]
                continue
            users = block.wide(0)
            if users.null_count:
                row = block.first + users.is_null().index(True).as_py() + 1
                raise ContractError(
                    f"{self.landed.name}, row {row}: it has no {USER_ID!r}. Nothing was loaded. {self.remedy}"
                )
            if kept is None:
                numbers = _numbers(users, self._others)
                of_block = np.ones(block.rows, bool) if known is None else _is_in(numbers, known)
                read.append(numbers)
                written.append(of_block)
            else:
                of_block = kept[block.first : block.first + block.rows]
            match self.landed.table:
                case "users":
                    columns = [block.wide(place).filter(of_block) for place in range(len(self._columns))]
                    for place, name in enumerate(self._columns):
                        if name in self._moments:
                            columns[place] = moments(columns[place])
                    channel = pa.scalar(self.landed.channel or None, pa.string())
                    yield [*columns, pa.repeat(channel, len(columns[0]))]
                case "broadcast_recipients":
                    users = users.filter(of_block)
                    yield [pa.repeat(self.landed.broadcast_id, len(users)), users]
                case "user_attributes":
                    found = self._is_wanted[block.column] & of_block[block.row]
                    yield [
                        _encoded(block.row[found], users),
                        _encoded(block.column[found], self._names),
                        self._converted(block.values.filter(found), block.column[found]),
                    ]
        if kept is None:
            self.users, self.written = np.concatenate(read), np.concatenate(written)

    def _converted(self, values: pa.StringArray, columns: np.ndarray) -> pa.StringArray:
        """Return values, those that are moments as such."""
        if not self._moments:
            return values
        is_moment = np.array([name in self._moments for name in self._columns])[columns]
        return pc.if_else(is_moment, moments(values), values)


def _is_whole(manifest: Manifest) -> bool:
    """Return whether each file is listed once, named after its table, and none is missing."""
    names = {landed.name for landed in manifest.files}
    tables = {landed.table for landed in manifest.files}
    needed = {"attributes", "users"}
    if manifest.source == "api":
        needed |= {"segments", "broadcasts", "scheduled_entries", "broadcast_stats"}
    return (
        len(names) == len(manifest.files)
        and needed <= tables <= raw_tables().keys() - {LEDGER}
        and all(re.split("[-.]", landed.name)[0] == landed.table for landed in manifest.files)
        and all(landed.name.endswith(_CSV) != (landed.table in SHAPES) for landed in manifest.files)
    )


def _numbers(users: pa.StringArray, others: dict[str, int]) -> np.ndarray:
    """Return a number for each user, for it takes less memory: the id if it is one, else one below zero."""
    is_number = pc.match_substring_regex(users, "^[1-9][0-9]{0,17}$")
    numbers = pc.if_else(is_number, users, "0").cast(pa.int64()).to_numpy().copy()
    for row in np.flatnonzero(numbers == 0):
        numbers[row] = others.setdefault(users[row].as_py(), ~len(others))
    return numbers


def _one_of(array: np.ndarray, others: Iterable[np.ndarray]) -> np.ndarray:
    """Return the first that is the same."""
    return next((other for other in others if np.array_equal(other, array)), array)


def _last_rows(users: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return which rows are the last of a user, of these users."""
    # Counted from the end, a user's first row is the last.
    found, from_end = np.unique(users[::-1], return_index=True)
    is_last = np.zeros(len(users), bool)
    is_last[len(users) - 1 - from_end[_is_in(found, among)]] = True
    return is_last


def _is_in(users: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return which users are among others, which are sorted."""
    place = np.searchsorted(known, users)
    return (place < len(known)) & (known.take(place, mode="clip") == users if len(known) else False)


def _encoded(indices: np.ndarray, values: pa.StringArray) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32()), values)


def _once(landed: LandedFile, rows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the first row of each id."""
    found: dict[str, str] = {}
    for row_id, content in rows:
        if found.setdefault(row_id, content) != content:
            log.warning("%s lists %r twice, with different content: the first is taken.", landed.name, row_id)
    return list(found.items())


def _warn_of_count(landed: LandedFile, row: int, column: str, value: str) -> None:
    message = "%s, row %d, %s: %r is no number of users; it is empty in all tables."
    log.warning(message, landed.name, row, column, value)


def _payload(content: Any) -> str:
    return _text(json.dumps(content, ensure_ascii=False))


def _text(value: Any) -> str:
    """Return a text as a warehouse can hold it: half a surrogate pair (a text cut short) is no character."""
    return str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
