"""Plants small mistakes in the SQL of models and counts those that their dbt unit tests notice.

    .venv/bin/python -m tests.mutants dim_chatfuel__users int_chatfuel__cohort_states
    .venv/bin/python -m tests.mutants            # every model with unit tests: half an hour

Each mistake is planted alone, on one line of the model, and the model's unit tests run: two seconds each. At least 80 % of
a model's mistakes should be noticed. A survivor is shown with its line: it asks for a row in a unit test, or for less SQL.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import sys
import tempfile
from collections.abc import Iterator
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
    "another sum": [(r"\bcount\(distinct ", "count("), (r"\bsum\(", "max(")],
    "yes for no": [(r"(?<![\w'])false\b", "true"), (r"\belse 0 end\b", "else 1 end")],
}
# a condition that stands on a line of its own
CONDITION = re.compile(r"^\s+(and|where|or) (?!.*\b(case|when|select)\b).*$|^\s+where$")
CONFIG = re.compile(r"\{\{\s*config\(.*?\)\s*\}\}\n", re.DOTALL)
# the last are the types of an area that may be left out
NOT_OURS = re.compile(
    r"^\s*--|^\s*\{[{%#]|hash_key|config\(|materialized=|partition_by=|cluster_by=|meta=|': '(string|timestamp|date|int64|boolean)'"
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
        if CONDITION.match(line) and line.count("(") == line.count(")") and "new_pull" not in line:
            word = line.split()[0]
            rest = "where true" if word == "where" and len(line.split()) > 1 else ""
            if word != "where" or rest:
                planted.append(("a dropped condition", rest))
        for kind, mistaken in planted:
            yield kind, number + 1, mistaken, "\n".join([*lines[:number], mistaken, *lines[number + 1 :]])


class Mutated(Project):
    """The project with one model's SQL replaced."""

    replaced: tuple[str, str] | None = None

    def manifest(self, variables: dict | None) -> Manifest:
        """The parsed project, with the mistake."""
        manifest = super().manifest(variables)
        if self.replaced:
            manifest.nodes[self.replaced[0]].raw_code = self.replaced[1]
        return manifest


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
    project = Mutated(folder / "warehouse.duckdb", folder / "target")
    with project.connect() as connection:
        write_pulls(connection, [Pull("2024-06-03 07:30:00", {"1": user(a="x")})])
    project.dbt("build", "--exclude-resource-type", "test", "unit_test")
    manifest = project.manifest(None)
    tested = {test.model: test.depends_on.nodes[0] for test in manifest.unit_tests.values()}
    missed = 0
    for name in options.models or sorted(tested):
        missed += examine(project, manifest.nodes[f"model.chatfuel.{name}"], name in tested, options.most)
    sys.exit(missed > 0)


def examine(project: Mutated, node: object, has_tests: bool, most: int) -> bool:
    """Plants the mistakes of one model; says whether too few were noticed."""
    if has_tests and not passes(project, node.name):
        sys.exit(f"{node.name}: its unit tests fail without a mistake. Mend them first.")
    everything = list(mutants(node.raw_code))
    chosen = Random(node.name).sample(everything, min(most, len(everything)))
    survivors, noticed = [], 0
    for kind, number, line, sql in sorted(chosen, key=lambda mutant: mutant[1]):
        project.replaced = (node.unique_id, sql)
        if has_tests and not passes(project, node.name):
            noticed += 1
        else:
            survivors.append(f"    {kind}, line {number}: {line.strip() or '(nothing)'}")
    project.replaced = None
    share = noticed / len(chosen) if chosen else 1
    print(f"{node.name}: {noticed} of {len(chosen)} noticed ({share:.0%})", *survivors, sep="\n", flush=True)
    return share < 0.8


def passes(project: Mutated, model: str) -> bool:
    """Whether the unit tests of a model pass."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            project.dbt("test", "--select", f"{model},test_type:unit", "--fail-fast")
    except BuildError:
        return False
    return True


if __name__ == "__main__":
    main()
