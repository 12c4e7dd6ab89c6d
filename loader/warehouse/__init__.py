"""The warehouse: what the loader needs of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from loader.errors import WarehouseError
from loader.landing import Pull

RAW_SCHEMA = "chatfuel_raw"
TARGETS = ("dev", "prod", "emulator")
LEDGER = "pulls"


class Column(msgspec.Struct, frozen=True):
    """A column of a raw table; ``type`` is BigQuery's name of it."""

    name: str
    type: str


class RawTable(msgspec.Struct, frozen=True):
    """A raw table; ``cluster_by`` are the columns that it is filtered on, old rows may expire or not."""

    description: str
    expires: bool
    cluster_by: list[str]
    columns: list[Column]


class _RawSchema(msgspec.Struct):
    pull_columns: list[Column]
    tables: dict[str, RawTable]


@cache
def _raw_schema() -> _RawSchema:
    return msgspec.yaml.decode(
        (Path(__file__).parent.parent / "raw_schema.yml").read_bytes(), type=_RawSchema
    )


def pull_columns() -> list[Column]:
    """Return the columns that begin every raw table."""
    return _raw_schema().pull_columns


def raw_tables() -> dict[str, RawTable]:
    """Return all raw tables; their ``columns`` are those beside the pull columns."""
    return _raw_schema().tables


@dataclass(frozen=True)
class Converted:
    """A pull, ready to load.

    Attributes:
        files: Parquet files by table, columns in the order of the table; the ledger's is among them.
        rows: Rows by table, those of the ledger left out.
        attributes: The names in the catalogue.
    """

    files: Mapping[str, Sequence[Path]]
    rows: Mapping[str, int]
    attributes: Collection[str] = ()


class Warehouse(ABC):
    """Where pulls are loaded. A pull exists once its row is in the ledger, the table ``pulls``.

    Every method raises ``WarehouseError`` when the warehouse cannot be read or written. Ids stand in queries
    as they are: they are names of folders too.
    """

    # The schema of the raw tables, as a query spells it.
    raw: str

    @abstractmethod
    def read(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query; none where there is no such table yet."""

    @abstractmethod
    def change(self, statements: Sequence[str]) -> None:
        """Run statements in order; nothing where there is nothing yet."""

    @abstractmethod
    def write(self, pull: Pull, converted: Converted) -> None:
        """Write a pull, its ledger row last, creating schema and tables where missing.

        A pull that is in the ledger by now is left alone. A failure leaves the warehouse as it was.
        """

    @abstractmethod
    def mart(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a mart, one that is small; none before dbt has built it."""

    @abstractmethod
    def check_writable(self) -> None:
        """Try whether a pull could be loaded, without writing."""

    def committed_pulls(self) -> list[dict[str, Any]]:
        """Return the rows of the ledger, oldest first."""
        rows = self.read(f"select * from {self.raw}.{LEDGER} order by pulled_at, bot_id")
        for name in ("bot_id", "pull_id", "pulled_at", "source"):
            if any(row.get(name) is None for row in rows):
                raise WarehouseError(
                    f"{self.raw}.{LEDGER} has a row without {name}. Delete that row, then run"
                    " `python -m loader reload --all`."
                )
        return rows

    def recorded_broadcasts(self, bot_id: str) -> set[str]:
        """Return the broadcasts whose audience a committed pull of the bot has recorded."""
        rows = self.read(
            f"select distinct broadcast_id from {self.raw}.block_filters where bot_id = '{bot_id}'"
            f" and pull_id in (select pull_id from {self.raw}.{LEDGER} where bot_id = '{bot_id}')"
        )
        return {row["broadcast_id"] for row in rows}

    def value_counts(self, pull: Pull) -> dict[str, int]:
        """Return how many users had a value in a pull, by attribute."""
        found = self.of_pull("user_attributes", pull)
        rows = self.read(f"select attribute_name, count(*) as users {found} group by attribute_name")
        return {row["attribute_name"]: row["users"] for row in rows}

    def some_users(self, pull: Pull) -> list[str]:
        """Return the ids of at most a thousand users of a pull, always the same."""
        found = self.of_pull("users", pull)
        rows = self.read(f"select chatfuel_user_id {found} order by chatfuel_user_id limit 1000")
        return [row["chatfuel_user_id"] for row in rows]

    def remove(self, pull: Pull) -> None:
        """Remove the rows of a pull, that of the ledger first."""
        tables = sorted(raw_tables(), key=lambda table: table != LEDGER)
        self.change([f"delete {self.of_pull(table, pull)}" for table in tables])

    def uncommitted(self) -> dict[str, int]:
        """Return how many rows are of pulls that are not in the ledger, by table."""
        counts = (f"select '{table}' as name, count(*) as n {rest}" for table, rest in self._rests().items())
        return {row["name"]: row["n"] for row in self.read(" union all ".join(counts))}

    def remove_uncommitted(self) -> None:
        """Remove those rows."""
        self.change([f"delete {rest}" for rest in self._rests().values()])

    def of_pull(self, table: str, pull: Pull) -> str:
        """Return what selects the rows of a pull, and on BigQuery reads its partition alone."""
        return (
            f"from {self.raw}.{table} where pull_date = date '{pull.pull_date}'"
            f" and bot_id = '{pull.bot_id}' and pull_id = '{pull.pull_id}'"
        )

    def _rests(self) -> dict[str, str]:
        pulls = f"select 1 from {self.raw}.{LEDGER} as pulls"
        same = "rests.bot_id = pulls.bot_id and rests.pull_id = pulls.pull_id"
        return {
            table: f"from {self.raw}.{table} as rests where not exists ({pulls} where {same})"
            for table in raw_tables()
            if table != LEDGER
        }
