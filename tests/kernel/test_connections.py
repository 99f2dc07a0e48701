"""Live connections: judged again when a permission shrinks and only then; the table replaced under traffic."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Literal

import msgspec
import pytest

from podfence.dataplane import stand_in
from podfence.dataplane.compiler import compile_snapshot
from podfence.dataplane.conntrack import clear_marks
from podfence.dataplane.difference import Desired, all_chains
from podfence.dataplane.enforcer import Enforcer
from podfence.dataplane.listing import Listing
from podfence.dataplane.objects import Chain
from podfence.dataplane.pieces import fits
from podfence.dataplane.runner import Runner
from podfence.dataplane.settings import Settings
from podfence.model.error import PodfenceError
from podfence.model.net import Family, Protocol, parse_address
from podfence.model.policy import Policy
from tests.kernel.forest import Namespace
from tests.kernel.world import World
from tests.small_cluster import (
    FAMILIES,
    NODE,
    POD_CIDRS,
    Allow,
    address,
    cluster,
    cluster_policy,
    deny,
    pod,
    pods_of,
    policy,
    tcp,
    udp,
)

pytestmark = [pytest.mark.kernel, pytest.mark.parametrize("family", FAMILIES)]

OPEN = policy("in", "api", ingress=[Allow((pods_of("web"),), (tcp(80),))])


@pytest.fixture
def live(world: World, family: Family) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Give both ends of a connection that a policy allows."""
    world.enforce(OPEN, pod_cidrs=POD_CIDRS)
    near, far = world.connected("web", "api", 80, family)
    with near, far:
        assert carries(world, near, far)
        yield near, far


def carries(world: World, one: socket.socket, other: socket.socket) -> bool:
    """Tell whether what is sent into one end comes out of the other, before something that is sent later."""
    word = os.urandom(8)
    one.send(word)
    world.behind("api")
    world.behind("web")
    other.settimeout(0)
    try:
        return other.recv(4096).endswith(word)
    except BlockingIOError:
        return False


Live = tuple[socket.socket, socket.socket]


def changes_without_loss() -> list[tuple[Policy, ...]]:
    return [
        (OPEN, policy("more", "api", ingress=[Allow((pods_of("db"),), (tcp(80),))])),
        (policy("in", "api", ingress=[Allow((pods_of("web"),), (tcp(80), tcp(81), udp(80)))]),),
        (policy("in", "api", ingress=[Allow((pods_of("web"),))]),),
        (),
    ]


@pytest.mark.parametrize("step", range(4))
def test_what_only_grows_bumps_no_generation_and_cuts_nothing(world: World, live: Live, step: int) -> None:
    before = world.enforcer.figures.generation
    world.enforce(*changes_without_loss()[step], pod_cidrs=POD_CIDRS)
    assert world.enforcer.figures.generation == before
    assert carries(world, *live)


def test_a_new_replica_bumps_no_generation(world: World, live: Live) -> None:
    before = world.enforcer.figures.generation
    pods = [pod(name) for name in ("web", "api", "db", "late")]
    world.enforce(OPEN, pods=pods, pod_cidrs=POD_CIDRS)
    assert world.enforcer.figures.generation == before
    assert carries(world, *live)


@pytest.mark.parametrize("sender", [0, 1])
def test_a_rule_that_goes_cuts_the_connection_from_both_ends(world: World, live: Live, sender: int) -> None:
    world.enforce(policy("in", "api", ingress=[Allow((pods_of("db"),))]), pod_cidrs=POD_CIDRS)
    assert not carries(world, live[sender], live[1 - sender])


def test_a_peer_that_goes_out_of_a_selector_is_cut(world: World, live: Live) -> None:
    pods = [pod("web", labels=(("app", "other"),)), pod("api"), pod("db")]
    world.enforce(OPEN, pods=pods, pod_cidrs=POD_CIDRS)
    assert not carries(world, *live)


def test_a_new_deny_cuts_and_what_is_still_allowed_stays(world: World, live: Live, family: Family) -> None:
    near, far = world.connected("db", "web", 80, family)
    with near, far:
        before = world.enforcer.figures.generation
        world.enforce(OPEN, cluster_policy("no", "api", ingress=[deny((pods_of("web"),))]), pod_cidrs=POD_CIDRS)
        assert world.enforcer.figures.generation == before + 1
        assert not carries(world, *live)
        assert carries(world, near, far)


def test_egress_that_shrinks_cuts(world: World, live: Live) -> None:
    world.enforce(OPEN, policy("out", "web", egress=()), pod_cidrs=POD_CIDRS)
    assert not carries(world, *live)


def test_without_cutoff_connections_stay_and_new_ones_are_denied(world: World, family: Family) -> None:
    world.enforce(OPEN, cutoff="none")
    near, far = world.connected("web", "api", 80, family)
    with near, far:
        world.enforce(policy("in", "api", ingress=()), cutoff="none")
        assert carries(world, near, far)
        assert not world.passes("web", "api", 80)


