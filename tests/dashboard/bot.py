"""Forty days of a small bot, as pulls that dbt builds on."""

from __future__ import annotations

from datetime import date, timedelta

from tests.pipeline.bots import Pull, entry, line, user

FIRST = date(2024, 5, 1)
DAYS = 40
GAPS = {FIRST + timedelta(days=day) for day in (12, 13, 30)}
MARKUP = "<img src=x onerror=\"document.title='broken in'\"> & </script><script>document.title='broken in'</script>"
SECRET_ID = "7878746085532623"


def bot(bot_id="bot_a"):
    """Forty days of a small bot: sign-ups, steps, numbers, blocks, three broadcasts, a gap of two days and one of one."""
    pulls = []
    sent = {
        "b1": FIRST + timedelta(days=5),
        "b2": FIRST + timedelta(days=20),
        "b3": FIRST + timedelta(days=33),
    }
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        if day in GAPS:
            continue
        users = {SECRET_ID: user(bcast_start_rate=str(number % 4), first__name="Wilhelmina")}
        for other in range(1, number + 4):
            since = number - max(0, other - 4)
            users[str(other)] = user(
                signed__up=f"{FIRST + timedelta(days=max(0, other - 4) - 1)} 12:00:00",
                last__seen=f"{day} 06:00:00",
                bcast_read_rate=str((number + other) % 3),
                segment=["", "lead", "hot lead", "advocate", "hero"][min(4, since // (3 + other % 5))],
                research_answer=["support", "oppose", "on the fence"][other % 3],
                phone_number="+1 555 0100" if since > other % 9 else "",
                unsubscribed="yes" if other % 11 == 0 and since > 4 else "",
                status="blocked" if other % 7 == 0 and since > 6 else "reachable",
            )
        recipients = {
            name: (f"{when} 17:10:00", [str(other) for other in range(1, (when - FIRST).days)])
            for name, when in sent.items()
            if day == when + timedelta(days=1)
        }
        lines = [
            {
                **line(f"{when} 17:10:00", name, total=20, read=min(18, (day - when).days), clicked=3),
                "content": text,
            }
            for (name, when), text in zip(sent.items(), [MARKUP, "Zebras, come\nback", ""], strict=True)
            if day > when
        ]
        entries = [
            entry(name, f"{when} 17:10:00")
            for name, when in sent.items()
            if day > when and name not in recipients
        ]
        pulls.append(
            Pull(
                f"{day} 07:30:00",
                users,
                recipients=recipients,
                broadcast_list=lines,
                entries=entries,
                bot_id=bot_id,
            )
        )
    return pulls
