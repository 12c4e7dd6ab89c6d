"""The history of the same pulls, made by dbt's own snapshots and by dlt's scd2 merge."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.measure import run

_PROJECT = """
name: rival
version: 1.0.0
profile: rival
flags: {send_anonymous_usage_stats: false}
"""
_PROFILE = (
    "rival: {{target: dev, outputs: {{dev: {{type: duckdb, path: '{path}', schema: rival, threads: 2}}}}}}"
)
_SNAPSHOT = """
{{% snapshot values_snapshot %}}
{{{{ config(
    target_schema='rival', unique_key=['bot_id', 'chatfuel_user_id', 'attribute_name'], strategy='check',
    check_cols=['attribute_value'], updated_at='pulled_at', hard_deletes='invalidate'
) }}}}
select bot_id, chatfuel_user_id, attribute_name, attribute_value, pulled_at
from chatfuel_raw.user_attributes where pull_id = '{pull_id}'
{{% endsnapshot %}}
"""


def snapshot(path: Path, pull_id: str) -> dict[str, Any]:
    """Take dbt's snapshot of a pull in a warehouse, in a project of its own; return what it cost."""
    folder = path.with_suffix(".snapshots")
    (folder / "snapshots").mkdir(parents=True, exist_ok=True)
    (folder / "dbt_project.yml").write_text(_PROJECT)
    (folder / "profiles.yml").write_text(_PROFILE.format(path=path))
    (folder / "snapshots" / "values.sql").write_text(_SNAPSHOT.format(pull_id=pull_id))
    dbt = str(Path(sys.executable).with_name("dbt"))
    where = ("--project-dir", str(folder), "--profiles-dir", str(folder))
    measured, _ = run([dbt, "--quiet", "snapshot", *where], most_seconds=900)
    return measured.record


def scd2(warehouse: str, folder: str, pull_id: str) -> dict[str, int]:
    """Have dlt merge a pull into a table of versions; runs in the rivals' environment, once for each pull."""
    import dlt
    import duckdb

    @dlt.resource(
        name="history",
        write_disposition={
            "disposition": "merge",
            "strategy": "scd2",
            "row_version_column_name": "row_hash",
            # a version begins and ends with a pull, not when dlt ran
            "boundary_timestamp": datetime.strptime(pull_id, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC),
        },
    )
    def values() -> Iterator[Any]:
        with duckdb.connect(warehouse, read_only=True) as connection:
            # the hash in SQL: dlt's own is made by pandas, row by row
            yield from connection.execute(
                "select bot_id, chatfuel_user_id, attribute_name, attribute_value,"
                " md5(concat_ws('|', bot_id, chatfuel_user_id, attribute_name, attribute_value)) as row_hash"
                f" from chatfuel_raw.user_attributes where pull_id = '{pull_id}'"
            ).fetch_record_batch(100_000)

    pipeline = dlt.pipeline(
        "rival",
        pipelines_dir=folder,
        destination=dlt.destinations.duckdb(f"{folder}/dlt.duckdb"),
        dataset_name="d",
    )
    pipeline.run(values())
    with pipeline.sql_client() as client:
        return {"versions": client.execute_sql("select count(*) from d.history")[0][0]}
