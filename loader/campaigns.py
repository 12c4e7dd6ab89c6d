"""WhatsApp campaigns of the panel, read as the broadcasts of the old surface.

The panel has no campaigns, only flows. A flow that begins with a sending, at once or by a schedule, is one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec

from loader.answers import Shape, epoch_seconds
from loader.chatfuel import ASK_AFTER, ASK_BEFORE

CHANNEL = "whatsapp"
_SEND_NOW, _SCHEDULED = "WhatsAppOneTimeNotificationBlock", "WhatsAppScheduledMessageBlock"


class _Named(msgspec.Struct):
    name: str


class _Strategy(msgspec.Struct):
    operator: str
    comparableValues: list[str] = []  # noqa: N815


class _DateStrategy(msgspec.Struct):
    operator: str
    comparableDate: Any = None  # noqa: N815


class _ByAttribute(msgspec.Struct):
    attribute: _Named
    defaultStrategy: _Strategy | None = None  # noqa: N815
    dateStrategy: _DateStrategy | None = None  # noqa: N815


class _ByTag(msgspec.Struct):
    operator: str
    tagNames: list[str] = []  # noqa: N815


class _ByStoredSegment(msgspec.Struct):
    operator: str
    segmentIDs: list[str] = []  # noqa: N815


class _Filter(msgspec.Struct):
    byAttribute: _ByAttribute | None = None  # noqa: N815
    byTag: _ByTag | None = None  # noqa: N815
    byStoredSegment: _ByStoredSegment | None = None  # noqa: N815
    byInFlightSegment: Segment | None = None  # noqa: N815


class Segment(msgspec.Struct):
    """An audience: conditions, all of which hold or one of which holds."""

    resultOperator: str  # noqa: N815
    filters: list[_Filter] = []


class _Value(msgspec.Struct):
    text: str | None = None
    attribute: _Named | None = None


class _Parts(msgspec.Struct):
    parts: list[_Value] = []


class _Text(msgspec.Struct):
    text: str | None = None
    name: str | None = None
    value: _Parts | None = None


class _Body(msgspec.Struct):
    text: list[_Text] = []


class _Template(msgspec.Struct):
    body: _Body | None = None


class _Element(msgspec.Struct):
    id: str
    status: str | None = None
    sentToContactsCount: int | None = None  # noqa: N815
    firstSendTime: str | float | None = None  # noqa: N815
    repeatType: str | None = None  # noqa: N815
    segment: Segment | None = None
    whatsAppTemplate: _Template | None = None  # noqa: N815


class _Block(msgspec.Struct):
    id: str
    kind: str = msgspec.field(name="__typename")
    blockElements: list[_Element] = []  # noqa: N815


class _Connection(msgspec.Struct):
    sourceBlockElementID: str | None = None  # noqa: N815
    targetBlockID: str | None = None  # noqa: N815


class _Flow(msgspec.Struct):
    id: str
    name: str
    createdAt: str | float | None = None  # noqa: N815
    blocks: list[_Block] = []
    connections: list[_Connection] = []


class _Group(msgspec.Struct):
    flows: list[_Flow] = []


class Flows(msgspec.Struct):
    """All flows of a bot."""

    flowGroups: list[_Group] = []  # noqa: N815
    flowsWithoutGroup: list[_Flow] = []  # noqa: N815


FLOWS = Shape(("data", "bot"), Flows)


class Campaign(NamedTuple):
    """A campaign; moments are seconds since 1970.

    Attributes:
        id: That of the block it begins with: the broadcast's id in all tables.
        name: That of its flow.
        type: As on the old surface ``send_now`` or ``no_repeat``; else how it repeats.
        status: Draft, Live, Paused or Finished.
        created: When its flow was made.
        first_send: When it is sent, or is first; of one that was sent at once, nobody says.
        recipients: How many it was sent to, if that is told.
        message: The template's text, attributes as ``{{name}}``.
        segment: The audience.
    """

    id: str
    name: str
    type: str
    status: str
    created: float | None
    first_send: float | None
    recipients: int | None
    message: str
    segment: Segment | None

    def is_sent(self, pulled_at: datetime) -> bool:
        """Return whether it was sent; one that waits for its time is live too."""
        is_due = self.type == "send_now" or (
            self.first_send is not None and self.first_send <= pulled_at.timestamp()
        )
        return is_due and self.status in ("Live", "Finished")

    def is_settled(self, pulled_at: datetime) -> bool:
        """Return whether it has reached everyone: what is sent at once takes seconds."""
        return self.is_sent(pulled_at) and (self.first_send or 0) <= (pulled_at - ASK_AFTER).timestamp()

    def entry(self, pulled_at: datetime) -> dict[str, Any]:
        """Return it as a scheduled entry of the old surface, with what only a campaign has."""
        return {
            "id": self.id,
            "block_id": self.id,
            "block_title": self.name,
            "enabled": True,
            "planned": not self.is_sent(pulled_at),
            "broadcast_start_timestamp": self.first_send and int(self.first_send),
            "campaign": {
                "type": self.type,
                "status": self.status,
                "created_at": self.created and int(self.created),
                "recipients": self.recipients,
                "message": self.message,
            },
        }

    def block(self) -> dict[str, Any]:
        """Return its audience as a block of the old surface."""
        conditions = None if self.segment is None else _conditions(self.segment)
        audience = {
            "operation": self.segment.resultOperator.lower() if self.segment else "and",
            "valid": conditions is not None,
            "parameters": conditions or [],
        }
        return {"id": self.id, "title": self.name, "removed": False, "user_filter": audience}


def campaigns_of(flows: Flows, what: str) -> list[Campaign]:
    """Return the campaigns among flows; a flow that is listed twice is one. ``what`` names the answer."""
    every = [*flows.flowsWithoutGroup, *(flow for group in flows.flowGroups for flow in group.flows)]
    return [
        Campaign(
            id=block.id,
            name=flow.name,
            type=_type(block, element),
            status=element.status or "Draft",
            created=None if flow.createdAt is None else epoch_seconds(flow.createdAt, what),
            first_send=None if element.firstSendTime is None else epoch_seconds(element.firstSendTime, what),
            recipients=element.sentToContactsCount,
            message=_message(flow, element),
            segment=element.segment,
        )
        for flow in {flow.id: flow for flow in reversed(every)}.values()
        for block in flow.blocks
        if block.kind in (_SEND_NOW, _SCHEDULED)
        for element in block.blockElements[:1]
    ]


def to_ask(
    campaigns: Sequence[Campaign], pulled_at: datetime, recorded: Collection[str] | None
) -> list[tuple[Campaign, dict[str, Any]]]:
    """Return the campaigns whose recipients a pull asks for, and the audience as what is asked.

    Of a campaign that went out before the first pull, the audience of today is another one.

    Args:
        campaigns: All of them.
        pulled_at: When the pull began.
        recorded: The campaigns that an earlier pull saw go out; none before the first.
    """
    first = (pulled_at - ASK_BEFORE).timestamp()
    new = [
        one
        for one in campaigns
        if recorded is not None and one.id not in recorded and one.is_settled(pulled_at)
        if one.first_send is None or one.first_send >= first
    ]
    asked = ((one, one.segment and segment_input(one.segment)) for one in new)
    return [(one, audience) for one, audience in asked if audience]


def segment_input(segment: Segment) -> dict[str, Any] | None:
    """Return an audience as Chatfuel takes it; none if a part of it can be read and not asked for."""
    filters = []
    for part in segment.filters:
        found = {"id": str(uuid4())}
        if part.byAttribute and part.byAttribute.defaultStrategy:
            strategy = msgspec.structs.asdict(part.byAttribute.defaultStrategy)
            found["byAttribute"] = {"name": part.byAttribute.attribute.name, "defaultStrategy": strategy}
        elif part.byInFlightSegment and (inner := segment_input(part.byInFlightSegment)):
            found["byInFlightSegment"] = inner
        else:
            return None
        filters.append(found)
    return {"id": str(uuid4()), "resultOperator": segment.resultOperator, "filters": filters}


def _type(block: _Block, element: _Element) -> str:
    if block.kind == _SEND_NOW:
        return "send_now"
    return "no_repeat" if element.repeatType in (None, "Never") else element.repeatType


def _message(flow: _Flow, element: _Element) -> str:
    """Return the text of the template that an entry point leads to; else of the first one in the flow."""
    targets = [c.targetBlockID for c in flow.connections if c.sourceBlockElementID == element.id]
    blocks = sorted(flow.blocks, key=lambda block: block.id not in targets)
    templates = [e.whatsAppTemplate for block in blocks for e in block.blockElements if e.whatsAppTemplate]
    body = templates[0].body if templates else None
    return "".join(_told(part) for part in body.text) if body else ""


def _told(part: _Text) -> str:
    if part.value is None:
        return part.text or (f"{{{{{part.name}}}}}" if part.name else "")
    values = (f"{{{{{v.attribute.name}}}}}" if v.attribute else v.text or "" for v in part.value.parts)
    return "".join(values)


def _conditions(segment: Segment) -> list[dict[str, Any]] | None:
    """Return the conditions in order, with what stands ``before`` and ``after`` each of them when read aloud.

    None if there is one that cannot be told.
    """
    found: list[dict[str, Any]] = []
    for number, part in enumerate(segment.filters):
        inner = [*_inner(part)]
        if None in inner or not inner:
            return None
        if len(inner) > 1 and len(segment.filters) > 1:
            inner[0]["before"], inner[-1]["after"] = f"({inner[0]['before']}", f"{inner[-1]['after']})"
        if number:
            inner[0]["before"] = f" {segment.resultOperator.lower()} {inner[0]['before']}"
        found += inner
    return found


def _inner(part: _Filter) -> Iterator[dict[str, Any] | None]:
    def condition(kind: str, name: str, operator: str, values: Sequence[str]) -> dict[str, Any]:
        told = {"type": kind, "name": name, "operation": operator.lower(), "values": [*values]}
        return told | {"before": "", "after": ""}

    if part.byInFlightSegment:
        yield from _conditions(part.byInFlightSegment) or [None]
    elif part.byTag:
        yield condition("tag", "tag", part.byTag.operator, part.byTag.tagNames)
    elif part.byStoredSegment:
        yield condition("segment", "segment", part.byStoredSegment.operator, part.byStoredSegment.segmentIDs)
    elif part.byAttribute and (strategy := part.byAttribute.defaultStrategy):
        name = part.byAttribute.attribute.name
        yield condition("custom", name, strategy.operator, strategy.comparableValues)
    elif part.byAttribute and (dated := part.byAttribute.dateStrategy):
        name, date = part.byAttribute.attribute.name, dated.comparableDate
        yield condition("custom", name, dated.operator, [] if date is None else [str(date)])
    else:
        yield None
