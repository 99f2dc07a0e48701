"""Who owns an address: pod, node, or Service; built from a snapshot and kept up to date by changes.

Pods of the host's network have their node's address and are never owners. It refers to the objects that the
snapshot holds anyway, so that an address costs one entry of a table. Of addresses that pods lost the last thousands
are remembered: the end of a connection is told when its pod may be gone, and its address another's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from podfence.model.change import Change
from podfence.model.objects import Node, Pod, Service
from podfence.model.snapshot import Snapshot

Owner = Pod | Node | Service


_MOST_FORMER = 4096


class _Former(NamedTuple):
    pod: Pod
    until_s: float


class Owners:
    """Addresses (``model.net``) and their owners; where several claim one, whoever came last.

    ``clock`` gives seconds since the epoch.
    """

    def __init__(self, snapshot: Snapshot | None = None, clock: Callable[[], float] = time.time) -> None:
        self._owners: dict[int, Owner] = {}
        self._former: dict[int, _Former] = {}
        self._clock = clock
        if snapshot is not None:
            self.load(snapshot)

    def load(self, snapshot: Snapshot) -> None:
        """Begin anew from a whole cluster."""
        self._owners.clear()
        for owner in _owners_in(snapshot):
            self._add(owner, {})

    def owner(self, address: int) -> Owner | None:
        """Find the owner of an address, ``None`` when nobody in the cluster has it."""
        return self._owners.get(address)

    def owner_at(self, address: int, time_s: float) -> Owner | None:
        """Find who owned an address at a time: a pod that has lost it since, or who owns it now."""
        former, owner = self._former.get(address), self._owners.get(address)
        if former is not None and (owner is None or time_s <= former.until_s):
            return former.pod
        return owner

    def apply(self, changes: Iterable[Change]) -> dict[int, Pod]:
        """Follow changes in their order; gives the addresses that pods lost, each with the pod that had it.

        An address that went from one pod to the next is among them: its connections are those of the first.
        """
        lost: dict[int, Pod] = {}
        for change in changes:
            self._remove(change, lost)
            if isinstance(change.after, Owner):
                self._add(change.after, lost)
        self._remember(lost)
        return lost

    def _remember(self, lost: Mapping[int, Pod]) -> None:
        now_s = self._clock()
        for address, pod in lost.items():
            self._former.pop(address, None)
            self._former[address] = _Former(pod, now_s)
        for address in list(islice(self._former, max(0, len(self._former) - _MOST_FORMER))):
            del self._former[address]

    def _add(self, owner: Owner, lost: dict[int, Pod]) -> None:
        for address in addresses_of(owner):
            former = self._owners.get(address)
            if isinstance(former, Pod) and not _is_same(former, owner):
                lost[address] = former
            self._owners[address] = owner

    def _remove(self, change: Change, lost: dict[int, Pod]) -> None:
        gone, after = change.before, change.after
        if not isinstance(gone, Owner):
            return
        kept = addresses_of(after) if isinstance(after, Owner) else ()
        for address in set(addresses_of(gone)).difference(kept):
            if _is_same(self._owners.get(address), gone):
                del self._owners[address]
                if isinstance(gone, Pod):
                    lost[address] = gone


def addresses_of(owner: Owner) -> tuple[int, ...]:
    """List the addresses that tell an owner: none for a pod of the host's network."""
    return () if isinstance(owner, Pod) and owner.host_network else owner.addresses


def _owners_in(snapshot: Snapshot) -> Iterator[Owner]:
    # A pod wins over a stale Service or node that still claims its address.
    yield from snapshot.services
    yield from snapshot.nodes
    yield from snapshot.pods


def _is_same(owner: Owner | None, other: Owner) -> bool:
    if owner is None or type(owner) is not type(other):
        return False
    return owner is other or _identity(owner) == _identity(other)


def _identity(owner: Owner) -> tuple[str, str]:
    return ("" if isinstance(owner, Node) else owner.namespace, owner.name)
