"""The wide exports of a pull become long rows: our loader, pandas, and a bare scan as the floor.

What runs in the rivals' environment imports nothing of the project but ``benchmarks.measure``.
"""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

# what every export has, beside the attributes
KEYS = ("last seen", "page id", "chatfuel user id")


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
                named = zip(header, counts, strict=True)
                cells += sum(count for name, count in named if name not in KEYS)
    return {"values": cells}


def unpack(landing: Path, exports: Path) -> None:
    """Unpack the exports of the attributes, for the rivals."""
    exports.mkdir(exist_ok=True)
    for path in landing.rglob("user_attributes*.csv.gz"):
        with gzip.open(path) as source, (exports / path.stem).open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)


def pandas(exports: str, folder: str) -> dict[str, int]:
    """Read, melt, drop what is empty: the obvious way, and that of this pipeline's first version."""
    import pandas as pd

    values = 0
    for path in sorted(Path(exports).glob("*.csv")):
        wide = pd.read_csv(path, low_memory=False)
        keys = [name for name in KEYS if name in wide.columns]
        long = wide.melt(id_vars=keys).dropna(subset=["value"])
        long.astype(str).to_parquet(Path(folder) / f"{path.stem}.parquet")
        values += len(long)
    return {"values": values}
