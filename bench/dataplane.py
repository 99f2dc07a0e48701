"""The dataplane's part of ``./dev bench``: what ten thousand combinations of pods and rules cost the kernel.

Runs in network namespaces of its own. Beside every figure stands that of a ruleset which tracks connections and does
nothing else, and that of the naive layout (a chain for each pod, a set for each rule, one rule after the other to find
the pod), all in the same run and in turns, since the speed of a machine changes.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from podfence.dataplane.compiler import Compiler
from podfence.dataplane.enforcer import Enforcer
from podfence.dataplane.runner import Runner
from podfence.dataplane.settings import Settings
from podfence.dataplane.transaction import full_text
from podfence.model.change import Change
from podfence.model.labels import NAMESPACE_NAME_LABEL, Operator, Requirement, label_set, selector
from podfence.model.net import Protocol, format_address, parse_address, parse_cidr
from podfence.model.objects import Namespace, Node, ObjectRef, Pod
from podfence.model.policy import Action, PodPeer, Policy, PortRange, Rule, Tier
from podfence.model.snapshot import Snapshot
from tests.kernel.forest import Forest

PODS, RULES, REPLICAS, IDENTITIES, MEMBERS = 1_000, 10, 5, 200, 10
LOCAL, REMOTE = parse_address("10.1.0.1"), parse_address("10.2.0.1")
SETTINGS = Settings("n1", (parse_cidr("10.1.0.0/16"),))
PORT = 8000
SERVER = LOCAL + PODS // 2
"""The pod that serves: in the middle, where the naive layout finds a pod on average."""
ROUNDS, NAIVE_ROUNDS, CONNECTIONS = 8, 2, 300
BULK_S, SETTLING_S = 0.25, 0.2
CLIENT = REMOTE + (PODS // 2 // REPLICAS * RULES) % IDENTITIES * MEMBERS
"""A peer of the first rule about it."""

TRACKING = """table inet tracking {
	chain forward { type filter hook forward priority filter - 5; policy accept;
		ct state established,related accept
	}
}
"""


def main() -> int:
    """Measure everything and print it as JSON: a list of rows for ``bench.run``."""
    runs = int(sys.argv[1])
    forest = Forest(2, in_order=False)
    forest.settle_in({0: [CLIENT], 1: [SERVER]}, [parse_address("10.3.0.1")])
    try:
        print(json.dumps([*loading(forest, runs), *changing(forest, runs), *carrying(forest)]))
    finally:
        forest.close()
    return 0


def workload() -> Snapshot:
    """Make the pods of one node in groups of replicas, each with rules for twenty remote pods and a port."""
    pods = [_pod(f"web-{n:05}", {"app": f"a{n // REPLICAS}"}, LOCAL + n, "n1") for n in range(PODS)]
    pods += (_pod(f"peer-{n:05}", {"id": f"i{n // MEMBERS}"}, REMOTE + n, "n2") for n in range(IDENTITIES * MEMBERS))
    policies = [_policy(group) for group in range(PODS // REPLICAS)]
    namespaces = (Namespace("ns", label_set({NAMESPACE_NAME_LABEL: "ns"})),)
    return Snapshot(namespaces, tuple(pods), (Node("n1"), Node("n2")), policies=tuple(policies))


def _pod(name: str, labels: dict[str, str], address: int, node: str) -> Pod:
    return Pod("ns", name, label_set(labels), (), (address,), node)


def _policy(group: int) -> Policy:
    rules = tuple(
        Rule(
            Action.ACCEPT,
            (_peers(group * RULES + number),),
            (PortRange(Protocol.TCP, PORT + number, PORT + number),),
            f"spec.ingress[{number}]",
            "from",
            "ports",
        )
        for number in range(RULES)
    )
    subject = PodPeer("ns", None, selector({"app": f"a{group}"}))
    return Policy(ObjectRef("NetworkPolicy", "ns", f"np{group}"), Tier.NETWORK_POLICY, 0, subject, rules, None)


def _peers(number: int) -> PodPeer:
    wanted = (f"i{number % IDENTITIES}", f"i{(number * 7 + 1) % IDENTITIES}")
    return PodPeer("ns", None, selector({}, Requirement("id", Operator.IN, tuple(sorted(set(wanted))))))


def naive_text(snapshot: Snapshot) -> str:
    """Write the naive layout of the same: nothing is shared, and every pod before the right one is looked at."""
    members: dict[str, list[str]] = {}
    for pod in snapshot.pods:
        members.setdefault(dict(pod.labels).get("id", ""), []).append(format_address(pod.addresses[0]))
    sets, chains, dispatch = [], [], []
    for n in range(PODS):
        rules = []
        for number, rule in enumerate(snapshot.policies[n // REPLICAS].ingress or ()):
            peer = (rule.peers or ())[0]
            values = peer.pod_selector.requirements[0].values if isinstance(peer, PodPeer) else ()
            addresses = ", ".join(address for value in values for address in members[value])
            sets.append(f"set s{n}-{number} {{ type ipv4_addr; elements = {{ {addresses} }}; }}")
            rules.append(f"ip saddr @s{n}-{number} tcp dport {PORT + number} counter return")
        chains.append(f"chain pod{n} {{\n" + "\n".join([*rules, "counter drop"]) + "\n}")
        dispatch.append(f"ip daddr {format_address(LOCAL + PODS - 1 - n)} jump pod{PODS - 1 - n}")
    forward = ["type filter hook forward priority filter - 5; policy accept;", "ct state established,related accept"]
    body = [*sets, *chains, "chain forward {\n" + "\n".join([*forward, *dispatch]) + "\n}"]
    return "table inet naive {\n" + "\n".join(body) + "\n}\n"


def loading(forest: Forest, runs: int) -> Iterator[list[str]]:
    """Measure the load of the whole and the memory it takes."""
    snapshot = workload()
    start = time.perf_counter()
    desired = Compiler(snapshot, SETTINGS).desired
    text = full_text(desired, 1)
    compiled_ms = (time.perf_counter() - start) * 1e3
    runner = forest.node_process()
    for name, table, wanted, repeats in (
        ("full load", text, "150 ms, 2 MiB", runs),
        ("full load, naive layout", naive_text(snapshot), "yardstick", 1),
    ):
        times, sizes = zip(*(_load(forest, runner, table) for _ in range(repeats)), strict=True)
        yield [name, wanted, f"{statistics.median(times):.0f} ms, {statistics.median(sizes):.1f} MiB"]
    yield ["compiling it from nothing", "", f"{compiled_ms:.0f} ms"]


def _load(forest: Forest, runner: Runner, text: str) -> tuple[float, float]:
    forest.node.run("nft", "flush", "ruleset")
    before = _kernel_memory()
    start = time.perf_counter()
    runner.apply(text)
    return (time.perf_counter() - start) * 1e3, (_kernel_memory() - before) / 1024


def _kernel_memory() -> int:
    """Give the KiB that the kernel has in slabs, per processor, and in larger pieces."""
    lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    values = {name: int(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}
    return values["Slab"] + values.get("Percpu", 0) + values["VmallocUsed"]


def changing(forest: Forest, runs: int) -> Iterator[list[str]]:
    """Measure one pod more, from the change to the kernel."""
    for name, runner, wanted in (
        ("one pod added, nft as a process", forest.node_process(), "15 ms"),
        ("one pod added, in this process", forest.runner(), "2 ms"),
    ):
        forest.node.run("nft", "flush", "ruleset")
        compiler, enforcer = Compiler(workload(), SETTINGS), Enforcer(runner)
        enforcer.apply(compiler.desired)
        times = []
        for n in range(20 * runs):
            change = Change(None, _pod(f"new-{n}", {"app": "a7"}, LOCAL + 10_000 + n, "n1"))
            start = time.perf_counter()
            enforcer.apply_difference(compiler.apply([change]), compiler.desired)
            times.append((time.perf_counter() - start) * 1e3)
        slowest = sorted(times)[-max(1, len(times) // 20)]
        yield [name, wanted, f"{statistics.median(times):.2f} ms, 95 % under {slowest:.2f} ms"]


def carrying(forest: Forest) -> Iterator[list[str]]:
    """Measure what connections and their data pay, each by the best of its rounds: others only ever slow it down."""
    snapshot = workload()
    rulesets = {
        "tracking": TRACKING,
        "ours": full_text(Compiler(snapshot, SETTINGS).desired, 1),
        "naive": naive_text(snapshot),
    }
    connects: dict[str, list[float]] = {name: [] for name in rulesets}
    speeds: dict[str, list[float]] = {name: [] for name in rulesets}
    with server(forest):
        for turn in range(ROUNDS):
            for name, text in rulesets.items() if turn % 2 else reversed(rulesets.items()):
                if name == "naive" and turn >= NAIVE_ROUNDS:
                    continue  # it takes seconds to load
                forest.node.run("nft", "flush", "ruleset")
                forest.node.nft(text)
                forest.forget_connections()
                # What the ruleset before was made of, the kernel frees in the background.
                time.sleep(SETTLING_S)
                connects[name].append(statistics.median(_connect(forest)))
                speeds[name].append(_bulk(forest))
    base, fast = min(connects["tracking"]), max(speeds["tracking"])
    for name, limits in (("ours", ("1.05 x", "0.97 x")), ("naive", ("yardstick", "yardstick"))):
        connect, speed = min(connects[name]), max(speeds[name])
        yield [
            f"TCP connect, {name}",
            limits[0],
            f"{connect / base:.2f} x that of tracking alone ({base * 1e6:.0f} us)",
        ]
        yield [f"TCP throughput, {name}", limits[1], f"{speed / fast:.2f} x that of tracking alone ({fast:.1f} Gbit/s)"]


@contextmanager
def server(forest: Forest) -> Iterator[None]:
    """Accept connections and read what comes, in a process of its own."""
    with forest.pods[1].open_socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind((format_address(SERVER), PORT))
        listener.listen(1024)
        child = os.fork()
        if child == 0:
            try:
                while True:
                    _drain(listener.accept()[0])
            finally:
                os._exit(0)
        try:
            yield
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)


def _drain(connection: socket.socket) -> None:
    with connection:
        buffer = bytearray(1 << 18)
        while connection.recv_into(buffer):
            pass


def _client(forest: Forest) -> socket.socket:
    found = forest.pods[0].open_socket(socket.AF_INET, socket.SOCK_STREAM)
    found.settimeout(10)
    found.bind((format_address(CLIENT), 0))
    return found


def _connect(forest: Forest) -> list[float]:
    """Give the seconds that connections take to be made."""
    return [_timed(client, lambda one: one.connect((format_address(SERVER), PORT))) for client in _clients(forest)]


def _clients(forest: Forest) -> Iterator[socket.socket]:
    for _ in range(CONNECTIONS):
        with _client(forest) as client:
            yield client


def _timed(client: socket.socket, action: Callable[[socket.socket], None]) -> float:
    start = time.perf_counter()
    action(client)
    return time.perf_counter() - start


def _bulk(forest: Forest) -> float:
    """Give the Gbit/s that one connection carries."""
    data = bytes(1 << 18)
    with _client(forest) as client:
        client.connect((format_address(SERVER), PORT))
        start, sent = time.perf_counter(), 0
        while time.perf_counter() - start < BULK_S:
            client.sendall(data)
            sent += len(data)
        return sent * 8 / (time.perf_counter() - start) / 1e9


if __name__ == "__main__":
    sys.exit(main())
