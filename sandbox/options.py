"""What can be asked of a sandbox."""

from dataclasses import dataclass
from datetime import date

FEWEST_ATTRIBUTES = 40


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of ``python -m sandbox``, with its defaults.

    Attributes:
        port: TCP port on 127.0.0.1; 0 takes a free one.
        users: Users of each bot when the simulation begins, a week before day 0.
        attributes: Custom attributes in the catalogue of day 0.
        seed: Same seed, same bot ids, same day: same bytes.
        start: The date of day 0.
        day: The day to start at.
        token: The token that requests must carry.
        bot_id: One bot id, or several separated by commas.
        document_seconds: How long a generated document can be downloaded.
    """

    port: int = 0
    users: int = 2000
    attributes: int = 300
    seed: int = 7
    start: date = date(2024, 6, 3)
    day: int = 0
    token: str = "sandbox-token"  # noqa: S105
    bot_id: str = "600f453faf2bc20a69e725f9"
    document_seconds: float = 600.0

    def __post_init__(self) -> None:
        if self.users < 1:
            raise ValueError("users must be at least 1")
        if self.attributes < FEWEST_ATTRIBUTES:
            raise ValueError(f"attributes must be at least {FEWEST_ATTRIBUTES}")
        if self.day < 0:
            raise ValueError("day must not be negative")
        if not self.bot_ids or len(set(self.bot_ids)) < len(self.bot_ids):
            raise ValueError("bot_id must name at least one bot, and none twice")

    @property
    def bot_ids(self) -> list[str]:
        """The bot ids, one by one."""
        return [bot_id.strip() for bot_id in self.bot_id.split(",") if bot_id.strip()]
