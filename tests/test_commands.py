"""What the pages tell people to type can be typed: the loader's lines and curl's run against a sandbox, the others are parsed."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess

import click
import pytest
from click.testing import CliRunner
from dbt.cli.main import cli as dbt

from loader.cli import cli as loader
from sandbox.server import running
from tests.pipeline.project import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# not ours: gcloud and openssl come with an account and a system
FOREIGN = {"cp", "export", "gcloud"}


def commands():
    """Every command of every block of shell, without comments: page, line."""
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
            for line in block.splitlines():
                words = shlex.split(line, comments=True)
                if words and words[0] not in FOREIGN:
                    words[0] = words[0].removeprefix(".venv/bin/")
                    yield pytest.param(words, id=f"{page.stem}: {shlex.join(words)}"[:90])


@pytest.fixture(scope="module")
def sandbox():
    with running(users=30, attributes=40) as sandbox:
        yield sandbox


@pytest.fixture
def a_bot(sandbox, tmp_path, monkeypatch):
    """The settings of somebody whose bot is the sandbox's; the names that the pages make up stand for it."""
    settings = {
        "BASE_URL": sandbox.url,
        "TOKEN": sandbox.token,
        "BOT_ID": sandbox.bot_id,
        "LANDING": tmp_path / "landing",
        "DUCKDB_PATH": tmp_path / "warehouse.duckdb",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"CHATFUEL_{name}", str(value))


def parsed(group, words):
    """Whether a group has the command that the words name, with their options; a file that the page makes up may be missing."""
    verb, *rest = words
    try:
        return bool(group.commands[verb].make_context(verb, list(rest)))
    except click.BadParameter as error:
        return "does not exist" in str(error)


@pytest.mark.parametrize("words", commands())
def test_a_command_can_be_typed(words, sandbox, a_bot):
    match words:
        case "make", *targets:
            makefile = (ROOT / "Makefile").read_text()
            for target in targets:
                assert "=" in target or re.search(rf"^{target}:", makefile, re.MULTILINE)
        case "python", "-m", "loader", *rest:
            assert parsed(loader, rest)
            if rest in (["check"], ["plan"], ["pull"], ["pulls"]):
                ended = CliRunner().invoke(loader, rest)
                assert ended.exit_code == 0, ended.output
        case "dbt", *rest:
            if rest[0] == "run-operation":
                assert f"macro {rest[1]}(" in "".join(
                    path.read_text() for path in (ROOT / "macros").rglob("*.sql")
                )
            assert parsed(dbt, rest)
        case "python", "-m", module, *_:
            assert importlib.util.find_spec(module)
        case "pytest", path, *_:
            assert (ROOT / path).exists()
        case "curl", *_:
            here = [word.replace("localhost:8080", sandbox.url.removeprefix("http://")) for word in words]
            ended = subprocess.run([*here, "--fail", "--silent"], capture_output=True)
            assert ended.returncode == 0, ended.stderr
        case path, *_:
            assert (ROOT / path).exists()


def test_make_shows_your_own_warehouse_once_there_is_one(tmp_path, monkeypatch):
    monkeypatch.delenv("CHATFUEL_DUCKDB_PATH", raising=False)
    (tmp_path / "data").mkdir()

    def shown():
        tell = "tell: ; @echo $(SHOWN_DUCKDB)"
        command = ["make", "--silent", "-f", str(ROOT / "Makefile"), "--eval", tell, "tell"]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert shown() == "data/demo/demo.duckdb"
    (tmp_path / "data" / "chatfuel.duckdb").touch()
    assert shown() == "data/chatfuel.duckdb"
    monkeypatch.setenv("CHATFUEL_DUCKDB_PATH", "another.duckdb")
    assert shown() == "another.duckdb"
