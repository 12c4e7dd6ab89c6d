"""The broadcasts of a simulated bot as the panel has them: WhatsApp campaigns, which are flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.audience import Filter, Parameter, Test, condition
from sandbox.broadcasts import Broadcast
from sandbox.clock import iso

if TYPE_CHECKING:
    from sandbox.bot import Bot

SDL = """
scalar SegmentID
scalar FilterID
enum BoolOperator { AND OR }
enum AttrFilterDefaultOperator { IS IS_NOT STARTS_WITH CONTAINS LT GT IS_EMPTY IS_NOT_EMPTY }
input SegmentInput { id: SegmentID! name: String resultOperator: BoolOperator! filters: [FilterInput!]! }
input FilterInput { id: FilterID! byAttribute: AttrFilterInput byInFlightSegment: SegmentInput }
input AttrFilterInput { name: String! defaultStrategy: AttrFilterDefaultStrategyInput }
input AttrFilterDefaultStrategyInput { operator: AttrFilterDefaultOperator! comparableValues: [String!]! }

type AttrFilterDefaultStrategy { operator: AttrFilterDefaultOperator! comparableValues: [String!]! }
type AttrFilterDateStrategy { operator: String! comparableDate: String }
type AttrFilter {
  attribute: BotAttribute! defaultStrategy: AttrFilterDefaultStrategy dateStrategy: AttrFilterDateStrategy
}
type TagFilter { operator: String! tagNames: [String!]! }
type StoredSegmentFilter { operator: String! segmentIDs: [SegmentID!]! }
type Filter {
  id: FilterID! byAttribute: AttrFilter byTag: TagFilter byStoredSegment: StoredSegmentFilter
  byInFlightSegment: Segment
}
type Segment { id: SegmentID! name: String resultOperator: BoolOperator! filters: [Filter!]! }

type TemplateStrText { text: String! }
type TemplateStrAttribute { attribute: BotAttribute! }
union TemplateStrPart = TemplateStrText | TemplateStrAttribute
type TemplateStr { parts: [TemplateStrPart!]! }
type WhatsAppTemplateComponentTextPartText { text: String! }
type WhatsAppTemplateComponentTextPartParam { name: String! value: TemplateStr }
union WhatsAppTemplateComponentTextPart =
  WhatsAppTemplateComponentTextPartText | WhatsAppTemplateComponentTextPartParam
type WhatsAppTemplateComponentText { text: [WhatsAppTemplateComponentTextPart!]! }
type WhatsAppTemplateConfig { templateID: ID! name: String! body: WhatsAppTemplateComponentText }

