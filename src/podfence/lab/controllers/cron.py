"""Schedules of CronJobs: the five fields of cron, and when they next come true. Pure; times are UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 6))
_NAMES = {
    "month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    "day of week": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
_SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MOST_DAYS = 366 * 8
"""February 29 comes again after at most eight years."""


class Schedule(msgspec.Struct, frozen=True):
    """What each field allows; a day may fit by month or by week where both are restricted, as cron has it."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def next_after(self, moment: datetime) -> datetime | None:
        """Give the first time after a moment, ``None`` when there is none (February 30)."""
        day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        for offset in range(_MOST_DAYS):
            date = day + timedelta(days=offset)
            if date.month in self.months and self._has_day(date):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        time = date.replace(hour=hour, minute=minute)
                        if time > moment:
                            return time
        return None

    def _has_day(self, date: datetime) -> bool:
        by_month, by_week = date.day in self.days, date.isoweekday() % 7 in self.weekdays
        is_restricted = len(self.days) < 31 and len(self.weekdays) < 7
        return by_month or by_week if is_restricted else by_month and by_week


def parse_schedule(text: str) -> Schedule:
    """Read five fields or a shorthand such as ``@hourly``; raises ``ValueError`` with what is wrong."""
    parts = _SHORTHANDS.get(text.strip(), text).split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"expected exactly 5 fields, found {len(parts)}: {text!r}")
    sets = [_field(part, *field) for part, field in zip(parts, _FIELDS, strict=True)]
    return Schedule(*sets)


def at(now_s: float) -> datetime:
    """Give a moment of the clock as a time."""
    return datetime.fromtimestamp(now_s, UTC)


def _field(text: str, name: str, first: int, last: int) -> frozenset[int]:
    found: set[int] = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        low, _, high = span.partition("-")
        if span in {"*", "?"}:
            start, end = first, last
        else:
            start = _number(low, name)
            end = _number(high, name) if high else (last if step else start)
        every = int(step) if step.isdecimal() else 1 if not step else 0
        if not first <= start <= end <= last + (name == "day of week") or every < 1:
            raise ValueError(f"{name} {item!r} is not within {first} to {last}")
        found |= {value % 7 if name == "day of week" else value for value in range(start, end + 1, every)}
    return frozenset(found)


def _number(text: str, name: str) -> int:
    names = _NAMES.get(name, [])
    if text.lower() in names:
        return names.index(text.lower()) + (name == "month")
    if not text.isdecimal():
        raise ValueError(f"{name} {text!r} is no number")
    return int(text)
