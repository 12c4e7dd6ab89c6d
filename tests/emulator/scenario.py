"""One story on both warehouses, told once a run: sandbox, loader, dbt; what the emulator's and the oracle's tests look at.

A sandbox bot is pulled by the loader on four days, into a bucket and then into a folder, and loaded into DuckDB and the
emulator; beside it stand two bots written by hand, for the rules that four days of a simulated bot do not meet. What is derived
pull by pull is built of the first three at once; everything of one day more. A build on the emulator takes a minute.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from loader import cli
from sandbox.server import running
from tests.emulator.compare import Rows, relations
from tests.emulator.warehouse import GCP_PROJECT, EmulatedProject, Emulator
from tests.pipeline.bots import Pull, on, user, write_pulls
from tests.pipeline.project import Project

DATASET = "chatfuel"
WITHOUT_TESTS = ("--exclude-resource-type", "test")
# What goes on from what is there, and what it reads. The rest is made anew whenever it is built.
STEPS = (*WITHOUT_TESTS, "--select", "+config.materialized:pull_by_pull", "+resource_type:snapshot")
SENT = "2024-06-03 01:00:00"
OTHER_BOT = "other_bot"
# vanishes and comes back, an attribute retired and back, a value emptied and set again, moves up, recipients known late
OTHER_PULLS = [
    Pull(
        "2024-06-03 05:30:00", {"1": user(a="x", segment="lead"), "2": user(a="x", b="1"), "3": user(a="z")}
    ),
    Pull(
        "2024-06-04 05:30:00",
        {"1": user(segment="hero", phone_number="49170"), "3": user(a="z", status="blocked"), "4": user()},
        catalogue=["a", "segment", "phone_number"],
        recipients={"late": (SENT, ["1", "2", "3"])},
    ),
    Pull(
        "2024-06-05 05:30:00", {"1": user(a="x", segment="lead"), "2": user(a="x", b="2"), "3": user(a="y")}
    ),
    Pull("2024-06-06 05:30:00", {"1": user(a="x", segment="hero"), "2": user(a="w"), "4": user(b="1")}),
]
MOVED_BOT = "moved_bot"
# goes to the panel with its users, which has a third platform; the team sets a default value there and sends a campaign; a platform is left
MOVED_PULLS = [
    Pull("2024-06-03 05:45:00", {"1": user(a="x", segment="lead"), "2": user(instagram__name="Eve")}),
    *(
        Pull(f"2024-06-0{day} 05:45:00", users, recipients=recipients, surface="panel", defaults=defaults)
        for day, users, recipients, defaults in (
            (
                4,
                {"1": on("facebook", a="x"), "2": on("instagram"), "3": on("whatsapp", segment="lead")},
                {},
                {},
            ),
            (
                5,
                {"1": on("facebook", b="y"), "2": on("instagram", b="y"), "3": on("whatsapp", b="z")},
                {"campaign": (None, ["3"])},
                {"b": "y"},
            ),
            (6, {"1": on("facebook", b="y", segment="hero"), "2": on("instagram", b="w")}, {}, {"b": "y"}),
        )
    ),
]


@dataclass
class Build:
    """One build on both warehouses.

    Attributes:
        sent: what dbt sent to BigQuery, as pairs of node and statement.
        results: dbt's results on BigQuery, by name of the node; each holds the compiled code.
        rows: what DuckDB holds after the build, by name of the relation there; views too.
    """

    sent: list[tuple[str, str]]
    results: dict[str, dict]
    rows: dict[str, Rows]


@dataclass
class Story:
    """A first build of three pulls, of `STEPS` alone, and that of one more day; and what dbt knows of the project.

    Attributes:
        unit_tests: what they say, by their node.
        reports: what the loader reports of both warehouses, by subject.
    """

    on_duckdb: Project
    on_bigquery: EmulatedProject
    first: Build
    daily: Build
    nodes: dict[str, dict]
    unit_tests: dict[str, dict]
    reports: list[dict[str, str]] = field(default_factory=list)


def run(*arguments: str) -> str:
    """Runs the loader; what it printed."""
    result = CliRunner().invoke(cli.cli, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def told(folder: Path, emulator: Emulator, storage: tuple[str, Path]) -> Story:
    """Pulls, loads and builds."""
    on_duckdb = Project(folder / "warehouse.duckdb", folder / "target_duckdb")
    on_bigquery = EmulatedProject(on_duckdb.path, folder / "target_bigquery", emulator, DATASET)
    builds = []
    with running(users=40, attributes=40) as sandbox, pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "CHATFUEL_TOKEN": sandbox.token,
            "CHATFUEL_BOT_ID": sandbox.bot_id,
            "CHATFUEL_BASE_URL": sandbox.url,
            "STORAGE_EMULATOR_HOST": storage[0],
            "CHATFUEL_DUCKDB_PATH": str(on_duckdb.path),
            "CHATFUEL_BIGQUERY_PROJECT": GCP_PROJECT,
        }.items():
            environment.setenv(name, value)
        for day, (other, moved) in enumerate(zip(OTHER_PULLS, MOVED_PULLS, strict=True)):
            now = sandbox.move_to(day)
            environment.setenv("CHATFUEL_LANDING", "gs://pulls/story" if day < 2 else str(folder / "landing"))
            with pytest.MonkeyPatch.context() as emulated:
                emulated.setenv("BIGQUERY_EMULATOR_HOST", emulator.url)
                run("pull", "--target", "emulator", "--as-of", now.isoformat())
                # a second time finds it loaded
                run("reload", f"{now:%Y%m%dT%H%M%SZ}", "--target", "emulator")
            # the same landed pull: the sandbox is not asked again
            run("reload", f"{now:%Y%m%dT%H%M%SZ}", "--target", "dev")
            by_hand = folder / f"by_hand_{day}.duckdb"
            for path in (on_duckdb.path, by_hand):
                with duckdb.connect(str(path)) as connection:
                    write_pulls(
                        connection, [replace(other, bot_id=OTHER_BOT), replace(moved, bot_id=MOVED_BOT)]
                    )
            on_bigquery.load(by_hand)
            if day in (2, 3):
                on_duckdb.build(*(WITHOUT_TESTS if day == 3 else STEPS))
                on_bigquery.build("--write-json", *(() if day == 3 else STEPS))
                results = json.loads((on_bigquery.target_path / "run_results.json").read_text())["results"]
                by_name = {result["unique_id"].split(".")[2]: result for result in results}
                builds.append(Build(list(on_bigquery.sent), by_name, relations(on_duckdb)))
        reports = []
        for target in ("dev", "emulator"):
            environment.setenv("BIGQUERY_EMULATOR_HOST", emulator.url)
            said = map(json.loads, run("report", "--json", "--target", target).splitlines())
            reports.append({line["subject"]: line["state"] for line in said})
    manifest = json.loads((on_bigquery.target_path / "manifest.json").read_text())
    nodes = {node["name"]: node for node in manifest["nodes"].values()}
    return Story(on_duckdb, on_bigquery, *builds, nodes, manifest["unit_tests"], reports)
