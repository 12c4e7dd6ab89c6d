"""The GraphQL side of the sandbox: schema, resolvers, and the operations of the Chatfuel dashboard."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    NoSchemaIntrospectionCustomRule,
    build_schema,
    execute_sync,
    parse,
    specified_rules,
    validate,
)

from sandbox.audience import AudienceError
from sandbox.broadcasts import Block
from sandbox.export import FieldError

if TYPE_CHECKING:
    from sandbox.world import World

_SDL = """
enum Platform { facebook instagram }
enum VariableSuggestType { template filter }
enum VariableType { custom system }

type Variable { name: String! type: VariableType! }
type FilterParameter { type: String! name: String operation: String! values: [String!]! }
type UserFilter { operation: String! valid: Boolean! parameters: [FilterParameter!]! }
type Block { id: ID! title: String! removed: Boolean! user_filter: UserFilter }
type Segment { id: ID! name: String! }
type ExportDocument { generatedId: ID! downloadUrl: String! }

type Bot {
  id: ID!
  variableSuggest(
    suggestType: VariableSuggestType = template, platform: Platform, allPlatforms: Boolean = false
  ): [Variable!]!
  block(id: ID!): Block
  segments: [Segment!]!
}

input ExportField { name: String! type: VariableType! }
input ExportParams { fields: [ExportField!]! desc: Boolean = false sortBy: String }

type Query { bot(id: String!): Bot! }
type Mutation {
  generateUsersExportDocument(botId: String!, params: ExportParams, filter: String): ExportDocument!
  generateBroadcastExportDocument(botId: String!): ExportDocument!
}
"""
_RULES = [*specified_rules, NoSchemaIntrospectionCustomRule]


class GraphQL:
    """Answers GraphQL requests by a schema and what resolves its fields, by type."""

    def __init__(self, sdl: str, resolvers: dict[str, dict[str, Callable]], context: Any = None) -> None:
        self._schema = build_schema(sdl)
        self._context = context
        # a loader sends the same few texts over and over
        self._read = lru_cache(maxsize=64)(self._read)
        for type_name, fields in resolvers.items():
            for field_name, resolve in fields.items():
                self._schema.type_map[type_name].fields[field_name].resolve = resolve

    def execute(self, query: str, variables: dict | None, operation_name: str | None) -> ExecutionResult:
        """Parse, validate and execute a request; whatever is wrong with it is in the result's errors."""
        document, errors = self._read(query)
        if errors:
            return ExecutionResult(None, errors)
        return execute_sync(
            self._schema,
            document,
            context_value=self._context,
            variable_values=variables,
            operation_name=operation_name,
        )

    def _read(self, query: str) -> tuple[DocumentNode | None, list[GraphQLError]]:
        """A request's text as a document, and what is wrong with it."""
        try:
            document = parse(query)
        except GraphQLError as error:
            return None, [error]
        return document, validate(self._schema, document, _RULES)


def dashboard(world: World) -> GraphQL:
    """Return what answers requests about a world as the dashboard does."""
    resolvers = {
        "Query": {"bot": _bot},
        "Mutation": {
            "generateUsersExportDocument": _users_document,
            "generateBroadcastExportDocument": _broadcast_document,
        },
        "Bot": {"variableSuggest": _variables, "block": _block, "segments": _segments},
        "Block": {"user_filter": lambda block, info: block.filter},
    }
    return GraphQL(_SDL, resolvers, world)


def _bot(root, info, id):  # noqa: A002
    bot = info.context.bots.get(id)
    if bot is None:
        raise GraphQLError("Bot not found", extensions={"code": "NOT_FOUND"})
    return bot


def _variables(bot, info, **arguments):
    # The simulated bot shows the same attributes on every platform.
    return [{"name": name, "type": kind} for name, kind in bot.catalogue()]


def _block(bot, info, id) -> Block | None:  # noqa: A002
    return bot.block(id)


def _segments(bot, info):
    return list(bot.segments.values())


def _users_document(root, info, botId, params=None, filter=None):  # noqa: A002, N803
    params = params or {"fields": []}
    fields = [(field["name"], field["type"]) for field in params["fields"]]
    newest_first = params.get("sortBy") == "updated_date" and params.get("desc", False)
    try:
        document = info.context.export_users(_bot(root, info, botId), fields, filter, newest_first)
    except (AudienceError, FieldError) as error:
        raise GraphQLError(str(error), extensions={"code": "BAD_USER_INPUT"}) from error
    return {"generatedId": document.id, "downloadUrl": document.path}


def _broadcast_document(root, info, botId):  # noqa: N803
    document = info.context.export_broadcasts(_bot(root, info, botId))
    return {"generatedId": document.id, "downloadUrl": document.path}
