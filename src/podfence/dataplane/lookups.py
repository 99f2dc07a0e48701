"""What pods of this node were told by their resolvers: which addresses a name has, and until when that counts.

Each pod has its own: what one pod looked up opens nothing to another. The kernel keeps what is here in sets whose
elements end by themselves some time after, so that nothing stays open when nobody looks after it any more.
"""

from __future__ import annotations

import enum
import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator

import msgspec

from podfence.dataplane.objects import Element
from podfence.model.net import parse_address

SHORTEST_S = 60.0
"""An answer counts at least so long, for a program may well connect a while after it has asked."""
LONGEST_S = 86_400.0
KEPT_S = 60.0
"""So much longer it counts, again and again, while a connection to the address lives."""
OVERTIME_S = 300.0
"""So much later the kernel forgets by itself what nobody took out."""
MOST_OF_POD = 4_096
MOST_IN_ALL = 100_000

Key = tuple[str, str, int]
"""A pod as ``namespace/name``, a name, and an address on the address line."""


class Answer(msgspec.Struct, frozen=True):
    """What the resolver told the pod at ``asker``: a name has each of ``addresses``, for so many seconds."""

    asker: int
    name: str
    addresses: tuple[int, ...]
    ttl_s: int


class Need(enum.Enum):
    """What an answer is to a pod: nothing to its policies, known already, or to be learnt before it has it."""

    NONE = "none"
    KNOWN = "known"
    NEW = "new"


class Left(msgspec.Struct, frozen=True):
    """An element that an earlier agent left in the set of a name: its key, comment and seconds to live."""

    key: str
    comment: str
    expires_s: int


class _Known(msgspec.Struct):
    expires_s: float
    kernel_until_s: float
    timeout_s: int
    renewal: int = 0


