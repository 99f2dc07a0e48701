"""Schedules of CronJobs in the words of the parser that the server uses (github.com/robfig/cron/v3)."""

from __future__ import annotations

import re

_NAMED = {
    "month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    "day": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
_FIELDS = ((0, 59, ""), (0, 23, ""), (1, 31, ""), (1, 12, "month"), (0, 6, "day"))
_DESCRIPTORS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_DURATION = re.compile(r"([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+")


def schedule_complaint(schedule: str) -> str:
    """Say what is wrong with a schedule, nothing when it is fine."""
    text = re.sub(r"^(CRON_)?TZ=\S+ +", "", schedule).strip()
    if text.startswith("@"):
        return _descriptor(text)
    fields = text.split()
    if len(fields) != len(_FIELDS):
        return f"expected exactly {len(_FIELDS)} fields, found {len(fields)}: [{' '.join(fields)}]"
    return next((found for field, bounds in zip(fields, _FIELDS, strict=True) if (found := _field(field, bounds))), "")


def _descriptor(text: str) -> str:
    if text in _DESCRIPTORS:
        return ""
    if text.startswith("@every "):
        duration = text.removeprefix("@every ")
        return (
            ""
            if _DURATION.fullmatch(duration)
            else f'failed to parse duration {text}: time: invalid duration "{duration}"'
        )
    return f"unrecognized descriptor: {text}"


Bounds = tuple[int, int, str]


def _field(field: str, bounds: Bounds) -> str:
    return next((found for part in field.split(",") if part and (found := _range(part, bounds))), "")


def _range(part: str, bounds: Bounds) -> str:
    least, most, _ = bounds
    whole, *steps = part.split("/")
    ends = whole.split("-")
    if len(steps) > 1:
        return f"too many slashes: {part}"
    try:
        first, last = _ends(ends, part, bounds)
        step = _number(steps[0], "") if steps else 1
    except _ScheduleError as error:
        return str(error)
    if steps and len(ends) == 1:
        last = most
    if first < least:
        return f"beginning of range ({first}) below minimum ({least}): {part}"
    if last > most:
        return f"end of range ({last}) above maximum ({most}): {part}"
    if first > last:
        return f"beginning of range ({first}) beyond end of range ({last}): {part}"
    return f"step of range should be a positive number: {part}" if step == 0 else ""


class _ScheduleError(ValueError):
    """What the parser says of a part."""


def _ends(ends: list[str], part: str, bounds: Bounds) -> tuple[int, int]:
    least, most, names = bounds
    if ends[0] in {"*", "?"}:
        return least, most
    if len(ends) > 2:
        raise _ScheduleError(f"too many hyphens: {part}")
    first = _number(ends[0], names)
    return first, _number(ends[1], names) if len(ends) == 2 else first


def _number(text: str, names: str) -> int:
    known = _NAMED.get(names, [])
    if text.lower() in known:
        return known.index(text.lower()) + (1 if names == "month" else 0)
    if not re.fullmatch("[+-]?[0-9]+", text):
        raise _ScheduleError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    if int(text) < 0:
        raise _ScheduleError(f"negative number ({int(text)}) not allowed: {text}")
    return int(text)
