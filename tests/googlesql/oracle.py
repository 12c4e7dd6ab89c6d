"""Google's own GoogleSQL analyser and reference evaluator, fed with what dbt sends to BigQuery.

`zetasql` carries both as WebAssembly. The analyser resolves every statement against a catalogue of typed tables and
says, in BigQuery's words, what BigQuery would refuse; the evaluator gives Google's own answer for small inputs.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import cache
from typing import Any

import wasmtime


class _CachedConfig(wasmtime.Config):
    """Compiling the module takes 13 seconds; wasmtime's cache on disk makes that one, from the second process on."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = True


wasmtime.Config = _CachedConfig

from zetasql import types  # noqa: E402
from zetasql.core.local_service import ZetaSqlLocalService, local_service_pb2  # noqa: E402

Columns = dict[str, str]
"""Names and GoogleSQL types of a table's columns, in order."""

_KINDS = {
    "STRING": types.TypeKind.TYPE_STRING,
    "INT64": types.TypeKind.TYPE_INT64,
    "FLOAT64": types.TypeKind.TYPE_DOUBLE,
    "NUMERIC": types.TypeKind.TYPE_NUMERIC,
    "BOOL": types.TypeKind.TYPE_BOOL,
    "DATE": types.TypeKind.TYPE_DATE,
    "DATETIME": types.TypeKind.TYPE_DATETIME,
    "TIMESTAMP": types.TypeKind.TYPE_TIMESTAMP,
    "JSON": types.TypeKind.TYPE_JSON,
}
# BigQuery's own aliases, which GoogleSQL leaves to the product.
_ALIASES = {"BIGINT": "INT64", "INTEGER": "INT64", "INT": "INT64"}
_NAMES = {int(kind): name for name, kind in _KINDS.items()}
ROWS_AT_ONCE = 500
# what no value holds: between cells, between rows, and for null
_CELL, _ROW, _NULL = "\x1f", "\x1e", "\x1d"
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


class RejectedError(AssertionError):
    """GoogleSQL refuses a statement; the message names the node and holds the analyser's words and the SQL."""


class Oracle:
    """An analyser whose catalogue grows with the tables and views that the analysed statements create."""

    def __init__(self) -> None:
        self.tables: dict[str, Columns] = {}
        self._protos: dict[str, Any] = {}
        self._registered: int | None = None

    def define(self, name: str, columns: Columns) -> None:
        """Adds a table, or replaces it; `name` is project.dataset.table."""
        if self.tables.get(name) == columns:
            return
        self.tables[name] = columns
        self._protos[name] = types.SimpleTable(
            name=name.split(".")[2],
            column=[
                types.SimpleColumn(
                    name=column, type=types.Type(type_kind=_KINDS[kind]), is_writable_column=True
                )
                for column, kind in columns.items()
            ],
        ).to_proto()
        if self._registered is not None:
            _ask("UnregisterCatalog", local_service_pb2.UnregisterRequest(registered_id=self._registered))
            self._registered = None

    def analyse(self, node: str, statement: str) -> Columns | None:
        """Resolves a statement and gives the columns of a query or of what it creates; none for other statements.

        Raises:
            RejectedError: BigQuery would refuse it.
        """
        request = local_service_pb2.AnalyzeRequest(
            options=_options(), registered_catalog_id=self._catalog(), sql_statement=statement
        )
        try:
            answer = _ask("Analyze", request, local_service_pb2.AnalyzeResponse)
        except Exception as error:
            raise RejectedError(f"{node}: {error}\n{statement}") from error
        # one of many kinds of statement, which may be one of many kinds in turn, with what it has in common with others
        resolved = answer.resolved_statement
        while kind := next(iter(resolved.DESCRIPTOR.oneofs), None):
            resolved = getattr(resolved, resolved.WhichOneof(kind.name))
        parts = [resolved]
        while "parent" in parts[-1].DESCRIPTOR.fields_by_name:
            parts.append(parts[-1].parent)
        found = {
            field: getattr(part, field)
            for part in parts
            for field in ("output_column_list", "name_path")
            if field in part.DESCRIPTOR.fields_by_name
        }
        if "output_column_list" not in found:
            return None
        columns = {column.name: _type_name(column.column.type) for column in found["output_column_list"]}
        if "name_path" in found:
            self.define(".".join(found["name_path"]), columns)
        return columns

    def evaluate(
        self, node: str, query: str, contents: dict[str, list[dict[str, Any]]]
    ) -> list[dict[str, Any]]:
        """The rows of a query, as JSON values, over tables that hold `contents` (by project.dataset.table).

        A row may lack columns that the query does not need.

        Raises:
            RejectedError: the evaluator cannot run it.
        """
        inputs = []
        for number, (name, rows) in enumerate(contents.items()):
            quoted = "`" + name.replace(".", "`.`") + "`"
            if quoted in query:
                query = query.replace(quoted, f"oracle_input_{number}")
                given = rows[0] if rows else self.tables[name]
                columns = {column: kind for column, kind in self.tables[name].items() if column in given}
                inputs.append(f"oracle_input_{number} as ({inline(columns, rows)})")
        # An input of its own even where the query reads none, so that there is one form of statement.
        inputs.append(f"oracle_query as ({query}\n)")
        statement = f"with {', '.join(inputs)} select to_json_string(t) from oracle_query as t"
        request = local_service_pb2.EvaluateQueryRequest(
            options=_options(), registered_catalog_id=self._catalog(), sql=statement
        )
        try:
            answer = _ask("EvaluateQuery", request, local_service_pb2.EvaluateQueryResponse)
        except Exception as error:
            raise RejectedError(f"{node}: {error}\n{query}") from error
        return [json.loads(row.cell[0].string_value) for row in answer.content.table_data.row]

    def _catalog(self) -> int:
        """The number of the catalogue there; with each request it would be made anew, which takes longer than to analyse."""
        if self._registered is None:
            projects: dict[str, dict[str, list[Any]]] = {}
            for name, proto in self._protos.items():
                project, dataset, _ = name.split(".")
                projects.setdefault(project, {}).setdefault(dataset, []).append(proto)
            catalog = types.SimpleCatalog(
                name="oracle",
                catalog=[
                    types.SimpleCatalog(
                        name=project,
                        catalog=[
                            types.SimpleCatalog(name=dataset, table=tables)
                            for dataset, tables in datasets.items()
                        ],
                    )
                    for project, datasets in projects.items()
                ],
                named_type=[
                    types.SimpleCatalog.NamedType(name=alias, type=types.Type(type_kind=_KINDS[kind]))
                    for alias, kind in _ALIASES.items()
                ],
                builtin_function_options=_functions(),
            ).to_proto()
            request = local_service_pb2.RegisterCatalogRequest(simple_catalog=catalog)
            answer = _ask("RegisterCatalog", request, local_service_pb2.RegisterResponse)
            self._registered = answer.registered_id
        return self._registered


