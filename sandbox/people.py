"""Who the users are: the attributes of the bot, and the values that a user has in them."""

from __future__ import annotations

import random
import struct
from array import array
from bisect import bisect
from itertools import accumulate

from sandbox import vocabulary as words
from sandbox.attributes import SHIFT, Attribute, Attributes

# The catalogue does not list `status`, yet the export has it. The volatile fields and the two that never
# change (`chatfuel user id`, `signed up`) are columns of their own in Users, not facts.
_PROFILE = (
    "first name",
    "last name",
    "timezone",
    "gender",
    "locale",
    "source",
    "instagram name",
    "instagram handle",
)
LISTED_SYSTEM_FIELDS = (
    "chatfuel user id", "first name", "last name", "signed up", "last seen", "timezone", "gender", "locale",
    "source", "sessions", "last visited block id", "last visited block name", "instagram name",
    "instagram handle",
)  # fmt: skip
REACHABLE, BLOCKED = "reachable", "blocked"

_NAMED = (
    "segment", "Research answer", "Phone number", "email", "unsubscribed", "bcast_start_rate",
    "bcast_read_rate", "AB_Split", "ab_split", "Favorite color", "favorite_color", "zip_code",
    "Preferred time", "Comment",
)  # fmt: skip

_BAG = 1 << 16
# Every so many attributes one that nobody ever had a value in.
_DEAD = 12


class People:
    """The attributes of a bot and how their values are spread over its users.

    Attributes:
        attributes: All of them.
        status: The status of a user.
        others: The custom attributes without a meaning of their own, the popular ones first.
    """

    def __init__(self, attributes: Attributes, rng: random.Random, custom: int) -> None:
        self.attributes = attributes
        self.status = attributes.add("status", "system", (REACHABLE, BLOCKED), listed=False)
        self._profile = {name: attributes.add(name, "system") for name in _PROFILE}
        self._named = {name: attributes.add(name, "custom") for name in _NAMED}
        self.others = [
            attributes.add(name, "custom", words.attribute_values(rng))
            for name in words.attribute_names(custom - len(_NAMED))
        ]
        self._bag = self._fill_bag(rng)

    def __getitem__(self, name: str) -> Attribute:
        """Return the custom attribute of this name that the bot itself works with."""
        return self._named[name]

    def profile(self, name: str) -> Attribute:
        """Return the system attribute of this name."""
        return self._profile[name]

    def any_fact(self, rng: random.Random) -> int:
        """Return a value in one of the other attributes; popular ones come more often."""
        return rng.choice(self._bag)

    def _fill_bag(self, rng: random.Random) -> list[int]:
        # Drawing from 65,536 prepared facts by two random bytes is what makes a large bot start quickly.
        living = [one for place, one in enumerate(self.others) if place % _DEAD != _DEAD - 1]
        weights = list(accumulate(1 / (place + 4) for place in range(len(living))))
        bag = []
        for number in range(_BAG):
            # Evenly spaced, so that the rarest attribute is in the bag too.
            attribute = living[bisect(weights, (number + 0.5) / _BAG * weights[-1])]
            bag.append(rng.choice(attribute.facts()))
        return bag

    def newcomer(self, rng: random.Random, instagram: bool, settled: bool) -> array:
        """Return the values of a user.

        Args:
            rng: Decides.
            instagram: Came by Instagram, not by Facebook.
            settled: Has been with the bot for a while and collected values; otherwise signs up right now.
        """
        count = rng.randrange(6, 44) if settled else rng.randrange(3, 10)
        bag = self._bag
        facts = {bag[n] >> SHIFT: bag[n] for n in struct.unpack(f"<{count}H", rng.randbytes(2 * count))}
        for attribute, text in self._meaningful(rng, instagram, settled):
            facts[attribute.number] = attribute.fact(text)
        return array("Q", sorted(facts.values()))

    def _meaningful(self, rng: random.Random, instagram: bool, settled: bool):
        chance, choice, named, profile = rng.random, rng.choice, self._named, self._profile
        yield self.status, BLOCKED if settled and chance() < 0.08 else REACHABLE
        first, last = choice(words.FIRST_NAMES), choice(words.LAST_NAMES)
        if instagram:
            yield profile["instagram handle"], f"user.{rng.randrange(10**9)}"
            if chance() < 0.9:
                yield profile["instagram name"], f"{first} {last}"
        else:
            yield profile["first name"], first
            yield profile["last name"], last
            yield profile["gender"], choice(words.GENDERS)
        yield profile["timezone"], choice(words.TIMEZONES)
        yield profile["locale"], choice(words.LOCALES)
        if chance() < 0.6:
            yield profile["source"], choice(words.SOURCES)
        if chance() < 0.95:
            yield named["AB_Split"], str(rng.randrange(1, 101))
        if chance() < 0.1:
            yield named["ab_split"], choice("AB")
        if chance() < 0.15:
            yield named["Favorite color"], choice(words.COLORS)
        if chance() < 0.15:
            yield named["favorite_color"], choice(words.COLORS)
        if chance() < 0.3:
            yield named["zip_code"], f"{rng.randrange(100_000):05d}"
        if not settled:
            return
        if chance() < 0.45:
            yield named["segment"], rng.choices(words.STEPS, (55, 25, 14, 6))[0]
        if chance() < 0.3:
            yield named["Research answer"], choice(words.OPINIONS)
        if chance() < 0.2:
            yield named["Phone number"], words.phone(rng)
        if chance() < 0.18:
            yield named["email"], words.email(rng)
        if chance() < 0.04:
            yield named["unsubscribed"], "yes"
        if chance() < 0.6:
            yield named["bcast_read_rate"], str(rng.randrange(12))
            if chance() < 0.7:
                yield named["bcast_start_rate"], str(rng.randrange(6))
        if chance() < 0.2:
            yield named["Preferred time"], choice(words.HOURS)
        if chance() < 0.15:
            yield named["Comment"], choice(words.NASTY)
