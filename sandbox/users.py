"""The users of a bot, by column, so that a copy of them all is cheap."""

from __future__ import annotations

from array import array
from bisect import bisect_left

from sandbox.attributes import NO_FACT, SHIFT, Attribute


class Users:
    """Every user a bot ever had; a user is a number from 0, in the order of signing up.

    Attributes:
        ids: ``chatfuel user id``, text.
        signed_up: Epoch seconds.
        last_seen: Epoch seconds.
        sessions: Count of visits.
        blocks: Number of the last visited block.
        present: 1, or 0 for a deleted user.
        facts: The values of each user, sorted. An array in here is never changed, only replaced, so that a
            copy of this list is a copy of all users.
    """

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.signed_up = array("q")
        self.last_seen = array("q")
        self.sessions = array("I")
        self.blocks = array("I")
        self.present = bytearray()
        self.facts: list[array] = []

    def __len__(self) -> int:
        return len(self.facts)

    def add(self, user_id: str, at: int, facts: array) -> int:
        """Add a user who signs up now, and return the number."""
        self.ids.append(user_id)
        self.signed_up.append(at)
        self.last_seen.append(at)
        self.sessions.append(1)
        self.blocks.append(0)
        self.present.append(1)
        self.facts.append(facts)
        return len(self.facts) - 1

    def fact(self, user: int, attribute: Attribute) -> int:
        """Return the fact of one user in one attribute, or NO_FACT."""
        facts = self.facts[user]
        place = bisect_left(facts, attribute.number << SHIFT)
        if place < len(facts) and facts[place] >> SHIFT == attribute.number:
            return facts[place]
        return NO_FACT

    def replace(self, user: int, attribute: Attribute, fact: int) -> None:
        """Give one user another value in one attribute; NO_FACT takes the value away."""
        facts = self.facts[user]
        place = bisect_left(facts, attribute.number << SHIFT)
        after = place
        if place < len(facts) and facts[place] >> SHIFT == attribute.number:
            after += 1
        self.facts[user] = facts[:place] + array("Q", [fact] if fact else []) + facts[after:]

    def copy(self) -> Users:
        """Return the users as they are now, whatever happens to them afterwards."""
        copy = Users()
        copy.ids = self.ids  # only ever grows, and the copy knows its own length by `facts`
        copy.signed_up = self.signed_up
        copy.last_seen = self.last_seen[:]
        copy.sessions = self.sessions[:]
        copy.blocks = self.blocks[:]
        copy.present = self.present[:]
        copy.facts = self.facts[:]
        return copy
