"""What the team behind the bot does, week by week: broadcasts, new and retired attributes, segments."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

from sandbox import vocabulary as words
from sandbox.attributes import Attribute
from sandbox.audience import EVERYONE, Filter, Parameter, Segment
from sandbox.broadcasts import Broadcast, new_broadcast
from sandbox.clock import DAY, HOUR, moment
from sandbox.people import People
from sandbox.users import Users

SEGMENTS = 40
OLD_BROADCASTS = 12
# A broadcast stands in the scheduled entries this many days before it is sent.
PLANNED_AHEAD = 3

_EVENING = 17 * HOUR + 10 * 60
_MIDDAY = 10 * HOUR + 10 * 60
_EARLY = 6 * HOUR + 10 * 60


def custom(name: str, operation: str, *values: str) -> Parameter:
    """Return a condition on a custom attribute."""
    return Parameter("custom", name, operation, values)


def first_segments(rng: random.Random, people: People) -> dict[str, Segment]:
    """Return the segments that the bot begins with, by id."""
    named = {
        "all_climate": Filter("or", (custom("segment", "is", *words.STEPS),)),
        "leads": Filter("and", (custom("segment", "is", "lead", "hot lead"),)),
        "advocates and heroes": Filter(
            "or", (custom("segment", "is", "advocate"), custom("segment", "is", "hero"))
        ),
        "supporters": Filter("and", (custom("Research answer", "is", "support"),)),
        "undecided": Filter("and", (custom("Research answer", "is_not", "support", "oppose"),)),
        "unsubscribed": Filter("and", (custom("unsubscribed", "is", "yes"),)),
        "readers": Filter("and", (custom("bcast_read_rate", "gt", "0"),)),
        "reachable women, split A": Filter(
            "and",
            (
                Parameter("system", "gender", "is", ("female",)),
                Parameter("system", "status", "is", ("reachable",)),
                custom("ab_split", "is", "A"),
            ),
        ),
    }
    for attribute in people.others[: SEGMENTS - len(named)]:
        named[f"seg {attribute.name}"] = Filter("and", (custom(attribute.name, "is", attribute.texts[0]),))
    segments = [Segment(words.hex_id(rng), name, audience) for name, audience in named.items()]
    return {segment.id: segment for segment in segments}


class Workplace(Protocol):
    """The bot that they run: what they can look at, and do to its catalogue."""

    people: People
    segments: dict[str, Segment]
    users: Users
    add_attribute: Callable[..., Attribute]
    retire_attribute: Callable[[Attribute, int], None]
    bring_back_attribute: Callable[[Attribute, int], None]
    rename_attribute: Callable[[Attribute, str, int], None]


class Team:
    """The people who run the bot.

    Attributes:
        young: The attributes they made lately, the newest last; users begin to have values in them.
        retired: The attributes they took out of the catalogue.
    """

    def __init__(self, bot: Workplace) -> None:
        self._bot = bot
        self.young: list = []
        self.retired: list = []

    def old_broadcasts(self, rng: random.Random, begin: int) -> list[Broadcast]:
        """Return broadcasts of the weeks before the simulation begins, with their final counters."""
        old = []
        for number in range(OLD_BROADCASTS, 0, -1):
            at = begin - begin % DAY - (3 + 4 * number) * DAY + _EVENING
            broadcast = new_broadcast(rng, at, self._audience(number), rng.choice(words.MESSAGES))
            broadcast.total = rng.randrange(len(self._bot.users) // 2 + 1)
            broadcast.failed = broadcast.total // 20
            broadcast.read = (broadcast.total - broadcast.failed) // 2
            broadcast.clicked = broadcast.read // 4
            old.append(broadcast)
        return old

    def broadcasts_of(self, period: int, rng: random.Random, start: int) -> list[Broadcast]:
        """Return what is sent in a period.

        Two or three a week, and in four weeks every oddity once: a block that is removed, no entry, no
        result, a disabled entry, everyone, nobody, two in one second, one that is still in progress at the
        next pull.

        Args:
            period: Which one; it decides what is sent.
            rng: Decides ids and messages.
            start: When the period begins, epoch seconds.
        """
        week, day = divmod(period, 7)
        kind = (week % 4, day)
        morning = start - start % DAY
        evening, early = morning + _EVENING, morning + DAY + _EARLY

        def plan(at: int, audience: Filter, **details) -> Broadcast:
            return new_broadcast(rng, at, audience, rng.choice(words.MESSAGES), **details)

        split = custom("AB_Split", "gt", "50"), custom("AB_Split", "lt", "51")
        climate = self._segment("all_climate")
        if kind == (0, 4):
            return [plan(evening, Filter("and", (climate, split[1])), removed_after=2 * HOUR)]
        if kind == (1, 2):
            return [plan(evening, EVERYONE)]
        if kind == (1, 4):
            return [plan(evening, Filter("and", (climate, half))) for half in split]
        if kind == (1, 6):
            return [plan(evening, Filter("and", (climate, custom("AB_Split", "gt", "200"))))]
        if kind == (2, 2):
            return [plan(early, self._audience(week), duration=4 * HOUR)]
        if kind == (2, 5):
            return [plan(evening, self._audience(week), enabled=False)]
        if kind == (3, 4):
            return [plan(evening, self._audience(1), scheduled=False)]
        if kind == (3, 6):
            return [plan(morning + DAY + 30 * 60, self._audience(2), has_result=False)]
        if day in (2, 4):
            return [plan(evening, self._audience(week * 2 + day // 4))]
        if day == 6 and week % 2 == 0:
            return [plan(morning + _MIDDAY, self._audience(week + 3))]
        return []

    def change_catalogue(self, period: int, at: int, rng: random.Random) -> None:
        """Add, retire, bring back and rename attributes, as the plan has it for this period."""
        week, day = divmod(period, 7)
        bot, others = self._bot, self._bot.people.others
        comes_back = others[(3 + 7 * week) % len(others)]
        goes_for_good = others[(5 + 7 * week) % len(others)]
        if day == 1:
            for number in range(2 + week % 2):
                name = f"{moment(at):%b} {moment(at).day} campaign {number + 1}"
                self.young.append(bot.add_attribute(name, words.attribute_values(rng), at))
            del self.young[:-6]
            self._change_segments(week, rng)
        elif day == 3:
            for attribute in (comes_back, goes_for_good):
                if attribute.listed:
                    bot.retire_attribute(attribute, at)
                    self.retired.append(attribute)
        elif day == 6 and comes_back in self.retired:
            self.retired.remove(comes_back)
            bot.bring_back_attribute(comes_back, at)
        elif day == 5 and week % 2 == 1:
            # Renamed in case only: one attribute goes, another one comes, with the same values.
            for attribute in others[:3]:
                if attribute.listed and attribute.name != attribute.name.upper():
                    bot.rename_attribute(attribute, attribute.name.upper(), at)
                    break

    def _change_segments(self, week: int, rng: random.Random) -> None:
        segments = self._bot.segments
        attribute = self._bot.people.others[(11 + week) % len(self._bot.people.others)]
        audience = Filter("and", (custom(attribute.name, "is", attribute.texts[0]),))
        added = Segment(words.hex_id(rng), f"week {week}: {attribute.name}", audience)
        segments[added.id] = added
        if week % 2 == 1:
            removed = next(one for one in segments.values() if one.name.startswith("week"))
            del segments[removed.id]
            # of a small bot all are renamed some day
            renamed = next((one for one in segments.values() if one.name.startswith("seg ")), None)
            if renamed:
                segments[renamed.id] = Segment(renamed.id, renamed.name.removeprefix("seg "), renamed.filter)

    def _segment(self, name: str) -> Parameter:
        segment = next(one for one in self._bot.segments.values() if one.name == name)
        return Parameter("segment", None, "is", (segment.id,))

    def _audience(self, number: int) -> Filter:
        climate = self._segment("all_climate")
        unsubscribed = Parameter("segment", None, "is_not", self._segment("unsubscribed").values)
        return (
            Filter("and", (climate, custom("AB_Split", "gt", "50"))),
            Filter("or", (self._segment("leads"), self._segment("supporters"))),
            Filter("and", (unsubscribed, Parameter("system", "gender", "is", ("female", "neutral")))),
            Filter(
                "and", (self._segment("readers"), unsubscribed, custom("Research answer", "is_not", "oppose"))
            ),
        )[number % 4]
