"""A wide CSV export, read in blocks of whole rows: every row checked, and only the cells that are not empty.

An export is nearly all commas, so nothing here is done comma by comma. In a block of bytes, a cell begins and
ends where a separator has another byte beside it. Whatever comes before it and is in no cell is a separator:
their number is its row and its column, and at a row's end the check of the row's width. Memory depends on the
block and the longest row, not on the file.

Read is what RFC 4180 and Python's ``csv`` call CSV, in UTF-8, a byte order mark before it or none, gzipped or
not. Rows end as the header does, with a line feed or with a carriage return before it. Cells are
as served: a carriage return elsewhere, NUL and other control characters are bytes of a value, a value
has any length, and an empty cell is none, quoted or not.

Refused is what can mean two things. Its row is told (the first below the header is 1) and its column, never a
value:

- a row with fewer or more cells than the header, an empty line too;
- a quote in a cell that does not begin with one, or text behind the quote that ends a cell;
- an end within quotes or without a row's end: the download was cut;
- a row above 64 MB, as when a quote is never closed;
- bytes that are not UTF-8, in the header and in the columns asked for;
- the header once more further down: two files in one;
- a name with two columns of different values (two of the same are one);
- semicolons in place of commas, as spreadsheets save it in some countries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loader.errors import ContractError

# What is told of a file that is refused: one that was fetched, one that somebody saved.
PULL_AGAIN = "Pull again; if it stays, Chatfuel has changed its export."
EXPORT_AGAIN = "Export it again from Chatfuel's People page, and do not open it in a spreadsheet."

_BLOCK = 2 << 20
_LONGEST_ROW = 64 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LINE_FEED, _CARRIAGE_RETURN, _QUOTE, _COMMA = b'\n\r",'


class Block(NamedTuple):
    """Some whole rows, as their cells that are not empty.

    Attributes:
        first: The rows before the block.
        rows: The rows of the block.
        row: Of each cell, its row in the block.
        column: Of each cell, the place of its column among those asked for.
        values: The cells, row by row.
    """

    first: int
    rows: int
    row: np.ndarray
    column: np.ndarray
    values: pa.StringArray

    def wide(self, column: int) -> pa.StringArray:
        """Return a column with a value for each row, null for an empty cell."""
        found = np.flatnonzero(self.column == column)
        cell_of_row = np.full(self.rows, -1)
        cell_of_row[self.row[found]] = found
        return self.values.take(pa.array(cell_of_row, mask=cell_of_row < 0))


class _Cells(NamedTuple):
    """Where the cells of some whole rows begin and end in their bytes; empty ones are left out."""

    data: bytes
    starts: np.ndarray
    ends: np.ndarray
    separators_before: np.ndarray
    row_ends: np.ndarray
    separators_before_row_ends: np.ndarray


class WideCsv:
    """A wide CSV; ``header`` are the names of its columns."""

    def __init__(self, path: Path, block: int = _BLOCK, remedy: str = PULL_AGAIN) -> None:
        """Read the header.

        Args:
            path: The file.
            block: Bytes that are read at a time.
            remedy: What to do if it is refused.

        Raises:
            ContractError: There is none.
        """
        self._path = path
        self._block = block
        self._remedy = remedy
        self.header: list[str] = []
        data, self._begin = b"", 0
        with self._open() as file:
            while not self._begin:
                piece = file.read(max(block, len(data)))
                if not piece or len(data) > _LONGEST_ROW:
                    self._refuse("it does not begin with the header of a CSV")
                data += piece
                self._begin = _first_row_end(data)
        row = data[: self._begin].removeprefix(_BYTE_ORDER_MARK)
        if b";" in row and b"," not in row:
            self._refuse("it has semicolons between its cells; save it with commas")
        self._ends_in_two = row.endswith(b"\r\n")
        cells = self._find_cells(row, 0)
        # Of each row, as each has the header's width: its commas, and the one or two bytes that end it.
        self._separators = int(cells.separators_before_row_ends[0]) + 1
        values, found = self._values(cells, np.arange(len(cells.starts)), 0)
        header = [""] * (self._separators - self._ends_in_two)
        for column, name in zip(cells.separators_before[found], values.to_pylist(), strict=True):
            header[column] = name
        self.header = header

    def blocks(self, names: Sequence[str]) -> Iterator[Block]:
        """Yield all rows, with the cells in the columns of these names; a name need not be there.

        Raises:
            ContractError: The file is refused.
        """
        places = {name: place for place, name in enumerate(names)}
        place_of = np.full(self._separators, -1)
        # Of a name that is there twice: its first column, and another.
        twins = []
        for column, name in enumerate(self.header):
            place_of[column] = places.get(name, -1)
            if name in places and (first := self.header.index(name)) < column:
                twins.append((first, column))
        before = 0
        for cells in self._whole_rows():
            rows = len(cells.row_ends)
            widths = np.arange(1, rows + 1) * self._separators - 1
            for wrong in np.flatnonzero(cells.separators_before_row_ends != widths)[:1]:
                self._refuse(f"it has not the {len(self.header)} cells of the header", before + wrong)
            row, column = np.divmod(cells.separators_before, self._separators)
            values, found = self._values(cells, np.flatnonzero(place_of[column] >= 0), before)
            block = Block(before, rows, row[found], column[found], values)
            for first, other in twins:
                self._check_twins(block, first, other)
                kept = block.column != other
                block = Block(before, rows, block.row[kept], block.column[kept], block.values.filter(kept))
            block = block._replace(column=place_of[block.column])
            if names and (again := pc.index(block.wide(0), names[0]).as_py()) >= 0:
                self._refuse("it is the header once more", before + again)
            yield block
            before += rows

    def _whole_rows(self) -> Iterator[_Cells]:
        rest, before = b"", 0
        with self._open() as file:
            file.read(self._begin)
            while piece := file.read(max(self._block, len(rest))):
                data = rest + piece
                cells = self._find_cells(data, before)
                rest = data
                if len(cells.row_ends):
                    yield cells
                    before += len(cells.row_ends)
                    rest = data[cells.row_ends[-1] + 1 :]
                if len(rest) > _LONGEST_ROW:
                    self._refuse_at(
                        rest, len(rest), before, "the row has more than 64 MB; is a quote not closed?"
                    )
        if rest:
            where = "within quotes" if rest.count(b'"') % 2 else "within a row"
            self._refuse_at(rest, len(rest), before, f"the file ends {where}: the download was cut short")

    @contextmanager
    def _open(self) -> Iterator[pa.NativeFile]:
        with unpacked(self._path) as file:
            try:
                yield file
                return
            except OSError:
                # Said below, for an error that is said here keeps the other one.
                pass
        self._refuse("it cannot be unpacked: the file is damaged or cut short")

    def _find_cells(self, data: bytes, before: int) -> _Cells:
        octets = np.frombuffer(data, np.uint8)
        line_feed = octets == _LINE_FEED
        separator = octets == _COMMA
        separator |= line_feed
        if self._ends_in_two:
            separator[:-1] |= (octets[:-1] == _CARRIAGE_RETURN) & line_feed[1:]
        quotes = np.flatnonzero(octets == _QUOTE)
        opening, closing = quotes[::2], quotes[1::2]
        # What follows the last bytes is not known yet; they are looked at again with the next.
        closing = closing[closing < len(data) - 2]
        what = "a quote in a cell that does not begin with one"
        is_open = separator[opening - 1] | (octets[opening - 1] == _QUOTE) | (opening == 0)
        wrong = dict.fromkeys(opening[~is_open][:1], what)
        what = "text behind the quotes of a cell"
        is_closed = separator[closing + 1] | (octets[closing + 1] == _QUOTE)
        wrong |= dict.fromkeys(closing[~is_closed][:1], what)
        if wrong:
            self._refuse_at(data, min(wrong), before, wrong[min(wrong)])
        row_ends = _outside(np.flatnonzero(line_feed), quotes)
        end = row_ends[-1] + 1 if len(row_ends) else 0
        edges = np.flatnonzero(separator[1:end] != separator[: end - 1]) + 1 if end else row_ends
        if end and not separator[0]:
            edges = np.concatenate(([0], edges))
        edges = _outside(edges, quotes)
        starts, ends = edges[::2], edges[1::2]
        until = np.cumsum(ends - starts)
        in_cells = np.concatenate(([0], until))
        return _Cells(
            data,
            starts,
            ends,
            starts - in_cells[:-1],
            row_ends,
            row_ends - in_cells[np.searchsorted(starts, row_ends)],
        )

    def _values(self, cells: _Cells, chosen: np.ndarray, before: int) -> tuple[pa.StringArray, np.ndarray]:
        """Return some of the cells without their quotes, and which of them are not empty then."""
        starts, ends = cells.starts[chosen], cells.ends[chosen]
        quoted = np.frombuffer(cells.data, np.uint8)[starts] == _QUOTE
        filled = ends - starts > 2 * quoted
        chosen, quoted = chosen[filled], quoted[filled]
        # Every second of these is a cell; between them is what is left out.
        offsets = np.empty(2 * len(chosen) + 1, np.int32)
        offsets[:-1:2], offsets[1::2] = starts[filled] + quoted, ends[filled] - quoted
        offsets[-1] = len(cells.data)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(cells.data)]
        everything = pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)
        values = everything.take(pa.array(np.arange(0, len(offsets) - 1, 2)))
        if quoted.any():
            halved = pc.replace_substring(values.filter(pa.array(quoted)), b'""', b'"')
            values = pc.replace_with_mask(values, pa.array(quoted), halved)
        wrong = None
        try:
            values = values.cast(pa.string())
        except pa.ArrowInvalid:
            wrong = next(place for place, value in enumerate(values) if not _is_utf8(value.as_py()))
        # Said here, for an error within the other one would keep that, and with it the value.
        if wrong is not None:
            row, column = divmod(int(cells.separators_before[chosen[wrong]]), self._separators)
            self._refuse("it is not UTF-8", before + row, column)
        return values, chosen

    def _check_twins(self, block: Block, first: int, other: int) -> None:
        one, two = block.wide(first), block.wide(other)
        if not one.equals(two):
            pairs = zip(one.to_pylist(), two.to_pylist(), strict=True)
            row = next(row for row, (value, same) in enumerate(pairs) if value != same)
            self._refuse("a column of the same name has another value", block.first + row, other)

    def _refuse_at(self, data: bytes, at: int, before: int, what: str) -> NoReturn:
        """Refuse the file for a byte, in whole rows with ``before`` others before them."""
        octets = np.frombuffer(data, np.uint8)[:at]
        separators = np.flatnonzero((octets == _COMMA) | (octets == _LINE_FEED))
        separators = octets[_outside(separators, np.flatnonzero(octets == _QUOTE))]
        (row_ends,) = np.nonzero(separators == _LINE_FEED)
        column = len(separators) - (row_ends[-1] + 1 if len(row_ends) else 0)
        self._refuse(what, before + len(row_ends), column)

    def _refuse(self, what: str, row: int | None = None, column: int | None = None) -> NoReturn:
        place = ""
        if not self.header:
            place = ", header"
        elif row is not None:
            place = f", row {row + 1}"
            if column is not None:
                beyond = ["beyond the last"] * (column + 1 - len(self.header))
                place += f", column {[*map(repr, self.header), *beyond][column]}"
        raise ContractError(f"{self._path.name}{place}: {what}. Nothing was loaded. {self._remedy}")


def unpacked(path: Path) -> pa.NativeFile:
    """Open a file to read what it holds, gzipped or not, whatever its name."""
    with path.open("rb") as file:
        is_gzipped = file.read(2) == b"\x1f\x8b"
    return pa.input_stream(str(path), compression="gzip" if is_gzipped else None)


def _outside(positions: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """Return those positions that an even number of quotes comes before."""
    return positions[np.searchsorted(quotes, positions) % 2 == 0] if len(quotes) else positions


def _first_row_end(data: bytes) -> int:
    """Return where the second row begins, 0 if that cannot be told."""
    end = odd = 0
    while line_feed := data.find(b"\n", end) + 1:
        odd ^= data.count(b'"', end, line_feed) % 2
        end = line_feed
        if not odd:
            return end
    return 0


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
