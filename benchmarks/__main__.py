"""``python -m benchmarks``: measure, part after part, and write ``benchmarks/RESULTS.md``.

What was measured is kept in ``data/bench/`` as it comes; a part that is run again replaces its own.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.cases import PARTS, SIZES, Bench
from benchmarks.measure import ROOT, StepError


def main() -> int:
    """Measure.

    Returns:
        The exit code: 0, 1 if something could not be measured.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what it costs.")
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part; may be given several times")
    parser.add_argument("--folder", type=Path, default=ROOT / "data" / "bench", help="where data goes")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="the folder of RESULTS.md")
    arguments = parser.parse_args()
    folder, size = (arguments.folder / arguments.size).absolute(), SIZES[arguments.size]
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(size, folder, (arguments.folder / "venv" / "bin" / "python").absolute())
    (folder / "machine.jsonl").write_text(json.dumps(report.machine()) + "\n")
    code = 0
    for part in arguments.only or size.parts:
        try:
            with (folder / f"{part}.jsonl").open("w") as file:
                for record in PARTS[part](bench):
                    print(part, json.dumps(record), flush=True)
                    file.write(json.dumps(record) + "\n")
                    file.flush()
        except StepError as error:
            print(f"{part} stopped. {error}", file=sys.stderr)
            code = 1
    path = report.write(arguments.output, arguments.size, folder)
    print(f"The report: {path}")
    return code


if __name__ == "__main__":
    sys.exit(main())
