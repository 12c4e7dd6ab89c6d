"""``python deploy/artifacts.py``: what dbt left of its last run, to be kept where others can read it.

SQL as compiled is emptied: with ``chatfuel_hash_pii`` it holds the salt. What stays is enough for
``dbt build --select state:modified+ --defer --state``, and to see how a run went.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

ARTIFACTS = ("manifest.json", "run_results.json", "sources.json")
SQL = ("compiled_code", "extra_ctes")


def main() -> int:
    """Copy the artifacts that there are into the folder ``artifacts`` beside them.

    Returns:
        The exit code, 0.
    """
    target = Path(os.environ.get("DBT_TARGET_PATH", "target"))
    kept = target / "artifacts"
    kept.mkdir(parents=True, exist_ok=True)
    for artifact in filter(Path.is_file, (target / name for name in ARTIFACTS)):
        (kept / artifact.name).write_text(json.dumps(without_sql(json.loads(artifact.read_text()))))
    return 0


def without_sql(value: Any) -> Any:
    """Return the same JSON, in which the SQL that dbt compiled is empty; dbt wants to find its keys."""
    if isinstance(value, dict):
        return {key: type(one)() if key in SQL else without_sql(one) for key, one in value.items()}
    return [without_sql(one) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    sys.exit(main())
