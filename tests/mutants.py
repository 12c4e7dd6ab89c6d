"""Plants small mistakes in the SQL of models and counts those that their dbt unit tests notice.

    .venv/bin/python -m tests.mutants dim_chatfuel__users int_chatfuel__cohort_states
    .venv/bin/python -m tests.mutants            # every model with unit tests: some minutes

Each mistake is planted alone, on one line of a copy of the model; one run of dbt tests all copies. At least 80 % of a model's
mistakes should be noticed. A survivor is shown with its line: it asks for a row in a unit test, or for less SQL.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import sys
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from random import Random

from dbt.contracts.graph.manifest import Manifest

from tests.pipeline.bots import Pull, user, write_pulls
from tests.pipeline.project import BuildError, Project

# what stands in a line, and what a careless hand makes of it
MISTAKES = {
    "min for max": [(r"\bmin\(", "max("), (r"\bmax\(", "min(")],
    "another join": [
        (r"\binner join\b", "left join"),
        (r"\bleft join\b", "inner join"),
        (r"\bfull join\b", "left join"),
    ],
    "a flipped comparison": [
        (r"(?<=[\w')}]) <= (?=[\w'({])", " > "),
        (r"(?<=[\w')}]) >= (?=[\w'({])", " < "),
        (r"(?<=[\w')}]) < (?=[\w'({])", " >= "),
        (r"(?<=[\w')}]) > (?=[\w'({])", " <= "),
        (r"(?<=[\w')}]) <> (?=[\w'({])", " = "),
        (r"\bis not null\b", "is null"),
        (r"\bis null\b", "is not null"),
    ],
    "another literal": [(r"'([a-z_]+)'", r"'\1_x'"), (r"(?<=[=<>] )(\d+)\b(?!')", r"\g<1>7")],
    "the other order": [
        (r"(?<= )desc\b", "asc"),
        (r"(order by (?!.*\bdesc\b)[\w., ]+?)(?=\)|$)", r"\1 desc"),
    ],
    "another sum": [(r"\bsum\(", "max(")],
    "a dropped distinct": [
        (r"\b(count\(|select )distinct\b", r"\1"),
        (r"\bunion distinct\b", "union all"),
    ],
    "yes for no": [(r"(?<![\w'])false\b", "true"), (r"\belse 0 end\b", "else 1 end")],
}
# what a select list has on one line: an expression and its name, or a column
COLUMN = re.compile(r"^( +)(?:(\S.*) as )?((?:\w+\.)?(\w+)),$")
# a condition that stands on a line of its own
CONDITION = re.compile(r"^\s+(and|where|or) (?!.*\b(case|when|select)\b).*$|^\s+where$")
ONLY_READS_LESS = re.compile(r"new_pull|is_of_last_pulls")
CONFIG = re.compile(r"\{\{\s*config\(.*?\)\s*\}\}\n", re.DOTALL)
# the last are the types of an area that may be left out
NOT_OURS = re.compile(
    r"^\s*--|^\s*\{[%#]|^\s*\{\{(?!.* as \w+,$)|hash_key|config\(|materialized=|partition_by=|cluster_by=|meta=|': '(string|timestamp|date|int64|boolean)'"
)


def mutants(sql: str) -> Iterator[tuple[str, int, str, str]]:
    """Every mistake that can be planted: its kind, the number of the line, the line with it, and the whole SQL."""
    lines = sql.split("\n")
    # the configuration is for tests of whole builds
    head = sql[: found.end()].count("\n") if (found := CONFIG.search(sql)) else 0
    for number, line in enumerate(lines):
        if number < head or NOT_OURS.search(line):
            continue
        planted = [
            (kind, line[: found.start()] + found.expand(mistake) + line[found.end() :])
            for kind, pairs in MISTAKES.items()
            for pattern, mistake in pairs
            for found in re.finditer(pattern, line)
            if "{" not in line[: found.start()].rsplit("}", 1)[-1]
        ]
        # one that goes over several lines is no condition of its own; one of new pulls is filled in, or only saves reading
        if CONDITION.match(line) and line.count("(") == line.count(")") and not ONLY_READS_LESS.search(line):
            word = line.split()[0]
            rest = "where true" if word == "where" and len(line.split()) > 1 else ""
            if word != "where" or rest:
                planted.append(("a dropped condition", rest))
        own, other = COLUMN.match(line), COLUMN.match(lines[number + 1]) if number + 1 < len(lines) else None
        # opened and clicked, sent_at and known_at, open_rate and click_rate
        if own and other and own[4] != "bot_id" and (own[1], own[4][-2:]) == (other[1], other[4][-2:]):
            planted.append(("its neighbour", f"{own[1]}{other[2] or other[3]} as {own[4]},"))
        for kind, mistaken in planted:
            yield kind, number + 1, mistaken, "\n".join([*lines[:number], mistaken, *lines[number + 1 :]])


class Mutated(Project):
    """The project with the unit tests of one model alone: once for each SQL that is to stand in place of its own."""

    model: str
    planted: list[str]

    def manifest(self, variables: dict | None) -> Manifest:
        """The parsed project, with a copy of the model and of its unit tests for each mistake."""
        manifest = super().manifest(variables)
        tests = [test for test in manifest.unit_tests.values() if test.model == self.model]
        manifest.unit_tests.clear()
        for number, sql in enumerate(self.planted):
            for test in tests:
                model = deepcopy(manifest.nodes[test.depends_on.nodes[0]])
                model.unique_id, model.raw_code = f"{model.unique_id}_{number}", sql
                copy = deepcopy(test)
                copy.unique_id, copy.name = f"{test.unique_id}_{number}", f"planted_{number}_{test.name}"
                copy.depends_on.nodes[0] = model.unique_id
                manifest.nodes[model.unique_id], manifest.unit_tests[copy.unique_id] = model, copy
        return manifest

    def noticed(self, model: str, planted: list[str]) -> set[int]:
        """Which of these SQLs, by their places, fail a unit test of the model."""
        self.model, self.planted = model, planted
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                self.dbt("test", "--select", "test_type:unit", "--no-write-json")
        except BuildError as failures:
            return {int(number) for number in re.findall(r"^planted_(\d+)_", str(failures), re.MULTILINE)}
        return set()


def main() -> None:
    """Plants, tests, counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "models", nargs="*", help="names of models; all that have unit tests if none is named"
    )
    parser.add_argument("--most", type=int, default=40, help="mistakes a model, chosen at random (40)")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    built = Project(folder / "warehouse.duckdb", folder / "target")
    with built.connect() as connection:
        write_pulls(connection, [Pull("2024-06-03 07:30:00", {"1": user(a="x")})])
    built.dbt("build", "--exclude-resource-type", "test", "unit_test")
    manifest = built.manifest(None)
    project = Mutated(built.path, built.target_path)
    tested = {test.model for test in manifest.unit_tests.values()}
    missed = 0
    for name in options.models or sorted(tested):
        missed += examine(project, manifest.nodes[f"model.chatfuel.{name}"], options.most)
    sys.exit(missed > 0)


def examine(project: Mutated, node: object, most: int) -> bool:
    """Plants the mistakes of one model; says whether too few were noticed."""
    everything = list(mutants(node.raw_code))
    chosen = Random(node.name).sample(everything, min(most, len(everything)))
    chosen.sort(key=lambda mutant: mutant[1])
    noticed = project.noticed(node.name, [node.raw_code, *(sql for *_, sql in chosen)])
    if 0 in noticed:
        sys.exit(f"{node.name}: its unit tests fail without a mistake. Mend them first.")
    survivors = [
        f"    {kind}, line {line}: {text.strip() or '(nothing)'}"
        for number, (kind, line, text, _) in enumerate(chosen, start=1)
        if number not in noticed
    ]
    share = len(noticed) / len(chosen) if chosen else 1
    print(
        f"{node.name}: {len(noticed)} of {len(chosen)} noticed ({share:.0%})",
        *survivors,
        sep="\n",
        flush=True,
    )
    return share < 0.8


if __name__ == "__main__":
    main()
