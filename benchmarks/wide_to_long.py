"""Part 1: a wide users export becomes long rows: our loader, pandas, dlt, and a bare scan as the floor.

What runs in the rivals' environment imports nothing of the project but ``benchmarks.measure``.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

USER_ID = "chatfuel user id"


def land(export: str, landing: str, most_fields: int) -> dict[str, int]:
    """Land an export as a pull does: the catalogue, the users, and the attributes in as many files as it takes."""
    import csv

    import duckdb

    from loader import __version__
    from loader.chatfuel import ALWAYS_SERVED
    from loader.landing import Landing, Pull
    from loader.pull import user_columns

    folder = Landing(Path(landing)).folder(Pull("bot", datetime(2024, 6, 5, tzinfo=UTC)))
    folder.begin()
    with Path(export).open(encoding="utf-8", newline="") as file:
        names = next(csv.reader(file))
    attributes = [name for name in names if name not in (*ALWAYS_SERVED, USER_ID)]
    rows = ", ".join(f'{{"name": "{name}", "type": "custom"}}' for name in attributes)
    catalogue = f'{{"data": {{"bot": {{"variableSuggest": [{rows}]}}}}}}'.encode()
    folder.write("attributes.json.gz", "attributes", catalogue)
    system = [name for name in user_columns() if name not in (*ALWAYS_SERVED, USER_ID)]
    chunks = [
        attributes[start : start + most_fields - 1] for start in range(0, len(attributes), most_fields - 1)
    ]
    exports = [("users", "users", ", ".join(f"'{name}' as \"{name}\"" for name in system), tuple(system))]
    for number, chunk in enumerate(chunks, start=1):
        columns = ", ".join(f'"{name}"' for name in chunk)
        exports.append(("user_attributes", f"user_attributes-{number:03}", columns, (USER_ID, *chunk)))
    size = 0
    with duckdb.connect() as connection:
        connection.execute("set preserve_insertion_order = true")
        for table, name, columns, fields in exports:
            part = Path(f"{export}.{name}")
            connection.execute(
                f"""
                copy (
                    select "last seen", "page id", "{USER_ID}", {columns}
                    from read_csv('{export}', all_varchar = true, header = true, quote = '"', escape = '"',
                        strict_mode = true, max_line_size = 2000000)
                ) to '{part}' (format csv, header true)
                """
            )
            size += part.stat().st_size
            with (
                part.open("rb") as source,
                folder.writer(f"{name}.csv.gz", table, fields=(USER_ID, *fields)) as sink,
            ):
                shutil.copyfileobj(source, sink, 1 << 20)
            part.unlink()
    for name, answer in (
        ("segments", '{"data": {"bot": {"segments": []}}}'),
        ("scheduled_entries", '{"result": []}'),
    ):
        folder.write(f"{name}.json.gz", name, answer.encode())
    folder.commit("api", __version__)
    return {"csv_bytes": size}


def ours(landing: str) -> dict[str, int]:
    """Convert the landed pull to Parquet, with every check."""
    from loader.convert import convert
    from loader.landing import Landing

    (folder,) = Landing(Path(landing)).complete_pulls()
    with folder.workspace() as workdir:
        converted = convert(folder, workdir)
    return {"values": converted.rows["user_attributes"], "users": converted.rows["users"]}


def floor(landing: str) -> dict[str, int]:
    """Have DuckDB read every cell of the same files, once, and only count those that are not empty.

    One thread: a gzipped file is read by one, and with more it takes longer.
    """
    import duckdb

    from loader.wide_csv import WideCsv

    cells = 0
    with duckdb.connect(config={"threads": 1}) as connection:
        for path in sorted(Path(landing).rglob("user*.csv.gz")):
            header = WideCsv(path).header
            columns = {f"c{number}": "VARCHAR" for number in range(len(header))}
            counts = connection.execute(
                f"""
                select count(columns(*)) from read_csv('{path}', columns = {columns}, auto_detect = false, header = true,
                    delim = ',', quote = '"', escape = '"', compression = 'gzip', null_padding = true, parallel = false,
                    strict_mode = true, hive_partitioning = false, max_line_size = 2000000)
                """
            ).fetchone()
            if path.name.startswith("user_attributes"):
                cells += sum(
                    count
                    for name, count in zip(header, counts, strict=True)
                    if name not in ("last seen", "page id", USER_ID)
                )
    return {"values": cells}


def pandas(export: str, output: str) -> dict[str, int]:
    """Read, melt, drop what is empty: the obvious way, and that of this pipeline's first version."""
    import pandas as pd

    wide = pd.read_csv(export, low_memory=False)
    long = wide.drop(columns=["last seen", "page id"]).melt(id_vars=[USER_ID]).dropna()
    long.astype(str).to_parquet(output)
    return {"values": len(long)}


def dlt(export: str, folder: str) -> dict[str, int]:
    """Have dlt load the CSV, through DuckDB and Arrow, its fast way. The table stays wide: dlt has no long one."""
    import dlt as library
    from dlt.sources.filesystem import filesystem, read_csv_duckdb

    path = Path(export)
    files = filesystem(bucket_url=str(path.parent), file_glob=path.name)
    reader = files | read_csv_duckdb(chunk_size=5000, use_pyarrow=True, all_varchar=True)
    pipeline = library.pipeline(
        "bench",
        pipelines_dir=folder,
        destination=library.destinations.duckdb(f"{folder}/dlt.duckdb"),
        dataset_name="d",
    )
    pipeline.run(reader.with_name("users"))
    with pipeline.sql_client() as client:
        rows = client.execute_sql("select count(columns(name -> not starts_with(name, '_dlt'))) from d.users")
    return {"values": sum(rows[0][3:]) if rows else 0}
