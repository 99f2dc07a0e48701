"""How a default is written down: a function that fills one object in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Object = dict[str, Any]
Default = Callable[[Object], None]
"""Fills in what a settled object lacks; inner objects are replaced, never changed, for they may be shared."""


def fill(value: Object, **defaults: object) -> None:
    """Set what is absent."""
    for name, default in defaults.items():
        value.setdefault(name, default)


def filling(**defaults: object) -> Default:
    """Make a default of fixed values."""
    return lambda value: fill(value, **defaults)


def fill_inner(value: Object, name: str, **defaults: object) -> Object:
    """Set what is absent in an object inside, which is made if need be; gives the new inner object."""
    inner = dict(value.get(name) or {})
    fill(inner, **defaults)
    value[name] = inner
    return inner
