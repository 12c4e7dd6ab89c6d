"""A person is taken out of the landing zone: out of every export, as served but for those rows."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Mapping
from typing import IO

from loader.chatfuel import USER_ID
from loader.errors import ContractError, LoaderError
from loader.landing import LandedFile, PullFolder
from loader.logs import progress
from loader.wide_csv import WideCsv, unpacked


def find_user(folder: PullFolder, user_id: str) -> tuple[dict[LandedFile, int], list[str]]:
    """Return the rows that a user has in each file of a complete pull, and why others cannot be read."""
    rows, unread = {}, []
    for landed in folder.read_manifest().files:
        if landed.name.endswith(".csv.gz") and (landed.id_column or USER_ID in landed.fields):
            progress(f"reading {landed.name}")
            try:
                folder.check_file(landed)
                rows[landed] = sum(is_theirs for _, is_theirs in _records(folder, landed, user_id))
            except (LoaderError, OSError) as error:
                unread.append(str(error))
    return {landed: count for landed, count in rows.items() if count}, unread


def forget_user(folder: PullFolder, user_id: str, rows: Mapping[LandedFile, int]) -> None:
    """Remove a user's rows, as ``find_user`` found them, from a complete pull.

    Files that hold any are written anew under another name, then the manifest, and the old ones are removed
    last: whatever interrupts it, the pull is whole, and doing it again finishes it.
    """
    manifest = folder.read_manifest()
    for landed in manifest.files:
        if landed in rows:
            _rewrite(folder, landed, user_id, rows[landed])
        else:
            folder.keep(landed)
    if rows:
        folder.commit(manifest.source, manifest.loader_version)
    folder.remove_unlisted()


def _rewrite(folder: PullFolder, landed: LandedFile, user_id: str, rows: int) -> None:
    revision = int((re.search(r"\.r(\d+)\.csv\.gz$", landed.name) or [0, 0])[1]) + 1
    name = re.sub(r"(\.r\d+)?\.csv\.gz$", f".r{revision}.csv.gz", landed.name)
    kept = ("fields", "custom", "broadcast_id", "block_id", "channel", "id_column")
    facts = {fact: getattr(landed, fact) for fact in kept}
    if landed.contacts is not None:
        facts["contacts"] = landed.contacts - rows
    with folder.writer(name, landed.table, **facts) as sink:
        for record, is_theirs in _records(folder, landed, user_id):
            if not is_theirs:
                sink.write(record)


def _records(folder: PullFolder, landed: LandedFile, user_id: str) -> Iterator[tuple[bytes, bool]]:
    """Yield the rows of an export as they are, and whether each is the user's."""
    path = folder.path / landed.name
    header, column = WideCsv(path).header, landed.id_column or USER_ID
    if column not in header:
        raise ContractError(f"{landed.name} has no column {column!r}. Restore it, or pull again.")
    place = header.index(column)
    with unpacked(path) as stream:
        for record in _rows(io.BufferedReader(stream)):
            # Most need not be taken apart.
            yield record, user_id.encode() in record and _is_theirs(record, place, user_id)


def _rows(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the rows of a CSV, line end included; a line end between quotes ends none."""
    lines, is_open = [], False
    for line in file:
        lines.append(line)
        is_open ^= line.count(b'"') % 2
        if not is_open:
            yield b"".join(lines)
            lines = []
    if lines:
        yield b"".join(lines)


def _is_theirs(record: bytes, place: int, user_id: str) -> bool:
    # A subscriber writes what they like: cells of any length, carriage returns, bytes that are no UTF-8.
    csv.field_size_limit(sys.maxsize)
    try:
        cells = next(csv.reader([record.replace(b"\r", b" ").decode("latin-1")], strict=True))
    except csv.Error:
        cells = []
    # Where nobody can tell whose it is, it is taken for theirs: nothing can load it anyway.
    return len(cells) <= place or cells[place].strip() == user_id