def _ask(method: str, request: Any, response: Any = None) -> Any:
    """One call of the service inside the module; the package's own way turns every resolved node into a Python object."""
    client = ZetaSqlLocalService.get_instance().wasm_client
    arguments = (f"ZetaSqlLocalService_{method}", request)
    return client.call_grpc_func(*arguments, response) if response else client.call_grpc_func(*arguments)


def inline(columns: Columns, rows: list[dict[str, Any]]) -> str:
    """A query that gives rows: as text that it splits, for to analyse a literal takes longer than to cast a text.

    The evaluator takes no text and no array above 1 MiB, so there are several.
    """
    values = ", ".join(
        f"cast(nullif(cells[offset({number})], {_NULL!r}) as {kind}) as `{name}`"
        for number, (name, kind) in enumerate(columns.items())
    )
    lines = [_CELL.join(_text(row[name]) for name in columns) for row in rows]
    parts = (lines[start : start + ROWS_AT_ONCE] for start in range(0, max(len(lines), 1), ROWS_AT_ONCE))
    return " union all ".join(
        f"select {values} from (select split(line, {_CELL!r}) as cells"
        f" from unnest(split({_quoted(_ROW.join(part))}, {_ROW!r})) as line where {bool(part)})"
        for part in parts
    )


def _text(value: Any) -> str:
    if value is None:
        return _NULL
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S.%f}"
    return str(value)


def _quoted(text: str) -> str:
    return "".join(("'", text.encode("unicode_escape").decode().replace("'", "\\'"), "'"))


def without_comment(statement: str) -> str:
    """A statement without the comment that dbt leads it with."""
    return _COMMENT.sub("", statement, count=1).strip()


def _type_name(of: types.Type) -> str:
    if of.type_kind == types.TypeKind.TYPE_ARRAY:
        return f"ARRAY<{_type_name(of.array_type.element_type)}>"
    return _NAMES[int(of.type_kind)]


def _language() -> types.LanguageOptions:
    language = types.LanguageOptions.maximum_features()
    language.product_mode = types.ProductMode.PRODUCT_EXTERNAL
    language.reserved_keywords.append("QUALIFY")
    return language


# What is the same in every request is made once: to make it takes longer than to analyse a statement.
@cache
def _functions() -> Any:
    return types.ZetaSQLBuiltinFunctionOptions(language_options=_language()).to_proto()


@cache
def _options() -> Any:
    options = types.AnalyzerOptions(language_options=_language())
    options.default_timezone = "UTC"
    return options.to_proto()
