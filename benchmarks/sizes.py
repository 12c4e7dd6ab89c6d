"""How much the benchmark measures."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.daily_build import Shape


class Size(NamedTuple):
    """How much is measured.

    Attributes:
        bot: The bot of the daily build.
        wide_users: Users of the export that every way of conversion is measured on.
        repeats: How often a conversion is measured.
        growth_bot: The bot that growth starts from.
        backlog: Pulls that are worked off at once.
        days: The days, after the second, whose build is measured.
        dashboard_days: Days of the dashboard.
        parts: What is measured unless parts are named. A small bot has no growth to see: dbt's own work is all that it costs.
    """

    bot: Shape
    wide_users: int
    repeats: int
    growth_bot: Shape
    backlog: int
    days: tuple[int, ...]
    dashboard_days: int
    parts: tuple[str, ...] = ("daily_build", "wide_to_long", "whole_pull", "growth")
