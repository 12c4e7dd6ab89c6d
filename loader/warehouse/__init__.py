"""The warehouse: what the loader needs of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from loader.landing import Pull

RAW_SCHEMA = "chatfuel_raw"
TARGETS = ("dev", "prod", "emulator")
LEDGER = "pulls"


class Column(NamedTuple):
    """A column of a raw table; ``type`` is BigQuery's name of it."""

    name: str
    type: str


class Layout(NamedTuple):
    """What a raw table is, the columns that it is filtered on, and whether its old rows may expire."""

    description: str
    cluster_by: tuple[str, ...]
    expires: bool


@cache
def pull_columns() -> tuple[Column, ...]:
    """Return the columns that begin every raw table."""
    return tuple(Column(column["name"], column["type"]) for column in _raw_schema()["pull_columns"])


@cache
def raw_tables() -> dict[str, tuple[Column, ...]]:
    """Return the columns of every raw table beside the pull columns, by table."""
    return {
        table: tuple(Column(column["name"], column["type"]) for column in definition["columns"])
        for table, definition in _raw_schema()["tables"].items()
    }


@cache
def raw_layout(table: str) -> Layout:
    """Return how a warehouse that knows such things lays a raw table out."""
    definition = _raw_schema()["tables"][table]
    return Layout(definition["description"], tuple(definition["cluster_by"]), definition["expires"])


@cache
def _raw_schema() -> dict[str, Any]:
    return yaml.safe_load((Path(__file__).parent.parent / "raw_schema.yml").read_text())


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

    Every method raises ``WarehouseError`` when the warehouse cannot be read or written.
    """

    @abstractmethod
    def committed_pulls(self) -> list[dict[str, Any]]:
        """Return the rows of the ledger, oldest first. Creates nothing."""

    @abstractmethod
    def recorded_broadcasts(self, bot_id: str) -> set[str]:
        """Return the broadcasts whose audience a committed pull of the bot has recorded. Creates nothing."""

    @abstractmethod
    def value_counts(self, pull: Pull) -> dict[str, int]:
        """Return how many users had a value in a pull, by attribute. Creates nothing."""

    @abstractmethod
    def write(self, pull: Pull, converted: Converted) -> None:
        """Write a pull, its ledger row last, creating schema and tables where missing.

        A pull that is in the ledger by now is left alone. A failure leaves the warehouse as it was.
        """

    @abstractmethod
    def read(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query; none where there is no such table yet."""

    @abstractmethod
    def mart(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a mart, one that is small; none before dbt has built it."""

    @abstractmethod
    def check_writable(self) -> None:
        """Try whether a pull could be loaded, without writing."""

    @abstractmethod
    def remove(self, pull: Pull) -> None:
        """Remove the rows of a pull, that of the ledger first."""

    @abstractmethod
    def uncommitted(self) -> dict[str, int]:
        """Return how many rows are of pulls that are not in the ledger, by table."""

    @abstractmethod
    def remove_uncommitted(self) -> None:
        """Remove those rows."""