class Lookups:
    """What is known of each pod; times are seconds of any clock that never goes back.

    ``evicted`` counts what had to go early for want of room: of the pod that has most, the soonest to end first.
    """

    def __init__(self) -> None:
        self.evicted = 0
        self._crowded: set[str] = set()
        self._hosts: dict[str, dict[str, dict[int, _Known]]] = {}
        self._sizes: dict[str, int] = {}
        self._told: dict[int, Counter[str]] = {}
        self._next_due_s = float("inf")
        self._restored: dict[str, set[int]] = {}

    def __len__(self) -> int:
        return sum(self._sizes.values())

    @property
    def next_due_s(self) -> float:
        """Tell when ``expired`` has something to give, or a little earlier."""
        return self._next_due_s

    def names_of(self, pod: str) -> Collection[str]:
        """Name what a pod knows addresses of."""
        return self._hosts.get(pod, {})

    def hosts(self, pod: str, name: str) -> Iterator[tuple[int, Element]]:
        """Give the addresses that a name has for a pod, with what stands beside each in the kernel."""
        for address, known in self._hosts[pod][name].items():
            yield address, Element(f"{pod} {name}", timeout_s=known.timeout_s, renewal=known.renewal)

    def told_of(self, address: int) -> Collection[str]:
        """Name the pods that were told of an address."""
        return self._told.get(address, {})

    def learn(self, pod: str, answer: Answer, now_s: float) -> None:
        """Take an answer in; it stays, whatever has to go for it."""
        lifetime_s = _lifetime_s(answer)
        for address in answer.addresses:
            self._put(pod, answer.name, address, now_s, now_s + lifetime_s)
        kept = frozenset((pod, answer.name, address) for address in answer.addresses)
        self._make_room(pod, self._sizes[pod] - MOST_OF_POD, kept)
        if (excess := len(self) - MOST_IN_ALL) > 0:
            self._make_room(max(self._sizes, key=self._sizes.__getitem__), excess, kept)

    def knows(self, pod: str, answer: Answer, now_s: float) -> bool:
        """Tell whether all of an answer counts already, for half of its time at least."""
        known = self._hosts.get(pod, {}).get(answer.name, {})
        until_s = now_s + _lifetime_s(answer) / 2
        found = (known.get(address) for address in answer.addresses)
        return all(one is not None and one.expires_s >= until_s for one in found)

    def restore(self, left: Iterable[Left], now_s: float) -> None:
        """Take back what an earlier agent knew, as far as its elements tell."""
        for element in left:
            pod, _, name = element.comment.partition(" ")
            own, _, address = element.key.partition(" . ")
            lifetime_s = element.expires_s - OVERTIME_S
            # A comment that was cut to fit ends in dots, and no name does.
            if name and lifetime_s > 0 and not name.endswith("..."):
                self._put(pod, name, parse_address(address), now_s, now_s + lifetime_s)
                self._restored.setdefault(pod, set()).add(parse_address(own))

    def take_crowded(self) -> Collection[str]:
        """Give the pods of which something had to go since the last call."""
        found, self._crowded = self._crowded, set()
        return found

    def settle(self, addresses_of: Callable[[str], Collection[int]]) -> list[str]:
        """Forget pods that are gone, and what was restored of one that has other addresses: that is another pod.

        Gives those that were forgotten.
        """
        forgotten = []
        for pod in list(self._hosts):
            own, restored = addresses_of(pod), self._restored.get(pod)
            if not own or (restored is not None and restored.isdisjoint(own)):
                forgotten.append(pod)
                self.forget(pod)
        self._restored.clear()
        return forgotten

    def expired(self, now_s: float) -> list[Key]:
        """List what counts no longer unless it is kept; what is listed is due until it is kept or dropped."""
        found, soonest_s = [], float("inf")
        for pod, names in self._hosts.items():
            for name, hosts in names.items():
                for address, known in hosts.items():
                    if known.expires_s <= now_s:
                        found.append((pod, name, address))
                    else:
                        soonest_s = min(soonest_s, known.expires_s)
        self._next_due_s = soonest_s
        return found

    def keep(self, key: Key, now_s: float) -> None:
        """Let something count for a while more."""
        pod, name, address = key
        self._put(pod, name, address, now_s, now_s + KEPT_S)

    def drop(self, key: Key) -> None:
        """Let something count no longer."""
        pod, name, address = key
        names = self._hosts[pod]
        del names[name][address]
        self._sizes[pod] -= 1
        self._unnote(pod, address)
        if not names[name]:
            del names[name]
        if not names:
            self.forget(pod)

    def forget(self, pod: str) -> None:
        """Forget all that a pod was told."""
        for hosts in self._hosts.pop(pod, {}).values():
            for address in hosts:
                self._unnote(pod, address)
        self._sizes.pop(pod, None)

    def _put(self, pod: str, name: str, address: int, now_s: float, expires_s: float) -> None:
        hosts = self._hosts.setdefault(pod, {}).setdefault(name, {})
        known = hosts.get(address)
        timeout_s = int(expires_s - now_s + OVERTIME_S)
        if known is None:
            known = hosts[address] = _Known(expires_s, now_s + timeout_s, timeout_s)
            self._sizes[pod] = self._sizes.get(pod, 0) + 1
            self._told.setdefault(address, Counter())[pod] += 1
        known.expires_s = max(known.expires_s, expires_s)
        # The kernel's clock is set anew only when half of its overtime is used up: most answers repeat what is known.
        if known.kernel_until_s < known.expires_s + OVERTIME_S / 2:
            known.timeout_s, known.kernel_until_s = timeout_s, now_s + timeout_s
            known.renewal += 1
        self._next_due_s = min(self._next_due_s, known.expires_s)

    def _unnote(self, pod: str, address: int) -> None:
        told = self._told[address]
        told[pod] -= 1
        if not told[pod]:
            del told[pod]
        if not told:
            del self._told[address]

    def _make_room(self, pod: str, excess: int, kept: Collection[Key]) -> None:
        if excess <= 0:
            return
        found = (
            (known.expires_s, (pod, name, address))
            for name, hosts in self._hosts[pod].items()
            for address, known in hosts.items()
            if (pod, name, address) not in kept
        )
        for _, key in heapq.nsmallest(excess, found):
            self.drop(key)
            self.evicted += 1
            self._crowded.add(pod)


def _lifetime_s(answer: Answer) -> float:
    return min(max(float(answer.ttl_s), SHORTEST_S), LONGEST_S)
