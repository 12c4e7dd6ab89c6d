"""A file that somebody saved from Chatfuel's People page, perhaps by way of a spreadsheet, becomes a pull.

Understood is what is certain: other separators, UTF-16, names of fields in another case, empty columns behind
the last. What a spreadsheet has changed for good, as ids that it rounded, is refused.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pyarrow.compute as pc

from loader import __version__
from loader.chatfuel import USER_ID
from loader.convert import user_columns
from loader.errors import ContractError
from loader.landing import PullFolder
from loader.logs import progress
from loader.wide_csv import EXPORT_AGAIN, WideCsv, unpacked

_ROUNDED = "a spreadsheet has rounded the ids"
# What a column must look like, and what is told of another value. An id keeps 15 digits in a spreadsheet.
_FORMS = {
    USER_ID: (r"^[0-9]+$", "it is no user's id; a spreadsheet may have changed it"),
    "last seen": (r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", "a spreadsheet has changed the times"),
    "signed up": (r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", "a spreadsheet has changed the times"),
}
_ROUND_ID, _LONG_ID, _FEW = r"^[0-9]{15}0+$", r"^[0-9]{16,}$", 5


def land_saved(file: Path, folder: PullFolder) -> None:
    """Land a file; its header is the catalogue, for what is not in it was not seen.

    Raises:
        ContractError: It is no users export, or not any more.
    """
    progress(f"reading {file.name}")
    with folder.workspace() as workdir:
        plain = _plain(file, workdir / "plain" / file.name.removesuffix(".gz"))
        header = WideCsv(plain, remedy=EXPORT_AGAIN).header
        if USER_ID not in header:
            raise ContractError(
                f"{file.name} has no column {USER_ID!r}: it is no export of Chatfuel's People page."
                f" Nothing was loaded. {EXPORT_AGAIN}"
            )
        _check(plain, header)
        kinds = {name: "system" if name in user_columns() else "custom" for name in header}
        rows = [{"name": name, "type": kind} for name, kind in kinds.items()]
        catalogue = json.dumps({"data": {"bot": {"variableSuggest": rows}}}).encode()
        folder.begin()
        folder.write("attributes.json.gz", "attributes", catalogue)
        place = folder.writer("users.csv.gz", "users", fields=tuple(header))
        with unpacked(plain) as source, place as sink:
            shutil.copyfileobj(source, sink)
    folder.commit("import", __version__)


def _plain(file: Path, place: Path) -> Path:
    """Return the file itself if it is as Chatfuel serves it, else one that is made of it."""
    csv.field_size_limit(sys.maxsize)
    try:
        with unpacked(file) as stream:
            begin = stream.read(1 << 20)
        encoding = "utf-16" if begin.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
        first, _, second = begin.decode(encoding, "ignore").partition("\n")
        named = re.fullmatch(r'"?sep=(.)"?\r?', first)
        first = (second.partition("\n")[0] if named else first).rstrip("\r")
        found = re.search(f'{USER_ID}"?([,;\t])|([,;\t])"?{USER_ID}', first, re.IGNORECASE)
        separator = named[1] if named else found[1] or found[2] if found else ","
        is_served = (separator, encoding, named) == (",", "utf-8-sig", None)
        # Carriage returns alone may end the rows.
        if is_served and "\r" not in first and _names(names := next(csv.reader([first]), [])) == names:
            return file
        place.parent.mkdir(exist_ok=True)
        with (
            unpacked(file) as stream,
            io.TextIOWrapper(io.BufferedReader(stream), encoding, newline="") as text,
            place.open("w", encoding="utf-8", newline="") as sink,
        ):
            if named:
                text.readline()
            rows = csv.reader(text, delimiter=separator, strict=True)
            writer = csv.writer(sink, lineterminator="\n")
            names = _names(next(rows))
            writer.writerow(names)
            for number, row in enumerate(rows, start=1):
                if any(row[len(names) :]):
                    _refuse(file, number, len(names), "it has a cell without a name in the header")
                writer.writerow(row[: len(names)])
    except UnicodeError:
        reason = "it is not UTF-8"
    except (csv.Error, StopIteration):
        reason = "it is no CSV"
    except OSError as error:
        # Of the system's: no room. Those that unpacking meets have no number.
        if error.errno:
            raise
        reason = "it cannot be unpacked: the file is damaged or cut short"
    else:
        return place
    raise ContractError(f"{file.name}: {reason}. Nothing was loaded. {EXPORT_AGAIN}")


def _names(cells: list[str]) -> list[str]:
    """Return the names in a header, fields spelled as Chatfuel does, without nameless columns at its end."""
    while cells and not cells[-1]:
        cells = cells[:-1]
    lower = [cell.lower() for cell in cells]
    return [
        name if name in user_columns() and lower.count(name) == 1 else cell
        for name, cell in zip(lower, cells, strict=True)
    ]


def _check(file: Path, header: Sequence[str]) -> None:
    """Refuse what a spreadsheet has changed."""
    rounded = long = 0
    for block in WideCsv(file, remedy=EXPORT_AGAIN).blocks(header):
        for place, column in enumerate(header):
            # Of each column, for it names what is not UTF-8.
            values = block.wide(place)
            if column not in _FORMS:
                continue
            form, problem = _FORMS[column]
            if column == USER_ID:
                rounded += pc.sum(pc.match_substring_regex(values, _ROUND_ID)).as_py() or 0
                long += pc.sum(pc.match_substring_regex(values, _LONG_ID)).as_py() or 0
            wrong = pc.index(pc.match_substring_regex(values, form), False).as_py()
            if wrong >= 0:
                if re.fullmatch(r"[0-9.,]+E\+[0-9]+", values[wrong].as_py(), re.IGNORECASE):
                    problem = _ROUNDED
                _refuse(file, block.first + wrong + 1, column, problem)
    if rounded == long >= _FEW:
        raise ContractError(
            f"{file.name}, column {USER_ID!r}: {_ROUNDED}, for all {long} long ones end in 0."
            f" Nothing was loaded. {EXPORT_AGAIN}"
        )


def _refuse(file: Path, row: int, column: str | int, problem: str) -> NoReturn:
    raise ContractError(
        f"{file.name}, row {row}, column {column!r}: {problem}. Nothing was loaded. {EXPORT_AGAIN}"
    )
