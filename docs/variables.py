"""``python -m docs.variables``: make the table of ``docs/variables.md`` from ``dbt_project.yml``."""

import re
from pathlib import Path

import yaml

PAGE = Path(__file__).with_name("variables.md")
PROJECT = Path(__file__).parents[1] / "dbt_project.yml"
HEADER = "| variable | default | meaning |\n|---|---|---|\n"


def page() -> str:
    """Return the page with its table as it should be now; what a variable means is the comment above it."""
    project = PROJECT.read_text()
    part = project.split("\nvars:\n", 1)[1]
    meanings = {name: meaning for meaning, name in re.findall(r"^  # (.+)\n  (\w+):", part, re.MULTILINE)}
    rows = [
        f"| `{name}` | {shown(default)} | {meanings[name]} |\n"
        for name, default in yaml.safe_load(project)["vars"].items()
    ]
    before, rest = PAGE.read_text().split(HEADER)
    return before + HEADER + "".join(rows) + "\n" + rest.split("\n\n", 1)[1]


def shown(default: object) -> str:
    """Return a default as the table shows it."""
    values = default if isinstance(default, list) else [default]
    return ", ".join(
        "none" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"
        for value in values
    )


if __name__ == "__main__":
    PAGE.write_text(page())
