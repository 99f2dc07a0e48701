"""By which name a pod knows an address: what its resolver told it last, so that a flow can say so.

It is heard of pods that may reach hosts by name alone; it explains and decides nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

_MOST = 16_384

Pod = tuple[str, str, tuple[int, ...]]
"""Namespace, name and addresses: a later pod of the same name has others."""


class Told:
    """The last thousands of names that pods have heard, by pod and address."""

    def __init__(self) -> None:
        self._names: OrderedDict[tuple[Pod, int], str] = OrderedDict()

    def hear(self, pod: Pod, name: str, addresses: Iterable[int]) -> None:
        """Take in that a pod was told a name's addresses."""
        for address in addresses:
            self._names[pod, address] = name
            self._names.move_to_end((pod, address))
        while len(self._names) > _MOST:
            self._names.popitem(last=False)

    def name(self, pod: Pod, address: int) -> str:
        """Give the name by which a pod knows an address, empty when it has not heard of it."""
        return self._names.get((pod, address), "")
