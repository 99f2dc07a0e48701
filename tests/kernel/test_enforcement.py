"""The enforcer and the real nft: what fails, what others change, what is logged, and what is never touched."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

import msgspec
import pytest

from podfence.dataplane import stand_in
from podfence.dataplane.compiler import Compiler, compile_snapshot
from podfence.dataplane.listing import Listing
from podfence.dataplane.runner import LibraryRunner, ProcessRunner, Runner
from podfence.dataplane.settings import Settings
from podfence.dataplane.table import Table
from podfence.model.change import Change
from podfence.model.error import PodfenceError
from podfence.model.net import Family, Protocol
from podfence.model.objects import ObjectRef
from podfence.model.policy import Direction
from podfence.model.reason import Reason
from podfence.model.verdict import DecidedIn
from tests.kernel.world import World
from tests.small_cluster import (
    NODE,
    POD_CIDRS,
    Allow,
    cluster,
    cluster_policy,
    deny,
    pod,
    pods_of,
    policy,
    tcp,
)

pytestmark = pytest.mark.kernel

SETTINGS = Settings(NODE, pod_cidrs=POD_CIDRS)
CLOSED = policy("in", "web", ingress=[Allow((pods_of("db"),), (tcp(80),))])


OTHER_HOOK = "; add chain inet podfence raw-pre { type filter hook prerouting priority 5; }"


def command(world: World) -> tuple[str, ...]:
    return ("nsenter", f"--net={world.forest.node.path}", "nft")


def test_processes_and_the_library_do_the_same(world: World) -> None:
    listings = []
    for runner in (ProcessRunner(command(world)), world.forest.runner()):
        world.reset()
        world.start(runner)
        world.enforce(CLOSED)
        world.enforce(CLOSED, policy("more", "api", ingress=()))
        listings.append(runner.list_table())
    assert listings[0] == listings[1]


def test_the_library_says_what_is_wrong(world: World) -> None:
    runner = world.forest.runner()
    assert isinstance(runner, LibraryRunner)
    with pytest.raises(PodfenceError, match=r"nft refused the transaction: .*Could not process rule"):
        runner.apply("add rule inet nowhere nothing accept\n")


def test_what_nft_lacks_is_said_in_a_line(world: World) -> None:
    with pytest.raises(PodfenceError, match="nft is not installed"):
        ProcessRunner(("no-such-nft",)).apply("")
    with pytest.raises(PodfenceError, match=r"syntax error.*newer is needed"):
        ProcessRunner(command(world)).apply("destroy table inet podfence\n")


def test_one_failure_is_healed_by_a_replacement_and_many_keep_what_is_enforced(world: World, tmp_path: Path) -> None:
    failures = tmp_path / "failures"
    failures.write_text("0")
    shim = tmp_path / "nft"
    shim.write_text(
        f'#!/bin/sh\nn=$(cat {failures})\nif [ "$1" = -f ] && [ "$n" -gt 0 ]; then echo $((n-1)) >{failures}; '
        f'echo "Error: shim" >&2; exit 1; fi\nexec {" ".join(command(world))} "$@"\n'
    )
    shim.chmod(0o755)
    world.start(ProcessRunner((str(shim),)))
    world.enforce(CLOSED)
    failures.write_text("1")
    world.enforce(CLOSED, policy("more", "api", ingress=()))
    assert not world.passes("db", "api")
    assert world.enforcer.figures.errors == 1
    failures.write_text("1000")
    for _ in range(3):
        with pytest.raises(PodfenceError, match="shim"):
            world.enforce()
    assert world.enforcer.is_failing
    assert not world.passes("db", "api")
    failures.write_text("0")
    world.enforce()
    assert world.passes("db", "api")
    assert not world.enforcer.is_failing


@pytest.mark.parametrize(
    "change",
    [
        "delete element inet podfence ingress4 { 10.9.0.1 }",
        "add element inet podfence ready4 { 10.9.0.200 }",
        "flush set inet podfence guarded6",
        "flush chain inet podfence judge",
        "insert rule inet podfence forward accept",
        "add chain inet podfence theirs",
        "flush chain inet podfence stamp",
        'flush chain inet podfence established; add rule inet podfence established accept comment "generation 1"',
        "flush chain inet podfence judge" + "; add rule inet podfence judge accept" * 4,
        "flush chain inet podfence forward; delete chain inet podfence forward",
        "flush chain inet podfence raw-pre; delete chain inet podfence raw-pre" + OTHER_HOOK,
        "add chain inet podfence input { type filter hook input priority filter - 5; policy drop; }",
        "add table inet podfence { flags dormant; }",
        "delete table inet podfence",
    ],
)
def test_what_others_change_is_found_and_repaired(world: World, change: str) -> None:
    world.enforce(CLOSED, pod_cidrs=POD_CIDRS)
    assert world.enforcer.check_drift() == ()
    world.forest.node.nft(change)
    assert world.enforcer.check_drift()
    assert world.enforcer.check_drift() == ()
    assert world.enforcer.figures.drift_repairs == 1
    assert "dormant" not in world.forest.node.run("nft", "list", "table", "inet", "podfence")
    assert not world.passes("api", "web")
    assert world.passes("db", "web")


class Killed(BaseException):
    """What ends an enforcer at once."""


class DyingRunner:
    """Dies before the n-th transaction from now on."""

    def __init__(self, runner: Runner, left: int) -> None:
        self._runner, self._left = runner, left
        self.most_bytes: int | None = None

    def apply(self, text: str) -> None:
        if not self._left:
            raise Killed
        self._left -= 1
        self._runner.apply(text)

    def list_table(self) -> Listing:
        return self._runner.list_table()


@pytest.mark.parametrize("left", range(6))
def test_who_dies_while_a_stand_in_is_in_force_leaves_all_judged_and_the_next_takes_it_away(
    world: World, left: int
) -> None:
    world.enforce(CLOSED, pod_cidrs=POD_CIDRS)
    desired = compile_snapshot(cluster(CLOSED, policy("more", "api", ingress=())), SETTINGS)
    runner = world.forest.runner()
    with pytest.raises(Killed):
        stand_in.replace(Table(DyingRunner(runner, left), lambda: 0.0), desired, 2)
    assert not world.passes("api", "web")
    assert world.passes("db", "web")
    assert ("standin1" in names(world)) == (left > 0)
    world.start()
    world.enforcer.adopt()
    world.enforce(CLOSED, pod_cidrs=POD_CIDRS)
    assert "standin" not in names(world)
    assert world.enforcer.check_drift() == ()
    assert not world.passes("api", "web")
    assert world.passes("db", "web")


def test_to_uninstall_leaves_nothing_of_a_stand_in(world: World) -> None:
    world.enforce(CLOSED)
    with pytest.raises(Killed):
        stand_in.replace(
            Table(DyingRunner(world.forest.runner(), 3), lambda: 0.0), compile_snapshot(cluster(), SETTINGS), 2
        )
    assert "standin1" in names(world)
    world.start()
    world.enforcer.adopt()
    world.enforcer.uninstall()
    assert names(world) == ""


def names(world: World) -> str:
    return world.forest.node.run("nft", "list", "ruleset")


def test_what_is_written_again_and_has_counted_packets_is_not_called_changed(world: World) -> None:
    ports = policy("ports", "api", ingress=[Allow((pods_of("db"),), (tcp(80), tcp(443), tcp(1000, 2000)))])
    desired = compile_snapshot(cluster(CLOSED, ports, cluster_policy("no", "db", ingress=[deny()])), SETTINGS)
    world.enforcer.apply(desired)
    for _ in range(5):
        assert not world.passes("web", "api")
        assert world.enforcer.check_drift() == ()
        world.enforcer._replace(desired)
    assert world.enforcer.check_drift() == ()


def test_tables_of_others_are_left_alone(world: World) -> None:
    node = world.forest.node
    node.nft(
        "table inet theirs { set s { type ipv4_addr; elements = { 1.2.3.4 }; }; "
        "chain podfence { type filter hook forward priority 0; ip saddr @s drop; }; }; "
        "table ip podfence { chain c {}; }"
    )
    listings = [("inet", "theirs"), ("ip", "podfence")]
    before = [node.run("nft", "list", "table", *name) for name in listings]
    world.enforce(CLOSED)
    world.enforce()
    world.enforcer.adopt()
    world.enforce(CLOSED)
    world.enforcer.check_drift()
    world.enforcer.uninstall()
    assert [node.run("nft", "list", "table", *name) for name in listings] == before
    assert "inet podfence" not in node.run("nft", "list", "tables")


def test_hooks_are_registered_once(world: World) -> None:
    world.enforce(CLOSED)
    before = world.hook_handles()
    world.enforce(cluster_policy("no", None, ingress=[deny()]))
    world.enforcer.adopt()
    world.enforce(CLOSED, audit=True)
    assert len(before) == 7
    assert world.hook_handles() == before


def test_names_of_the_greatest_length_fit(world: World) -> None:
    long = msgspec.structs.replace(
        pod("web"), name="n" * 253, labels=(("app", "v" * 63), ("k" * 253 + "/" + "k" * 63, "v" * 63))
    )
    name = "p" * 253
    selected = pods_of("v" * 63, **{"k" * 253 + "/" + "k" * 63: "v" * 63})
    many = [policy(f"{name[:-3]}{n:03}", None, ingress=[Allow((selected,), (tcp(80),))]) for n in range(30)]
    world.enforce(*many, pods=[long, pod("api"), pod("db")])
    assert world.passes("web", "api", 80)
    assert not world.passes("db", "api", 80)
    assert world.enforcer.check_drift() == ()


def test_a_policy_that_goes_and_comes_again_under_its_name_is_what_it_is_now(world: World) -> None:
    world.enforce(CLOSED)
    world.enforce()
    world.enforce(policy("in", "web", ingress=[Allow((pods_of("api"),))]))
    assert world.passes("api", "web")
    assert not world.passes("db", "web")


def test_changes_of_a_compiler_reach_the_kernel(world: World) -> None:
    compiler = Compiler(cluster(CLOSED), Settings(NODE, pod_cidrs=POD_CIDRS))
    world.enforcer.apply(compiler.desired)
    late = pod("late", labels=pod("db").labels)
    world.enforcer.apply_difference(compiler.apply([Change(None, late)]), compiler.desired)
    assert world.passes("late", "web", 80)
    world.enforcer.apply_difference(compiler.apply([Change(late, None)]), compiler.desired)
    assert not world.passes("late", "web", 80)
    assert world.enforcer.figures.full_transactions == 1
    assert world.enforcer.check_drift() == ()


def test_every_denial_is_logged_with_an_id_that_tells_why(world: World) -> None:
    other = cluster_policy("no", "web", ingress=[deny(None, (tcp(2),))])
    world.enforce(CLOSED, other, pod_cidrs=POD_CIDRS)
    snapshot = cluster(CLOSED, other)
    reasons = Compiler(snapshot, Settings(NODE, pod_cidrs=POD_CIDRS)).desired.reasons
    with nflog(world) as log:
        said = {}
        for source, destination, port in (("api", "web", 1), ("api", "web", 2), ("late", "api", 3)):
            world.send(source, destination, port, Protocol.TCP, Family.IPV4)
            world.behind(destination)
            said[port] = [reasons[prefix] for prefix in prefixes(log)]
    web = ObjectRef("NetworkPolicy", "shop", "in")
    assert said[1] == [denied(DecidedIn.NETWORK_POLICY, (web,))]
    no = ObjectRef("ClusterNetworkPolicy", None, "no")
    assert said[2] == [denied(DecidedIn.ADMIN, (), no, "spec.ingress[0]")]
    assert [reason.note for reason in said[3]] == ["the policies of this pod are not in force yet"]


def denied(tier: DecidedIn, isolated_by: tuple[ObjectRef, ...], by: ObjectRef | None = None, path: str = "") -> Reason:
    return Reason(allowed=False, direction=Direction.INGRESS, tier=tier, policy=by, path=path, isolated_by=isolated_by)


def test_each_new_connection_is_logged_once_for_each_side_when_asked(world: World) -> None:
    world.enforce(CLOSED, log_allowed=True)
    reasons = Compiler(cluster(CLOSED), Settings(NODE, log_allowed=True)).desired.reasons
    near, far = None, None
    with nflog(world) as log:
        near, far = world.connected("db", "web", 80, Family.IPV4)
        with near, far:
            near.send(b"more")
            assert far.recv(10) == b"more"
        said = [reasons[prefix] for prefix in prefixes(log)]
    assert [(reason.direction, reason.tier, reason.path) for reason in said] == [
        (Direction.EGRESS, DecidedIn.DEFAULT, ""),
        (Direction.INGRESS, DecidedIn.NETWORK_POLICY, "spec.ingress[0]"),
    ]


def nflog(world: World, group: int = 7) -> socket.socket:
    """Listen to an NFLOG group on the node: bind, and copy packets."""
    found = world.place("node").open_socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    bind = struct.pack("=HHBxxx", 8, 1, 1)
    mode = struct.pack("=HHIBBxx", 10, 2, 0xFFFF0000, 2, 0)
    at_once = struct.pack("=HHI", 8, 5, socket.htonl(1))
    for attribute in (bind, mode, at_once):
        head = struct.pack("=IHHIIBBH", 20 + len(attribute), 4 << 8 | 1, 5, 1, 0, 0, 0, socket.htons(group))
        found.send(head + attribute)
        (code,) = struct.unpack_from("=i", found.recv(4096), 16)
        assert code == 0, os.strerror(-code)
    return found


def prefixes(log: socket.socket) -> list[str]:
    """Read the prefix of each record that is there."""
    log.settimeout(0)
    found = []
    try:
        while True:
            data = log.recv(1 << 16)
            at = 0
            while at + 16 <= len(data):
                (length,) = struct.unpack_from("=I", data, at)
                found += prefix_of(data[at + 20 : at + length])
                at += length + 3 & ~3
    except BlockingIOError:
        return found


def prefix_of(attributes: bytes) -> list[str]:
    at = 0
    while at + 4 <= len(attributes):
        length, kind = struct.unpack_from("=HH", attributes, at)
        if kind & 0x3FFF == 10:
            return [attributes[at + 4 : at + length].rstrip(b"\0").decode()]
        at += length + 3 & ~3
    return []