def test_a_connection_from_before_the_agent_is_judged(world: World, family: Family) -> None:
    near, far = world.connected("web", "api", 80, family)
    with near, far:
        world.enforce(policy("in", "api", ingress=()))
        assert not carries(world, near, far)


def test_a_number_that_is_given_again_calls_nothing_allowed_from_before(world: World, family: Family) -> None:
    mask = 0x00030000
    shift = Settings(NODE, mark_mask=mask).mark_shift

    def clear(generation: int) -> None:
        clear_marks(mask, generation << shift)

    forget = in_namespace(world.place("node"), clear)
    world.enforcer = Enforcer(world.forest.runner(), forget_stamps=forget)
    allowed = policy("idle", "db", ingress=[Allow((pods_of("web"),))])
    world.enforce(OPEN, allowed, mark_mask=mask)
    near, far = world.connected("web", "api", 80, family)
    with near, far:
        # Each step but the last takes a permission away from somebody else; then the number of the beginning is back.
        for turn in range(2):
            world.enforce(OPEN, policy("idle", "db", ingress=[Allow(None, (tcp(turn + 1),))]), mark_mask=mask)
        world.enforce(policy("in", "api", ingress=()), mark_mask=mask)
        assert world.enforcer.figures.generation == 1
        assert not carries(world, near, far)


def in_namespace(place: Namespace, function: Callable[[int], None]) -> Callable[[int], None]:
    def called(number: int) -> None:
        with place.entered():
            function(number)

    return called


def test_marks_of_others_stay(world: World, live: Live, family: Family) -> None:
    del live, family
    world.forest.node.nft(
        "table inet other { chain c { type filter hook forward priority -10; ct mark set ct mark or 0x00004000; } "
        "; chain d { type filter hook forward priority 10; ct mark and 0x0000ffff == 0x00004000 counter; } ; }"
    )
    assert world.passes("db", "web", 80)
    assert "packets 0" not in world.forest.node.run("nft", "list", "chain", "inet", "other", "d")


@pytest.mark.parametrize("whole", [True, False])
def test_a_hundred_replacements_under_traffic_leak_nothing_and_drop_nothing(
    world: World,
    family: Family,
    whole: bool,  # noqa: FBT001 (pytest passes by name)
) -> None:
    good = policy("in", "api", ingress=[Allow((pods_of("web"),), (udp(53),))])
    others = [policy(f"p{n}", "api", ingress=[Allow((pods_of("db"),), (tcp(n),))]) for n in range(1, 20)]
    world.enforce(good, *others)
    states = [compile_snapshot(cluster(good, *others[:turn]), Settings(NODE)) for turn in range(20)]
    apply = world.enforcer._replace if whole else world.enforcer.apply
    allowed, denied, arrived = under_traffic(world, family, lambda turn: apply(states[turn % 20]))
    arrived |= world.forest.settled(allowed - arrived)
    assert len(allowed) > 500
    assert allowed - arrived == set()
    assert denied & arrived == set()


def test_a_hundred_changes_in_small_pieces_leak_nothing_and_drop_nothing(world: World, family: Family) -> None:
    runner = world.forest.runner()
    runner.most_bytes = 30_000
    world.start(runner)
    good = policy("in", "api", ingress=[Allow((pods_of("web"),), (udp(53),))])
    others = [policy(f"p{n}", "api", ingress=[Allow((pods_of("db"),), (tcp(n),))]) for n in range(1, 100)]
    world.enforce(good, *others)
    states = [compile_snapshot(cluster(good, *others[: 50 + turn]), Settings(NODE)) for turn in range(20)]

    def change(turn: int) -> None:
        if turn % 4 == 3:
            world.enforcer.adopt()
        world.enforcer.apply(states[turn % 20])

    allowed, denied, arrived = under_traffic(world, family, change)
    assert world.enforcer.figures.errors == 0
    assert world.enforcer.figures.delta_transactions > 200
    arrived |= world.forest.settled(allowed - arrived)
    assert len(allowed) > 500
    assert allowed - arrived == set()
    assert denied & arrived == set()


class NarrowRunner:
    """Refuses what the kernel would if it took no more than this at once."""

    def __init__(self, runner: Runner, most: int) -> None:
        self._runner = runner
        self.most_bytes: int | None = most

    def apply(self, text: str) -> None:
        if not fits(text, self.most_bytes):
            raise PodfenceError("Message too long")
        self._runner.apply(text)

    def list_table(self) -> Listing:
        return self._runner.list_table()


