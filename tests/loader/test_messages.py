"""Every message of the loader with its exit code: docs/exit-codes.md lists them. `python -m tests.loader.test_messages` writes it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from loader import errors, google

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "exit-codes.md"
HEADING = "## Every message\n"
CODES = {
    name: kind.exit_code
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.LoaderError)
}
# Of kinds that only one module knows, or that a variable holds.
CODES |= dict.fromkeys(("_TransientError", "_BusyError", "again"), errors.SourceUnavailableError.exit_code)
# A message ends with what to do; these words begin it.
REMEDY = re.compile(
    r"\b(again|set|restore|update|mend|make room|report|wait|check|run|save|copy|export|raise|put|say|name|lists|get|look|try|force)\b|loaded\. …$", re.IGNORECASE
)  # fmt: skip


def text(node: ast.AST, constants: dict[str, str]) -> str:
    """A message as it stands in the code, with … for what is put in."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(text(value, constants) for value in values)
        case ast.FormattedValue(value=ast.Name(id=name)) if name in constants:
            return constants[name]
        case ast.BinOp(left=left, right=right):
            return text(left, constants) + text(right, constants)
        case ast.IfExp(body=body):
            return text(body, constants)
    return "…"


def messages() -> Iterator[tuple[int, str]]:
    """The exit code and the text of every error that is raised or returned."""
    trees = [ast.parse(path.read_text()) for path in sorted((ROOT / "loader").rglob("*.py"))]
    constants = {}
    for tree in trees:
        constants |= {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        }
    for tree in trees:
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in CODES
                and node.args
            ):
                message = " ".join(text(node.args[0], constants).split())
                if message.strip("… :"):
                    yield CODES[node.func.id], message
    for case in google.CASES:
        # a case without a kind is met at both places
        kinds = [case.kind] if case.kind else [errors.WarehouseError, errors.LandingError]
        yield from ((kind.exit_code, re.sub(r"\{\w+\}", "…", case.sentence)) for kind in kinds)


def listed() -> str:
    """The part of the page that lists them."""
    rows = "".join(f"| {code} | {message.replace('|', '/')} |\n" for code, message in sorted(set(messages())))
    return f"{HEADING}\n`…` stands for a name or a number; a value of a user is in none.\n\n| code | message |\n|---|---|\n{rows}"


def test_the_page_lists_every_message_with_its_code():
    assert PAGE.read_text().split(HEADING)[1] == listed().split(HEADING)[1]


@pytest.mark.parametrize(("code", "message"), sorted(set(messages())))
def test_a_message_is_whole_sentences_that_say_what_to_do(code, message):
    assert re.match(r"[A-Z…`]|chatfuel_|dbt", message)
    assert re.search(r"[.…]$", message)
    assert REMEDY.search(message)
    assert code in (1, 2, 3, 4, 5, 6, 7, 8)


def test_the_table_has_every_code():
    table = PAGE.read_text().split("| code | cause |")[1].split("\n\n")[0]
    assert {int(code) for code in re.findall(r"^\| (\d)", table, re.MULTILINE)} == {0, 1, *CODES.values()}


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text().split(HEADING)[0].rstrip() + "\n\n" + listed())
