"""The users export: which columns, which users, and the CSV, as a stream.

A wide row is nearly empty. So a row is built from its few values and ready-made runs of commas, as bytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence

from sandbox.attributes import SHIFT, csv_cell
from sandbox.audience import READERS
from sandbox.bot import Bot
from sandbox.clock import stamp
from sandbox.users import Users

MOST_FIELDS = 1500
_LEADING = ("last seen", "page id")
_VALUE = (1 << SHIFT) - 1
_PIECE = 1 << 18


class FieldError(ValueError):
    """A field that the export does not have."""


def export_csv(
    bot: Bot, users: Users, chosen: Sequence[int], fields: Sequence[tuple[str, str]]
) -> Callable[[], Iterator[bytes]]:
    """Return a function that streams the CSV, as often as it is called.

    The fields are looked up at once; what the bot does afterwards changes nothing.

    Args:
        bot: Whose users they are.
        users: A copy of the users, that nobody changes.
        chosen: The numbers of the users to export, in the order of the rows.
        fields: Name and type of the columns wanted.

    Raises:
        FieldError: Too many fields, or one that the bot does not have now.
    """
    if len(fields) > MOST_FIELDS:
        raise FieldError(f"too many fields: {len(fields)}, at most {MOST_FIELDS} are allowed")
    header = [csv_cell(name) for name in _LEADING]
    # By attribute number: the column, and 0 for what was not asked for (column 0 is `last seen`).
    columns = array("I", bytes(4 * (len(bot.attributes) + 1)))
    cells: list[list[bytes]] = [[] for _ in columns]
    computed = []
    # What is asked for twice is served twice: pairs of its first column and another.
    copies = []
    for name, kind in fields:
        if kind == "system" and name in _LEADING:
            continue
        attribute = bot.attributes.get(name, kind)
        if kind == "system" and name in READERS:
            computed.append((len(header), READERS[name]))
        elif attribute is not None and (attribute.listed or attribute is bot.people.status):
            if columns[attribute.number]:
                copies.append((columns[attribute.number], len(header)))
            else:
                columns[attribute.number] = len(header)
            cells[attribute.number] = attribute.cells
        else:
            raise FieldError(f'unknown {kind} field "{name}"')
        header.append(csv_cell(name))
    width = len(header)

    def stream() -> Iterator[bytes]:
        commas = [b"," * count for count in range(width + 1)]
        rows, size = [b",".join(header) + b"\n"], 0
        for user in chosen:
            row = [
                (column, cells[fact >> SHIFT][fact & _VALUE])
                for fact in users.facts[user]
                if (column := columns[fact >> SHIFT])
            ]
            for column, read in computed:
                row.append((column, csv_cell(read(bot, users, user))))
            if copies:
                found = dict(row)
                row += [(copy, found[column]) for column, copy in copies if column in found]
            row.sort()
            rows.append(f"{stamp(users.last_seen[user])},{bot.page_id(users, user)}".encode())
            before = 1
            for column, cell in row:
                rows.append(commas[column - before])
                rows.append(cell)
                before = column
            rows.append(commas[width - 1 - before])
            rows.append(b"\n")
            size += width
            if size > _PIECE:
                yield b"".join(rows)
                rows, size = [], 0
        yield b"".join(rows)

    return stream
