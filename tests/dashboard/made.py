"""A page of made numbers: a month of pulls, a day without one, groups too small to show, a broadcast that is not ripe."""

from __future__ import annotations

DAYS = [f"2024-05-{day:02}" for day in range(1, 32)]
STEPS = "lead,hot_lead,advocate,hero"


def table(columns, *rows):
    return (
        dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
        if rows
        else {name: [] for name in columns}
    )


def tables():
    """What the queries of the dashboard would give."""
    followed = [
        "seen",
        "active_users",
        "phone_numbers",
        "emails",
        "moved_up",
        "unsubscribed",
        "blocked",
        "left",
    ]
    moves = ["at_start", "appeared", "returned", "unblocked", "blocked", "disappeared", "at_end"]
    kpis = ["new_subscribers", "active_users", "blocked", "unsubscribed", "support", "oppose"]
    return {
        "settings": table(
            ["engagement_steps", "opinions", "timezone", "attribution_days", "min_group"],
            (STEPS, "support,on_the_fence,oppose", "Europe/Berlin", 7, 10),
        ),
        "pulls": table(
            ["bot_id", "date", "pulled_at", "users", "attributes"],
            *(("bot", day, f"{day}T07:30:00Z", 1200, 5) for day in DAYS),
        ),
        "kpis": table(
            ["bot_id", "date", "kpi", "platform", "pull_count", "users", "total_users"],
            *(
                ("bot", day, kpi, platform, 1, users, 100 * users)
                for kpi in kpis
                for platform, users in (("all", 10), ("facebook", 7), ("instagram", 3))
                for day in DAYS
            ),
        ),
        # grows by one a day; no pull on the 3rd, and the 4th stands for two days
        "base": table(
            ["bot_id", "date", "pull_count", "window_days", *(f"reachable_{move}" for move in moves)],
            *(
                ("bot", day, 0, *[None] * 8)
                if day == DAYS[2]
                else ("bot", day, 1, 2.0 if day == DAYS[3] else 1.0, number, 3, 1, 1, 2, 2, number + 1)
                for day, number in zip(DAYS, [1000, 1001, None, *range(1002, 1030)], strict=True)
            ),
        ),
        "ages": table(
            ["bot_id", "broadcast_key", "age_days", "matures_at", "is_mature", "recipients", "open_rate", "click_rate",
             "compared_broadcasts", "usual_open_rate", "usual_click_rate"],
            ("bot", "b1", 1, "2024-05-11T17:10:00Z", True, 1000, 0.2, 0.05, 0, None, None),
            ("bot", "b1", 2, "2024-05-12T17:10:00Z", True, 1000, 0.3, 0.08, 0, None, None),
            ("bot", "b2", 1, "2024-05-29T17:10:00Z", True, 1000, 0.12, 0.07, 1, 0.2, 0.05),
            ("bot", "b2", 2, "2024-05-30T17:10:00Z", True, 1000, 0.26, 0.09, 1, 0.3, 0.08),
            ("bot", "b2", 3, "2024-05-31T17:10:00Z", False, None, None, None, 0, None, None),
        ),
        "unusual": table(
            ["bot_id", "date", "kpi", "users", "usual_users", "expected_from", "expected_to", "spreads_off", "compared_days",
             "nearest_broadcast_key"],
            ("bot", DAYS[28], "blocked", 40, 10.0, 0.5, 19.5, 9.5, 4, "b2"),
            ("bot", DAYS[20], "active_users", 0, 40.0, 20.0, 60.0, -6.3, 3, None),
        ),
        "bots": table(["bot_id", "bot_name"], ("bot", "The campaign")),
        "hours": table(
            ["bot_id", "weekday", "local_hour", "event_count"],
            ("bot", 1, 7, 30),
            ("bot", 7, 23, None),
        ),
        "pace": table(["bot_id", "weeks", "change_a_week"], ("bot", 3, -6.7)),
        "definitions": table(
            ["name", "description"],
            ("kpis.reachable_blocked", "Users who <b>blocked</b> the bot."),
            ("kpis.blocked", "Blocked it."),
            ("values.users", "Users of any KPI."),
        ),
        "transitions": table(
            ["bot_id", "date", "from_step", "to_step", "users"],
            ("bot", DAYS[8], "none", "lead", 12),
            ("bot", DAYS[9], "none", "lead", None),
            ("bot", DAYS[9], "lead", "advocate", None),
        ),
        "broadcasts": table(
            ["bot_id", "broadcast_key", "sent_at", "sent_after", "date", "message", "audience", "recipients", "opened", "clicked",
             "failed", "open_rate", "click_rate", "failure_rate", "known_recipients", *(f"followed_by_{name}" for name in followed), "not_told", "matures_at", "is_mature"],
            ("bot", "b2", "2024-05-28T17:10:00Z", None, DAYS[27], "Come", "all", 1000, 120, 10, 9, 0.12, 0.01, 0.009, 990,
             None, 99, None, *[99] * (len(followed) - 3), "", "2024-06-04T17:10:00Z", False),
            ("bot", "b1", "2024-05-10T17:10:00Z", None, DAYS[9], "=1+1", "all " * 60, 1000, 500, 100, 9, 0.5, 0.1, 0.009, 990,
             *[20] * len(followed), "", "2024-05-17T17:10:00Z", True),
        ),
        "cohorts": table(
            ["bot_id", "date", "age_weeks", "cohort_users", "reachable_users", "seen_users", "is_whole_cohort", "is_whole_week"],
            ("bot", "2024-04-22", 5, 50, 50, 50, False, True),
            ("bot", "2024-05-20", 0, 100, 90, 80, True, True),
            ("bot", "2024-05-20", 1, 100, 70, None, True, False),
            ("bot", "2024-05-27", 0, None, None, None, True, False),
        ),
        "catalogue": table(["bot_id", "date", "attribute_name", "change"]),
        "attributes": table(["bot_id", "attributes", "empty_attributes", "still_attributes"], ("bot", 5, 0, 0)),
    }  # fmt: skip