enum BroadcastStatus { Draft Live Paused Finished }
interface BlockElement { id: ID! }
type WhatsAppOneTimeNotificationBlockElement implements BlockElement {
  id: ID! status: BroadcastStatus! sentToContactsCount: Int segment: Segment!
}
type WhatsAppScheduledMessageBlockElement implements BlockElement {
  id: ID! status: BroadcastStatus! firstSendTime: String repeatType: String! repeatOnWeekdays: [String!]!
  repeatEveryNDays: Int repeatOnCertainDates: [String!]! segment: Segment!
}
type WhatsAppTemplateBlockElement implements BlockElement { id: ID! whatsAppTemplate: WhatsAppTemplateConfig }
interface Block { id: ID! blockElements: [BlockElement!]! }
type WhatsAppOneTimeNotificationBlock implements Block { id: ID! blockElements: [BlockElement!]! }
type WhatsAppScheduledMessageBlock implements Block { id: ID! blockElements: [BlockElement!]! }
type WhatsAppTemplateBlock implements Block { id: ID! blockElements: [BlockElement!]! }
interface Connection { id: ID! }
type ComponentToBlockConnection implements Connection {
  id: ID! sourceBlockElementID: ID! targetBlockID: ID!
}
type Flow { id: ID! name: String! createdAt: String! blocks: [Block!]! connections: [Connection!]! }
type FlowGroup { id: ID! name: String! flows: [Flow!]! }
"""


def flow(bot: Bot, broadcast: Broadcast, now: int, sent_to: int) -> dict[str, Any]:
    """Return a broadcast as a flow.

    Args:
        bot: Whose it is.
        broadcast: What nobody scheduled is sent at once.
        now: Epoch seconds.
        sent_to: How many of its recipients are on WhatsApp.
    """
    status = "Draft"
    if broadcast.enabled and (broadcast.scheduled or broadcast.sent(now)):
        status = "Finished" if broadcast.sent(now) else "Live"
    kind = "WhatsAppScheduledMessageBlock" if broadcast.scheduled else "WhatsAppOneTimeNotificationBlock"
    element = {"__typename": f"{kind}Element", "id": f"e{broadcast.id}", "status": status}
    element["segment"] = segment(broadcast.block.filter, bot)
    if broadcast.scheduled:
        element |= {"firstSendTime": iso(broadcast.at), "repeatType": "Never"}
        element |= {"repeatOnWeekdays": [], "repeatOnCertainDates": []}
    elif status == "Finished":
        element["sentToContactsCount"] = sent_to
    text_before, placeholder, text_after = broadcast.content.partition("{{first name}}")
    name = {"parts": [{"__typename": "TemplateStrAttribute", "attribute": _attribute(bot, "first name")}]}
    text = [{"__typename": "WhatsAppTemplateComponentTextPartText", "text": text_before}]
    if placeholder:
        text += [
            {"__typename": "WhatsAppTemplateComponentTextPartParam", "name": "1", "value": name},
            {"__typename": "WhatsAppTemplateComponentTextPartText", "text": text_after},
        ]
    template = {"templateID": f"t{broadcast.id}", "name": "template", "body": {"text": text}}
    message = {"__typename": "WhatsAppTemplateBlockElement", "id": f"m{broadcast.id}"}
    message["whatsAppTemplate"] = template
    connection = {"__typename": "ComponentToBlockConnection", "id": f"c{broadcast.id}"}
    return {
        "id": f"f{broadcast.id}",
        "name": broadcast.block.title,
        "createdAt": iso(broadcast.at - 24 * 3600),
        "blocks": [
            {"__typename": kind, "id": broadcast.id, "blockElements": [element]},
            {"__typename": "WhatsAppTemplateBlock", "id": f"b{broadcast.id}", "blockElements": [message]},
        ],
        "connections": [
            connection | {"sourceBlockElementID": element["id"], "targetBlockID": f"b{broadcast.id}"}
        ],
    }


def segment(audience: Filter, bot: Bot, *, negated: bool = False) -> dict[str, Any]:
    """Return an audience as the panel has it: a segment that it names stands within it, whole."""
    joint = {"and": "or", "or": "and"}[audience.operation] if negated else audience.operation
    filters = [_filter(parameter, bot, negated) for parameter in audience.parameters]
    return {"id": "s", "resultOperator": joint.upper(), "filters": filters}


def _filter(parameter: Parameter, bot: Bot, negated: bool) -> dict[str, Any]:
    if parameter.type == "sequence":
        return {"id": "f", "byTag": {"operator": parameter.operation, "tagNames": parameter.values}}
    if parameter.type == "segment":
        inner = bot.segments[parameter.values[0]].filter
        is_not = (parameter.operation == "is_not") != negated
        return {"id": "f", "byInFlightSegment": segment(inner, bot, negated=is_not)}
    operation = {"is": "is_not", "is_not": "is"}[parameter.operation] if negated else parameter.operation
    strategy = {"operator": operation.upper(), "comparableValues": parameter.values}
    by_attribute = {"attribute": _attribute(bot, parameter.name), "defaultStrategy": strategy}
    return {"id": "f", "byAttribute": by_attribute}


def _attribute(bot: Bot, name: str) -> dict[str, Any]:
    kinds = {attribute.name: attribute.type for attribute in bot.attributes}
    return {"name": name, "type": kinds.get(name, "system"), "dataType": "string", "aliases": []}


def members(asked: dict[str, Any], bot: Bot) -> Test:
    """Return what tells whether a user is in a segment that was asked for."""
    tests = [_member(part, bot) for part in asked["filters"]]
    if asked["resultOperator"] == "OR" and tests:
        return lambda user: any(test(user) for test in tests)
    return lambda user: all(test(user) for test in tests)


def _member(part: dict[str, Any], bot: Bot) -> Test:
    if inner := part.get("byInFlightSegment"):
        return members(inner, bot)
    name, strategy = part["byAttribute"]["name"], part["byAttribute"]["defaultStrategy"]
    kinds = {attribute.name: attribute.type for attribute in bot.attributes}
    values = tuple(strategy["comparableValues"])
    return condition(
        Parameter(kinds.get(name, "system"), name, strategy["operator"].lower(), values), bot, bot.users
    )
