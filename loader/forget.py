"""A person is taken out of the landing zone: out of every export, as served but for those rows."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator
from typing import IO

from loader.chatfuel import USER_ID
from loader.landing import LandedFile, PullFolder, Report
from loader.wide_csv import WideCsv


def forget_user(folder: PullFolder, user_id: str, report: Report) -> int:
    """Remove a user's rows from a complete pull.

    Files that hold any are written anew under another name, then the manifest, and the old ones are removed
    last: whatever interrupts it, the pull is whole, and doing it again finishes it.

    Args:
        folder: The pull.
        user_id: The user, as Chatfuel spells the id.
        report: Is told which file is under way.

    Returns:
        The rows removed.

    Raises:
        RefusedError: A file is damaged or missing.
    """
    files, manifest = folder.read_manifest()
    removed = 0
    for landed in files:
        if landed.name.endswith(".csv.gz") and USER_ID in landed.fields:
            removed += _rewrite(folder, landed, user_id, report)
        else:
            folder.keep(landed)
    if removed:
        folder.commit(manifest["source"], manifest["loader_version"])
    folder.remove_unlisted()
    return removed


def _rewrite(folder: PullFolder, landed: LandedFile, user_id: str, report: Report) -> int:
    path = folder.path / landed.name
    place = WideCsv(path).header.index(USER_ID)
    with gzip.open(path) as file:
        rows = sum(_is_of(record, place, user_id) for record in _records(file))
    if not rows:
        folder.keep(landed)
        return 0
    revision = int((re.search(r"\.r(\d+)\.csv\.gz$", landed.name) or [0, 0])[1]) + 1
    name = re.sub(r"(\.r\d+)?\.csv\.gz$", f".r{revision}.csv.gz", landed.name)
    facts = {"fields": landed.fields, "broadcast_id": landed.broadcast_id, "block_id": landed.block_id}
    with gzip.open(path) as file, folder.writer(name, landed.table, report, **facts) as sink:
        for record in _records(file):
            if not _is_of(record, place, user_id):
                sink.write(record)
    return rows


def _records(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the rows of a CSV as they are, line end included; a line end between quotes ends none."""
    record = b""
    for line in file:
        record += line
        if record.count(b'"') % 2 == 0:
            yield record
            record = b""
    if record:
        yield record


def _is_of(record: bytes, place: int, user_id: str) -> bool:
    # Most rows need not be taken apart.
    return user_id.encode() in record and next(csv.reader([record.decode()]))[place] == user_id
