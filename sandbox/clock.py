"""Time in the sandbox: whole seconds since the epoch, UTC, and no wall clock.

Day ``n`` is the moment ``start + n days`` at 07:30:00 UTC. Period ``n`` is what happens after day ``n - 1``
and up to and including day ``n``.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache

HOUR = 3600
DAY = 24 * HOUR
_MORNING = 7 * HOUR + 30 * 60


def day_time(start: date, day: int) -> int:
    """Return the moment of a day in epoch seconds."""
    return int(datetime(start.year, start.month, start.day, tzinfo=UTC).timestamp()) + day * DAY + _MORNING


def moment(epoch: int) -> datetime:
    """Return epoch seconds as an aware UTC datetime."""
    return datetime.fromtimestamp(epoch, tz=UTC)


def iso(epoch: int) -> str:
    """Return epoch seconds as ``2024-06-03T07:30:00Z``."""
    return moment(epoch).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp(epoch: int) -> str:
    """Return epoch seconds the way Chatfuel's downloads write them: ``2024-06-05 14:42:16``."""
    day, second = divmod(epoch, DAY)
    return f"{_date(day)} {second // HOUR:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


@cache
def _date(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()
