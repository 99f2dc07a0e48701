"""The small cluster with packets: who is where, what is enforced, and who gets through."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable
from itertools import count

import msgspec

from podfence.dataplane.compiler import compile_snapshot
from podfence.dataplane.enforcer import Enforcer
from podfence.dataplane.runner import Runner
from podfence.dataplane.settings import Settings
from podfence.model.net import Family, Protocol
from podfence.model.objects import Pod
from podfence.model.policy import Policy
from podfence.model.snapshot import Snapshot
from tests.kernel.forest import Forest, probe
from tests.kernel.forest import Namespace as Place
from tests.small_cluster import ADDRESSES, FAMILIES, NODE, PODS, address, cluster


class World:
    """The cluster with packets: who is where, what is enforced, and who gets through."""

    def __init__(self) -> None:
        self.forest = Forest(len(PODS))
        places = {n: [address(name, family) for family in FAMILIES] for n, name in enumerate(PODS)}
        self.forest.settle_in(places, [address("node", family) for family in FAMILIES])
        self.numbers = count(1)
        self.start()

    def start(self, runner: Runner | None = None) -> None:
        """Begin with an enforcer that knows nothing yet."""
        self.enforcer = Enforcer(runner or self.forest.runner())

    def reset(self) -> None:
        """Take all rules away, of others too, and forget every connection."""
        self.forest.node.run("nft", "flush", "ruleset")
        self.forest.forget_connections()
        self.forest.arrived()
        self.start()

    def enforce(self, *policies: Policy, pods: Iterable[Pod] | None = None, **settings: object) -> None:
        """Enforce policies upon the pods web, api and db, or upon others."""
        self.enforce_snapshot(cluster(*policies, pods=pods), **settings)

    def enforce_snapshot(self, snapshot: Snapshot, **settings: object) -> None:
        """Enforce what a snapshot holds."""
        chosen = msgspec.structs.replace(Settings(NODE), **settings)
        self.enforcer.apply(compile_snapshot(snapshot, chosen))

    def place(self, name: str) -> Place:
        """Give the namespace in which a name lives."""
        if name in PODS:
            return self.forest.pods[PODS.index(name)]
        return self.forest.node if name == "node" else self.forest.outside

    def send(self, source: str, destination: str, port: int, protocol: Protocol, family: Family, **changes: int) -> int:
        """Send what opens a connection; gives the number that it is known by."""
        number = next(self.numbers)
        ends = (address(source, family), address(destination, family))
        data = probe(*ends, protocol, port, number, **changes)
        self.place(source).send(data, ends[1])
        return number

    def passes(self, source: str, destination: str, port: int = 80, protocol: Protocol = Protocol.TCP) -> bool:
        """Tell whether a connection can be opened; it must be the same in both families.

        A node's own process sends something to the same place behind it, which nothing stops: when that has arrived,
        what has not arrived was dropped.
        """
        sent = {family: self.send(source, destination, port, protocol, family) for family in FAMILIES}
        arrived = self.behind(destination)
        answers = {sent[family] in arrived for family in FAMILIES}
        assert len(answers) == 1, f"{source} -> {destination} {protocol} {port}: {sent} of which arrived {arrived}"
        return answers.pop()

    def behind(self, destination: str) -> set[int]:
        """Give all that has arrived before something sent now, that nobody may stop.

        From the node it is one link to anybody, from anybody else two: when the first witness has arrived, what was
        sent before is at least on its second link, and before the next witness there.
        """
        witness = "node" if destination != "node" else "outside"
        found: set[int] = set()
        for _ in range(2):
            last = {self.send(witness, destination, 9, Protocol.UDP, family) for family in FAMILIES}
            found |= self.forest.settled(last)
        return found

    def hook_handles(self) -> dict[str, int]:
        """Give the numbers of our table and of each base chain in it, which others in their place would not have."""
        items = json.loads(self.forest.node.run("nft", "-j", "list", "table", "inet", "podfence"))["nftables"]
        (table,) = (item["table"] for item in items if "table" in item)
        chains = [item["chain"] for item in items if "hook" in item.get("chain", {})]
        return {found["name"]: found["handle"] for found in (table, *chains)}

    def open_socket(self, name: str, family: Family, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """Make a socket where a name lives, bound to its address when that is a pod."""
        word = socket.AF_INET if family is Family.IPV4 else socket.AF_INET6
        found = self.place(name).open_socket(word, kind)
        found.settimeout(5)
        return found

    def connected(
        self, source: str, destination: str, port: int, family: Family
    ) -> tuple[socket.socket, socket.socket]:
        """Open a TCP connection; gives both of its ends."""
        text = ADDRESSES[destination][FAMILIES.index(family)]
        with self.open_socket(destination, family) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((text, port))
            listener.listen()
            client = self.open_socket(source, family)
            try:
                client.connect((text, port))
                return client, listener.accept()[0]
            except OSError:
                client.close()
                raise