@pytest.mark.parametrize("unready", ["drop", "accept"])
def test_what_cannot_switch_at_once_leaks_nothing_drops_nothing_and_cuts_nothing(
    world: World, family: Family, unready: Literal["drop", "accept"]
) -> None:
    world.start(NarrowRunner(world.forest.runner(), 84_000))
    good = policy("in", "api", ingress=[Allow((pods_of("web"),), (udp(53), tcp(80)))])
    settings = Settings(NODE, pod_cidrs=POD_CIDRS, unready=unready)
    crowds = [
        [pod(f"x{n}", labels=pod("web").labels, addresses=(parse_address(f"10.9.{part}.{n}"),)) for n in range(1, 250)]
        for part in (7, 8)
    ]
    pods = [pod("web"), pod("api"), pod("db")]
    states = [compile_snapshot(cluster(good, pods=[*pods, *crowd]), settings) for crowd in crowds]
    world.enforcer.apply(states[1])
    near, far = world.connected("web", "api", 80, family)
    with near, far:
        allowed, denied, arrived = under_traffic(world, family, lambda turn: world.enforcer.apply(states[turn % 2]), 10)
        assert world.enforcer.figures.errors == 10
        assert carries(world, near, far)
    arrived |= world.behind("api")
    assert allowed
    assert allowed - arrived == set()
    assert denied & arrived == set()
    assert not world.passes("db", "api")
    assert world.enforcer.check_drift() == ()


def test_a_set_of_another_kind_is_replaced_under_traffic_and_nothing_leaks_or_is_dropped(
    world: World, family: Family
) -> None:
    good = policy("in", "api", ingress=[Allow((pods_of("web"),), (udp(53),))])
    more = policy("more", "db", ingress=[Allow((pods_of("other"),), (tcp(1),))])
    states = [compile_snapshot(cluster(good, *others), Settings(NODE)) for others in ((), (more,))]
    (taken,) = (name for name in states[1].sets.keys() - states[0].sets.keys() if name.startswith("sel4"))
    world.enforcer.apply(states[0])
    hooks = world.hook_handles()

    def change(turn: int) -> None:
        if turn % 2:
            world.forest.node.nft(f"add set inet podfence {taken} {{ type ipv6_addr; }}")
        world.enforcer.apply(states[turn % 2])

    allowed, denied, arrived = under_traffic(world, family, change)
    assert world.enforcer.figures.bumps > 50, "each replacement of the whole is a generation"
    assert world.enforcer.check_drift() == ()
    assert world.hook_handles() == hooks
    arrived |= world.forest.settled(allowed - arrived)
    assert len(allowed) > 500
    assert allowed - arrived == set()
    assert denied & arrived == set()


def test_hooks_of_another_layout_are_replaced_under_traffic_and_nothing_leaks_or_is_dropped(
    world: World, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = policy("in", "api", ingress=[Allow((pods_of("web"),), (udp(53),))])
    world.enforce(good)

    seen = set()

    def moved(desired: Desired, generation: int) -> dict[str, Chain]:
        found = all_chains(desired, generation)
        hooks = {name: chain.hook.replace("filter - 5", "-4").replace("raw", "-299") for name, chain in found.items()}
        return {name: msgspec.structs.replace(chain, hook=hooks[name]) for name, chain in found.items()}

    def change(turn: int) -> None:
        monkeypatch.setattr(stand_in, "all_chains", all_chains if turn % 2 else moved)
        world.enforcer.adopt()
        stand_in.replace(world.enforcer._table, compile_snapshot(cluster(good), Settings(NODE)), turn + 2)
        seen.add(tuple(sorted(world.enforcer._table.look().hooks.values())))

    allowed, denied, arrived = under_traffic(world, family, change, 50)
    assert len(seen) == 2
    arrived |= world.forest.settled(allowed - arrived)
    assert len(allowed) > 500
    assert allowed - arrived == set()
    assert denied & arrived == set()


def under_traffic(
    world: World, family: Family, change: Callable[[int], None], turns: int = 100
) -> tuple[set[int], set[int], set[int]]:
    """Send what is allowed and what is not during many changes; gives both, and what arrived."""
    allowed: set[int] = set()
    denied: set[int] = set()
    arrived: set[int] = set()
    stop = threading.Event()

    def replace() -> None:
        os.sched_setaffinity(0, world.forest.processors)
        try:
            for turn in range(turns):
                change(turn)
        finally:
            stop.set()

    replacing = threading.Thread(target=replace)
    replacing.start()
    while not stop.is_set():
        for _ in range(20):
            allowed.add(world.send("web", "api", 53, Protocol.UDP, family))
            denied.add(world.send("web", "api", 54, Protocol.UDP, family))
            denied.add(world.send("db", "api", 53, Protocol.UDP, family))
        arrived |= world.forest.arrived()
    replacing.join()
    return allowed, denied, arrived


def test_an_address_that_is_used_again_finds_no_connection_of_the_pod_before(
    world: World, live: Live, family: Family
) -> None:
    pods = [pod("web"), pod("db")]
    world.enforce(OPEN, pods=pods, pod_cidrs=POD_CIDRS)
    heir = pod("api", labels=(("app", "heir"),))
    world.enforce(OPEN, policy("heir", "heir", ingress=()), pods=[*pods, heir], pod_cidrs=POD_CIDRS)
    assert address("api", family) in heir.addresses
    assert not carries(world, *live)
