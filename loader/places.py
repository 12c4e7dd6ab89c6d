"""Opens what the settings name. Only what is in use is imported: each of Google's clients takes a second."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loader.landing import Landing
from loader.settings import Settings
from loader.warehouse import Warehouse


@contextmanager
def open_landing(where: str) -> Iterator[Landing]:
    """Open the landing zone in a folder, or in a bucket if it begins with gs://."""
    if not where.startswith("gs://"):
        yield Landing(Path(where))
        return
    from loader.bucket import BucketLanding

    with tempfile.TemporaryDirectory(prefix="chatfuel-") as root:
        yield BucketLanding(where, Path(root))


def open_warehouse(target: str, settings: Settings, landing: Landing) -> Warehouse:
    """Return the warehouse of a target, which may fetch files from the landing zone by itself.

    Raises:
        ConfigurationError: A setting that the target needs is missing.
    """
    if target != "dev":
        from loader.warehouse.bigquery import BigQueryWarehouse

        return BigQueryWarehouse.from_settings(settings, landing)
    from loader.warehouse.duckdb import DuckDBWarehouse

    return DuckDBWarehouse(settings.duckdb_path)
