"""A simulated bot: its users live from day to day, and every change goes into the truth log.

What happens in a period is decided by a random generator of that period alone, and happens in order of time.
So a bot that jumps to a day and one that goes there day by day are the same, in every process.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import date
from heapq import heappop, heappush
from itertools import count

from sandbox import truth
from sandbox import vocabulary as words
from sandbox.attributes import NO_FACT, SHIFT, Attribute, Attributes
from sandbox.audience import Segment, select
from sandbox.broadcasts import Block, Broadcast
from sandbox.clock import DAY, HOUR, day_time
from sandbox.people import BLOCKED, LISTED_SYSTEM_FIELDS, REACHABLE, People
from sandbox.team import PLANNED_AHEAD, Team, first_segments
from sandbox.users import Users

FIRST_DAY = -7
_PAGE_IDS = {"facebook": "250781767199001", "instagram": "17841400000000007"}
_INSTAGRAM_SHARE = 0.3
# User ids: a permutation of the numbers below this one, so that they are unique and spread from 10^15 up
# beyond 2^53.
_ID_SPAN = 9_800_000_000_000_000
_ID_STEP = 6_364_136_223_846_793


class Bot:
    """One bot and its users.

    Attributes:
        id: The bot id.
        day: The day it is.
        now: The moment it is, epoch seconds.
        attributes: All attributes, retired ones too.
        people: How values are spread over the users.
        users: All users, deleted ones too.
        segments: The segments by id.
        blocks: The blocks that a visit can end at.
        broadcasts: All broadcasts, planned ones too.
        truth: What happened.
    """

    def __init__(
        self, bot_id: str, place: int, *, users: int, attributes: int, seed: int, start: date
    ) -> None:
        """Make the bot as it was a week before day 0.

        Args:
            bot_id: Its id; two bots with different ids have different data.
            place: Its place among the bots, from 0. Bots share every other user id with the first one.
            users: How many users it begins with.
            attributes: How many custom attributes it begins with.
            seed: Same seed, same bot.
            start: The date of day 0.
        """
        self.id = bot_id
        self.day = FIRST_DAY
        self.now = day_time(start, FIRST_DAY)
        self._place = place
        self._seed = seed
        self._start = start
        self._queue: list[tuple] = []
        self._order = count()
        self._rng = rng = random.Random(f"{seed}/{bot_id}/begin")

        self.attributes = Attributes()
        self.people = People(self.attributes, rng, attributes)
        self.users = Users()
        self.blocks = [Block(words.hex_id(rng), title) for title in words.BLOCK_TITLES]
        self.segments: dict[str, Segment] = first_segments(rng, self.people)
        self.truth = truth.TruthLog()
        self._blocked: dict[int, None] = {}
        self._settle(users)
        self._team = Team(self)
        self.broadcasts: list[Broadcast] = self._team.old_broadcasts(rng, self.now)
        for period in range(FIRST_DAY + 1, FIRST_DAY + 1 + PLANNED_AHEAD):
            self._plan_broadcasts(period)

    # What it looks like now

    def catalogue(self) -> list[tuple[str, str]]:
        """Return name and type of every attribute that the catalogue lists."""
        listed = [(name, "system") for name in LISTED_SYSTEM_FIELDS]
        return listed + [
            (one.name, one.type) for one in self.attributes if one.listed and one.type == "custom"
        ]

    def page_id(self, users: Users, user: int) -> str:
        """Return the page that a user wrote to."""
        instagram = users.fact(user, self.people.profile("instagram handle"))
        return _PAGE_IDS["instagram" if instagram else "facebook"]

    def block(self, block_id: str) -> Block | None:
        """Return the block of this id, removed ones too."""
        every = (block for block in (*self.blocks, *(one.block for one in self.broadcasts)))
        return next((block for block in every if block.id == block_id), None)

    # Time

    def time(self, day: int) -> int:
        """Return the moment of a day, epoch seconds."""
        return day_time(self._start, day)

    def move_to(self, day: int) -> None:
        """Live on until a day that is not before today."""
        while self.day < day:
            self._live(self.day + 1)

    def _live(self, period: int) -> None:
        end = self.time(period)
        self._rng = random.Random(f"{self._seed}/{self.id}/{period}")
        self._plan(period, self.now, end)
        while self._queue and self._queue[0][0] <= end:
            at, _, action, arguments = heappop(self._queue)
            action(at, *arguments)
        self.day, self.now = period, end

    def _at(self, at: int, action: Callable, *arguments) -> None:
        heappush(self._queue, (at, next(self._order), action, arguments))

    def _plan(self, period: int, start: int, end: int) -> None:
        rng, users = self._rng, len(self.users)

        def sometime(action: Callable, *arguments) -> int:
            at = rng.randrange(start + 1, end + 1)
            self._at(at, action, *arguments)
            return at

        for number in range(max(3, users // 250)):
            sometime(self._sign_up, number % 3 == 0)
        for _ in range(max(8, users // 30)):
            sometime(self._visit, self._someone())
        for _ in range(max(1, users // 700)):
            sometime(self._block, self._someone())
        blocked = list(self._blocked)
        for _ in range(min(len(blocked), max(1, len(blocked) // 40))):
            sometime(self._unblock, rng.choice(blocked))
        for _ in range(max(1, users // 1500)):
            user = self._someone()
            at = sometime(self._delete, user)
            if rng.random() < 0.35:
                self._at(at + rng.randrange(6 * HOUR, 10 * DAY), self._restore, user)
        self._plan_oddities(start, end)
        # Day 0 has exactly the attributes that were asked for.
        if period > 0:
            self._at(start + 3 * HOUR, self._change_catalogue, period)
        self._plan_broadcasts(period + PLANNED_AHEAD)

    def _plan_oddities(self, start: int, end: int) -> None:
        """Plan what is rare by chance, but must happen: several changes between two pulls."""
        rng = self._rng
        color, opinion, step = (
            self.people["Favorite color"],
            self.people["Research answer"],
            self.people["segment"],
        )

        def moments() -> list[int]:
            return sorted(rng.sample(range(start + 1, end + 1), 3))

        def value(user: int, attribute: Attribute) -> str | None:
            return self.attributes.text(self.users.fact(user, attribute))

        def other(attribute: Attribute, user: int) -> str:
            now = value(user, attribute)
            return rng.choice([text for text in attribute.texts if text != now])

        first, second, third = moments()
        user = self._someone(color)
        self._at(first, self._set, user, color, other(color, user))
        self._at(second, self._set, user, color, value(user, color))

        first, second, third = moments()
        user = self._someone(color)
        for at, text in zip((first, second, third), rng.sample(words.COLORS, 3), strict=True):
            self._at(at, self._set, user, color, text)

        first, second, third = moments()
        user = self._someone(opinion)
        self._at(first, self._set, user, opinion, None)
        self._at(second, self._set, user, opinion, value(user, opinion))

        first, second, third = moments()
        user = self._someone(step)
        self._at(first, self._set, user, step, None)

        first, second, third = moments()
        self._at(first, self._sign_up, False, second, self._delete)
        self._at(second, self._sign_up, True, third, self._block)

        first, second, third = moments()
        user = self._someone()
        self._at(first, self._delete, user)
        self._at(third, self._restore, user)

        first, second, third = moments()
        user = self._someone()
        self._at(first, self._block, user)
        self._at(third, self._unblock, user)

        for attribute in self._team.retired[-2:]:
            user = self._someone(attribute)
            self._at(first, self._set, user, attribute, rng.choice(attribute.texts))
            self._at(second, self._set, self._someone(attribute), attribute, None)
            self._at(third, self._set, self._someone(), attribute, rng.choice(attribute.texts))

    def _plan_broadcasts(self, period: int) -> None:
        for broadcast in self._team.broadcasts_of(period, self._rng, self.time(period - 1)):
            if broadcast.enabled:
                self._at(broadcast.at, self._send, len(self.broadcasts))
            self.broadcasts.append(broadcast)

    def _someone(self, attribute: Attribute | None = None) -> int:
        """Return a user who is there and reachable and, if one can be found, has a value in the attribute."""
        users, found = self.users, 0
        for _ in range(300):
            user = self._rng.randrange(len(users))
            if self._is_reachable(user):
                found = user
                if attribute is None or users.fact(user, attribute):
                    break
        return found

    def _is_reachable(self, user: int) -> bool:
        return bool(self.users.present[user]) and user not in self._blocked

    # What users do. Each takes the moment first.

    def _settle(self, number: int) -> None:
        rng, users, now = self._rng, self.users, self.now
        blocked = self.people.status.fact(BLOCKED)
        for _ in range(number):
            facts = self.people.newcomer(rng, rng.random() < _INSTAGRAM_SHARE, settled=True)
            signed_up = now - 1 - int(rng.random() * 700 * DAY)
            user = users.add(self._next_id(), signed_up, facts)
            users.last_seen[user] = signed_up + int(rng.random() * (now - signed_up))
            users.sessions[user] = int(rng.random() * 40) + 1
            users.blocks[user] = int(rng.random() * len(self.blocks))
            if blocked in facts:
                self._blocked[user] = None

    def _next_id(self) -> str:
        person = len(self.users)
        if self._place and person % 2:
            person += self._place * 10**9
        return str(10**15 + (person * _ID_STEP + self._seed) % _ID_SPAN)

    def _sign_up(self, at: int, instagram: bool, later: int = 0, action: Callable | None = None) -> None:
        facts = self.people.newcomer(self._rng, instagram, settled=False)
        user = self.users.add(self._next_id(), at, facts)
        self.truth.record(at, truth.SIGNED_UP, user)
        for fact in facts:
            self.truth.record(at, truth.ATTRIBUTE, user, NO_FACT, fact)
        self.truth.record(at, truth.SEEN, user)
        if action:
            self._at(later, action, user)

    def _visit(self, at: int, user: int) -> None:
        if self._is_reachable(user):
            self._see(at, user, int(self._rng.random() * len(words.BLOCK_TITLES)))
            self._react(at, user)

    def _see(self, at: int, user: int, block: int) -> None:
        self.users.last_seen[user] = at
        self.users.sessions[user] += 1
        self.users.blocks[user] = block
        self.truth.record(at, truth.SEEN, user)

    def _react(self, at: int, user: int) -> None:
        rng, people = self._rng, self.people
        chance = rng.random()
        if chance < 0.30:
            self._edit(at, user)
        elif chance < 0.38:
            self._step(at, user)
        elif chance < 0.42:
            self._set(at, user, people["Research answer"], rng.choice(words.OPINIONS))
        elif chance < 0.45:
            self._set(at, user, people["Phone number"], words.phone(rng))
        elif chance < 0.48:
            self._set(at, user, people["email"], words.email(rng))
        elif chance < 0.49:
            leaves = not self.users.fact(user, people["unsubscribed"])
            self._set(at, user, people["unsubscribed"], "yes" if leaves else None)
        elif chance < 0.50:
            self._set(at, user, people.profile("timezone"), rng.choice(words.TIMEZONES))
        elif chance < 0.51:
            name = (
                "instagram name" if self.users.fact(user, people.profile("instagram handle")) else "last name"
            )
            self._set(at, user, people.profile(name), rng.choice(words.LAST_NAMES))
        elif chance < 0.53:
            self._set(at, user, people["Comment"], rng.choice(words.NASTY))

    def _edit(self, at: int, user: int) -> None:
        """Acquire, change or lose a value in one of the attributes without a meaning."""
        rng, young = self._rng, self._team.young
        chance = rng.random()
        if young and chance < 0.3:
            attribute = rng.choice(young)
            self._set(at, user, attribute, rng.choice(attribute.texts))
            return
        others = self.people.others
        facts = [f for f in self.users.facts[user] if others[0].number <= f >> SHIFT <= others[-1].number]
        if not facts or chance < 0.65:
            fact = self.people.any_fact(rng)
            self._set(at, user, self.attributes.of(fact), self.attributes.text(fact))
            return
        attribute = self.attributes.of(rng.choice(facts))
        self._set(at, user, attribute, rng.choice(attribute.texts) if chance < 0.85 else None)

    def _step(self, at: int, user: int) -> None:
        """Move up the engagement steps by one, seldom down."""
        segment = self.people["segment"]
        now = self.attributes.text(self.users.fact(user, segment))
        place = words.STEPS.index(now) if now else -1
        place += -1 if place > 0 and self._rng.random() < 0.15 else 1
        self._set(at, user, segment, words.STEPS[min(place, len(words.STEPS) - 1)])

    def _block(self, at: int, user: int) -> None:
        if self._is_reachable(user):
            self._blocked[user] = None
            self._set(at, user, self.people.status, BLOCKED)

    def _unblock(self, at: int, user: int) -> None:
        if self.users.present[user] and user in self._blocked:
            del self._blocked[user]
            self._set(at, user, self.people.status, REACHABLE)
            self._visit(at, user)

    def _delete(self, at: int, user: int) -> None:
        if self.users.present[user]:
            self.users.present[user] = 0
            self.truth.record(at, truth.DELETED, user)

    def _restore(self, at: int, user: int) -> None:
        if not self.users.present[user]:
            self.users.present[user] = 1
            self.truth.record(at, truth.RESTORED, user)
            self._visit(at, user)

    def _set(self, at: int, user: int, attribute: Attribute, text: str | None) -> None:
        old = self.users.fact(user, attribute)
        new = NO_FACT if text is None else attribute.fact(text)
        if old != new and self.users.present[user]:
            self.users.replace(user, attribute, new)
            self.truth.record(at, truth.ATTRIBUTE, user, old, new)

    # Broadcasts

    def _send(self, at: int, number: int) -> None:
        broadcast, chance, blocked = self.broadcasts[number], self._rng.random, self._blocked
        block = len(self.blocks)
        self.blocks.append(broadcast.block)
        broadcast.recipients = select(broadcast.block.filter, self, self.users)
        broadcast.total = len(broadcast.recipients)
        self.truth.record(at, truth.BROADCAST_SENT, number)
        for user in broadcast.recipients:
            if user in blocked:
                broadcast.failed += 1
                continue
            luck = chance()
            if luck < 0.37:
                later = at + 20 + min(int(self._rng.expovariate(1 / (30 * HOUR))), 6 * DAY)
                if luck < 0.36:
                    self._at(later, self._open, user, number, block)
                elif luck < 0.365:
                    self._at(later, self._block, user)
                else:
                    self._at(later, self._set, user, self.people["unsubscribed"], "yes")
        if broadcast.removed_after is not None:
            self._at(at + broadcast.removed_after, self._remove_block, number)

    def _open(self, at: int, user: int, number: int, block: int) -> None:
        if not self._is_reachable(user):
            return
        self.broadcasts[number].read += 1
        self._see(at, user, block)
        self._count_up(at, user, self.people["bcast_read_rate"])
        if self._rng.random() < 0.3:
            self._at(at + 5 + int(self._rng.random() * 600), self._click, user, number)

    def _click(self, at: int, user: int, number: int) -> None:
        if not self._is_reachable(user):
            return
        self.broadcasts[number].clicked += 1
        self._count_up(at, user, self.people["bcast_start_rate"])
        for _ in range(3):
            self._react(at, user)

    def _count_up(self, at: int, user: int, attribute: Attribute) -> None:
        now = self.attributes.text(self.users.fact(user, attribute))
        self._set(at, user, attribute, str(int(now or 0) + 1))

    def _remove_block(self, at: int, number: int) -> None:
        self.broadcasts[number].block.removed = True

    # The catalogue

    def _change_catalogue(self, at: int, period: int) -> None:
        self._team.change_catalogue(period, at, self._rng)

    def add_attribute(self, name: str, texts: Iterable[str], at: int) -> Attribute:
        """Let the team make an attribute; nobody has a value in it yet."""
        attribute = self.attributes.add(name, "custom", texts)
        self.truth.record(at, truth.ATTRIBUTE_ADDED, attribute.number)
        return attribute

    def retire_attribute(self, attribute: Attribute, at: int) -> None:
        """Let the team take an attribute out of the catalogue; its values stay, hidden."""
        attribute.listed = False
        self.truth.record(at, truth.ATTRIBUTE_RETIRED, attribute.number)

    def bring_back_attribute(self, attribute: Attribute, at: int) -> None:
        """Let the team put a retired attribute back into the catalogue."""
        attribute.listed = True
        self.truth.record(at, truth.ATTRIBUTE_ADDED, attribute.number)

    def rename_attribute(self, attribute: Attribute, name: str, at: int) -> None:
        """Let the team rename an attribute: it is retired, and a new one takes its values over."""
        self.retire_attribute(attribute, at)
        renamed = self.add_attribute(name, attribute.texts, at)
        for user in range(len(self.users)):
            fact = self.users.fact(user, attribute)
            if fact:
                self._set(at, user, renamed, self.attributes.text(fact))
