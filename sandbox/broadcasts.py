"""Broadcasts of a simulated bot, and how the dashboard shows them."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from sandbox.attributes import csv_cell
from sandbox.audience import Filter
from sandbox.clock import moment, stamp
from sandbox.vocabulary import hex_id

LIST_COLUMNS = (
    "Timestamp", "Type", "Trigger settings", "Content", "Progress", "Total users", "Read", "Clicked",
    "Failed", "User timezone",
)  # fmt: skip


@dataclass
class Block:
    """A block of the bot, what a visit ends at and a broadcast sends."""

    id: str
    title: str
    filter: Filter | None = None
    removed: bool = False


@dataclass
class Broadcast:
    """One broadcast, from the moment it is planned.

    Attributes:
        id: The scheduled entry's id.
        result_id: The id in the broadcast results, another one.
        at: When it is sent, epoch seconds.
        content: The message.
        block: What is sent; its filter is the audience.
        enabled: A disabled entry is never sent.
        scheduled: Without, nobody scheduled it: it is in the list, but has neither entry nor result.
        has_result: Without, the broadcast results leave it out.
        duration: Seconds that sending takes.
        removed_after: Seconds after which the team removes the block; mostly never.
        recipients: The users whom the audience selected when it was sent.
        total: Their number.
        read: How many opened it, so far.
        clicked: How many clicked, so far.
        failed: How many were blocked.
    """

    id: str
    result_id: str
    at: int
    content: str
    block: Block
    enabled: bool = True
    scheduled: bool = True
    has_result: bool = True
    duration: int = 900
    removed_after: int | None = None
    recipients: array = field(default_factory=lambda: array("I"))
    total: int = 0
    read: int = 0
    clicked: int = 0
    failed: int = 0

    def progress(self, now: int) -> int:
        """Return how much of it is sent, in percent."""
        return min(100, max(0, (now - self.at) * 100 // self.duration))

    def sent(self, now: int) -> bool:
        """Return whether sending has begun."""
        return self.enabled and self.at <= now


def block_title(rng: random.Random, at: int) -> str:
    """Return a block title as the dashboard makes them: ``Jun 14th 10:10|250781767199``."""
    time = moment(at)
    suffix = "th" if 11 <= time.day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(time.day % 10, "th")
    return f"{time:%b} {time.day}{suffix} {time:%H:%M}|{rng.randrange(10**11, 10**12)}"


def new_broadcast(rng: random.Random, at: int, audience: Filter, content: str, **details) -> Broadcast:
    """Return a broadcast with a block and ids of its own."""
    block = Block(hex_id(rng), block_title(rng, at), audience)
    return Broadcast(hex_id(rng), hex_id(rng), at, content, block, **details)


def list_csv(broadcasts: Iterable[Broadcast], now: int) -> bytes:
    """Return the broadcast list, newest first."""
    rows = [LIST_COLUMNS]
    for broadcast in sorted(broadcasts, key=lambda one: -one.at):
        if broadcast.sent(now):
            rows.append(
                (
                    stamp(broadcast.at),
                    "no_repeat" if broadcast.scheduled else "send_now",
                    broadcast.block.title if broadcast.scheduled else "Sent now",
                    broadcast.content,
                    f"{broadcast.progress(now)}%",
                    str(broadcast.total),
                    str(broadcast.read),
                    str(broadcast.clicked),
                    str(broadcast.failed),
                    "false",
                )
            )
    return b"".join(b",".join(map(csv_cell, row)) + b"\n" for row in rows)


def entries(broadcasts: Iterable[Broadcast], bot_id: str, now: int) -> list[dict]:
    """Return the scheduled entries, in the order in which they were made."""
    return [
        {
            "id": broadcast.id,
            "block_id": broadcast.block.id,
            "bot_id": bot_id,
            "type": "no_repeat",
            "enabled": broadcast.enabled,
            "use_bot_timezone": False,
            "broadcast_start_timestamp": broadcast.at,
            "block_title": broadcast.block.title,
            "planned": broadcast.at > now,
            "additional_actions": [],
            "additional_group_actions": [],
            "temporary_attributes": {},
        }
        for broadcast in broadcasts
        if broadcast.scheduled
    ]


def results(broadcasts: Iterable[Broadcast], now: int) -> list[dict]:
    """Return the results of all broadcasts that have one, newest first."""
    shown = [one for one in broadcasts if one.scheduled and one.has_result and one.sent(now)]
    return [
        {
            "broadcast_id": broadcast.result_id,
            "block_id": broadcast.block.id,
            "block_title": broadcast.block.title,
            "in_progress": broadcast.progress(now) < 100,
            "started_at": broadcast.at,
            "total_users": broadcast.total,
            "read_users": broadcast.read,
            "clicked_users": broadcast.clicked,
            "failed_users": broadcast.failed,
        }
        for broadcast in sorted(shown, key=lambda one: -one.at)
    ]
