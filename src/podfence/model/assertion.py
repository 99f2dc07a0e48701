"""What somebody expects of a cluster: who may talk to whom, and who may not."""

from __future__ import annotations

import msgspec

from podfence.model.source import Position


class Assertion(msgspec.Struct, frozen=True):
    """Every source may, or may not, reach every destination on every port.

    Ends and ports are texts as ``why`` takes them; no ``ports`` are all traffic. ``only``: and nobody else may.
    """

    name: str
    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    ports: tuple[str, ...]
    allowed: bool
    only: bool
    position: Position
