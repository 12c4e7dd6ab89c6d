"""Attributes and their values, stored so that half a million users fit into memory.

A value that a user has is a *fact*: one integer, the attribute's number in the upper bits and the number of
the value among all values of that attribute in the lower ones. A user is a sorted array of facts. Fact 0
stands for no value.
"""

from collections.abc import Iterable

SHIFT = 32
_VALUE = (1 << SHIFT) - 1
NO_FACT = 0


def csv_cell(text: str) -> bytes:
    """Return a text as one CSV cell, quoted only where it must be."""
    if any(character in text for character in ',"\n\r'):
        text = '"' + text.replace('"', '""') + '"'
    return text.encode()


class Attribute:
    """One attribute and every value that any user ever had in it.

    Attributes:
        number: Its place in the catalogue, from 1.
        name: Spelled as the team spelled it.
        type: ``custom`` or ``system``.
        listed: Whether the catalogue lists it now. A retired attribute keeps its values, hidden.
        texts: The values.
        cells: The same values as CSV cells.
    """

    __slots__ = ("_numbers", "cells", "listed", "name", "number", "texts", "type")

    def __init__(self, number: int, name: str, kind: str, listed: bool, texts: Iterable[str]) -> None:
        self.number = number
        self.name = name
        self.type = kind
        self.listed = listed
        self.texts: list[str] = []
        self.cells: list[bytes] = []
        self._numbers: dict[str, int] = {}
        for text in texts:
            self.fact(text)

    def fact(self, text: str) -> int:
        """Return the fact that says: this attribute has this value."""
        number = self._numbers.get(text)
        if number is None:
            number = self._numbers[text] = len(self.texts)
            self.texts.append(text)
            self.cells.append(csv_cell(text))
        return self.number << SHIFT | number

    def facts(self) -> list[int]:
        """Return one fact for every value known so far."""
        return [self.number << SHIFT | number for number in range(len(self.texts))]


class Attributes:
    """All attributes a bot ever had, in the order in which they were made."""

    def __init__(self) -> None:
        self._all: list[Attribute] = []
        self._by_name: dict[tuple[str, str], Attribute] = {}

    def add(self, name: str, kind: str, texts: Iterable[str] = (), listed: bool = True) -> Attribute:
        """Make an attribute; its name must be new for its type."""
        if (kind, name) in self._by_name:
            raise ValueError(f"there is a {kind} attribute named {name!r} already")
        attribute = Attribute(len(self._all) + 1, name, kind, listed, texts)
        self._all.append(attribute)
        self._by_name[kind, name] = attribute
        return attribute

    def __iter__(self):
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def get(self, name: str, kind: str) -> Attribute | None:
        """Return the attribute of this exact name and type, retired ones too."""
        return self._by_name.get((kind, name))

    def numbered(self, number: int) -> Attribute:
        """Return the attribute of this number."""
        return self._all[number - 1]

    def of(self, fact: int) -> Attribute:
        """Return the attribute that a fact is about."""
        return self._all[(fact >> SHIFT) - 1]

    def text(self, fact: int) -> str | None:
        """Return the value that a fact states; none for no fact."""
        return self.of(fact).texts[fact & _VALUE] if fact else None
