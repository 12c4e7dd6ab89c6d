"""What a night's build reads on BigQuery, computed by `make cost`.

Read are the artifacts that dbt left in a target folder after a build on BigQuery or its emulator. A query is billed the columns
that it names, each once, of the partitions that it does not rule out by constants; a DELETE, UPDATE or MERGE besides the whole
rows of the partitions it changes (https://cloud.google.com/bigquery/docs/reference/standard-sql/dml-syntax); every table at least
10 MB (https://cloud.google.com/bigquery/pricing). Rows are those of the bot of `make bench SIZE=full`, after a year; texts are as
long as they usually are, and two bytes more.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import sqlglot
import yaml
from sqlglot import exp
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope

GB, LEAST, USERS, VALUES, DAYS = 1e9, 10e6, 500_000, 12_000_000, 365
CHANGES, EVENTS, SEEN, RECIPIENTS = VALUES // 100, 100_000, USERS // 20, 25_000
# Rows of the partitions that a daily run reads, and rows that there are after a year. What is not here is small.
ROWS = {
    "users": (USERS, USERS * DAYS),
    "user_attributes": (VALUES, VALUES * DAYS),
    "broadcast_recipients": (RECIPIENTS, RECIPIENTS * DAYS),
    "int_chatfuel__attribute_versions": (VALUES + CHANGES, VALUES + CHANGES * DAYS),
    "int_chatfuel__kpi_versions": (2 * USERS, 3 * USERS),
    "int_chatfuel__user_visits": (USERS + SEEN, USERS + SEEN * DAYS),
    "int_chatfuel__user_presence": (2 * USERS, 2 * USERS),
    "int_chatfuel__user_activity": (2 * USERS // 5, 12 * USERS // 5),
    "int_chatfuel__kpi_events": (SEEN, SEEN * DAYS),
    "int_chatfuel__recipient_outcomes": (RECIPIENTS, RECIPIENTS * DAYS),
    "fct_chatfuel__user_events": (EVENTS, EVENTS * DAYS),
    "fct_chatfuel__broadcast_recipients": (RECIPIENTS, RECIPIENTS * DAYS),
    "dim_chatfuel__users": (USERS, USERS),
    "snap_chatfuel__users": (USERS, 6 * USERS),
}  # fmt: skip
# Bytes of a text, by what its name ends in; two more are BigQuery's.
TEXTS = {"_key": 32, "scd_id": 32, "_user_id": 16, "bot_id": 24, "pull_id": 16, "attribute_name": 18, "_value": 12, "_id": 24}  # fmt: skip
OTHER_TEXT, OTHER = 10, 8
# Of versions that hold, these are empty, and an empty value takes no room.
EMPTY = {"previous_value", "valid_to", "end_reason", "ended_pull_id", "hidden_until", "hidden_end_reason", "settled_at", "superseded_at"}  # fmt: skip


Reads = dict[tuple[str, str], bool]  # by table and column: whether only the partitions of a day are read


class Estimate:
    """The bytes of each of the nodes of a build: models, snapshots, seeds and tests."""

    def __init__(self, target: Path) -> None:
        manifest = json.loads((target / "manifest.json").read_text())
        self.nodes = [
            n for n in manifest["nodes"].values() if n["resource_type"] not in ("analysis", "operation")
        ]
        # a test is compiled, a model is what ran
        paths = [path for kind in ("compiled", "run") for path in (target / kind / "chatfuel").rglob("*.sql")]
        self._files = {path.stem: path for path in paths if path.is_file()}
        raw = yaml.safe_load(Path("loader/raw_schema.yml").read_text("utf-8"))
        self._schema, self._partitions, self._views = {}, {}, {}
        for table, definition in raw["tables"].items():
            self._schema[table] = {
                c["name"]: c["type"] for c in (*raw["pull_columns"], *definition["columns"])
            }
            self._partitions[table] = "pull_date"
        for node in self.nodes:
            config, name = node["config"], node["alias"]
            if node["resource_type"] == "test" or not node["columns"]:
                continue
            self._schema[name] = {c: column["data_type"] for c, column in node["columns"].items()}
            if config.get("partition_by"):
                self._partitions[name] = config["partition_by"]["field"]
            if config["materialized"] == "view":
                self._views[name] = _parsed(self._sql(node)).expression

    def _sql(self, node: dict) -> str:
        path = self._files.get(Path(node["path"]).stem)
        return path.read_text() if path else ""

    def bytes_of(self, node: dict) -> float:
        """The bytes that a build of the node is billed."""
        statements = [part for part in re.split(r";\s*\n", self._sql(node)) if part.strip()]
        if node["resource_type"] == "snapshot":
            # what dbt sends beside the MERGE, which alone it writes down: the comparison, and our hook
            statements += [
                f"select * from {node['alias']} where dbt_valid_to is null",
                f"select * from {node['depends_on']['nodes'][0].split('.')[-1]}",
                f"update {node['alias']} set dbt_valid_to = null where dbt_valid_to is null",
            ]
        return sum(map(self._bytes_of_statement, map(_parsed, statements)))

    def _bytes_of_statement(self, statement: exp.Expression) -> float:
        reads, changed = {}, 0.0
        if isinstance(statement, exp.Create | exp.Insert):
            statement = statement.expression
        if isinstance(statement, exp.Delete | exp.Update | exp.Merge):
            table = statement.this.find(exp.Table).name
            where, columns = (
                statement.args.get("where") or statement.args.get("on"),
                self._schema.get(table, ()),
            )
            is_kept = self._is_pruned(table, where)
            changed = sum(self._size(table, column, is_kept) for column in columns)
            named = {column.name for column in where.find_all(exp.Column)} if where else set()
            reads = {(table, column): is_kept for column in columns if column in named}
            for query in (found for found in statement.find_all(exp.Select) if not found.parent_select):
                _add(reads, self._of_query(query))
        elif isinstance(statement, exp.Query):
            reads = self._of_query(statement)
        sizes: dict[str, float] = {}
        for (table, column), is_kept in reads.items():
            sizes[table] = sizes.get(table, 0) + self._size(table, column, is_kept)
        return changed + sum(max(size, LEAST) for size in sizes.values())

    def _of_query(
        self, query: exp.Expression, columns: frozenset[str] | None = None, is_kept: bool = False
    ) -> Reads:
        """What a query reads; a view, of these columns, and what its reader's conditions keep."""
        query = query.copy()
        for table in query.find_all(exp.Table):
            table.set("db", None)
            table.set("catalog", None)
        query = qualify(
            query, schema=self._schema, dialect="bigquery", validate_qualify_columns=False, identify=False
        )
        for select in query.selects.copy() if columns is not None else ():
            if select.alias_or_name not in columns:
                select.pop()
        reads: Reads = {}
        for scope in traverse_scope(pushdown_projections(query, schema=self._schema)):
            where = scope.expression.args.get("where")
            for alias, (_, source) in scope.selected_sources.items():
                if isinstance(source, exp.Table) and source.name in self._schema:
                    named = frozenset(column.name for column in scope.columns if column.table == alias)
                    _add(
                        reads,
                        self._of_table(
                            source.name, named, is_kept or self._is_pruned(source.name, where, alias)
                        ),
                    )
        return reads

    def _of_table(self, table: str, columns: frozenset[str], is_kept: bool) -> Reads:
        if table not in self._views:
            return {(table, column): is_kept for column in columns}
        return self._of_query(self._views[table], columns, is_kept)

    def _is_pruned(self, table: str, where: exp.Expression | None, alias: str = "") -> bool:
        """Whether a condition compares the partition column with constants, whichever part of an `or` holds."""
        # a condition on a view's column holds for the column of that name in its tables
        fields = {*self._partitions.values()} if table in self._views else {self._partitions.get(table)}

        def rules_out(condition: exp.Expression) -> bool:
            condition = condition.unnest()
            if isinstance(condition, exp.And | exp.Or):
                of_parts = map(rules_out, (condition.left, condition.right))
                return any(of_parts) if isinstance(condition, exp.And) else all(of_parts)
            found = {column.name for column in condition.find_all(exp.Column) if column.table in ("", alias)}
            is_constant = condition.find(exp.Literal, exp.Null) and not condition.find(exp.Select)
            return len(found) == 1 and found <= fields and bool(is_constant)

        return bool(where) and rules_out(where.this if isinstance(where, exp.Where) else where)

    def _size(self, table: str, column: str, is_kept: bool) -> float:
        of_day, of_all = ROWS.get(table, (0, 0))
        width = OTHER
        if column in EMPTY and re.search("versions|visits", table):
            width = 0
        elif self._schema[table].get(column, "").upper() == "STRING":
            width = 2 + next((size for end, size in TEXTS.items() if column.endswith(end)), OTHER_TEXT)
        return width * (of_day if is_kept else of_all)


def _parsed(statement: str) -> exp.Expression:
    return sqlglot.parse_one(statement, read="bigquery")


def _add(reads: Reads, more: Reads) -> None:
    for read, is_kept in more.items():
        reads[read] = reads.get(read, True) and is_kept


def table(target: Path) -> str:
    """The table of docs/bigquery.md: GB a day, model by model; what is below a tenth of a GB in one line."""
    estimate = Estimate(target)
    rows: dict[str, float] = {}
    for node in estimate.nodes:
        if "weekly" in node["tags"] or node["config"]["materialized"] in ("view", "ephemeral"):
            continue
        size = estimate.bytes_of(node) / GB
        name = f"`{node['name']}`" if size >= 0.1 else "all others, 10 MB or more a table"
        rows[name] = rows.get(name, 0) + size
    lines = [f"| {name} | {size:.1f} |" for name, size in sorted(rows.items(), key=lambda row: -row[1])]
    lines.append(f"| **together** | **{sum(rows.values()):.1f}** |")
    return "\n".join(["| a day | GB |", "|---|---|", *lines])


if __name__ == "__main__":
    print(table(Path(sys.argv[1])))
