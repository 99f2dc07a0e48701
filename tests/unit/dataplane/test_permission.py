"""What is said to grow never takes a permission away; what surely grows is said to."""

from __future__ import annotations

import pytest

from podfence.dataplane.objects import AddressMatch, Clause, PortsMatch
from podfence.dataplane.permission import Uses, class_shrinks, set_shrinks
from podfence.model.net import Family, Protocol, parse_cidr
from podfence.model.policy import Action, Tier

NP = Tier.NETWORK_POLICY


def clause(action: Action, name: str = "", ports: PortsMatch | None = None, tier: Tier = NP) -> Clause:
    addresses = AddressMatch(f"ct original ip saddr @{name}", Family.IPV4, name) if name else AddressMatch()
    return Clause(tier, action, addresses, ports or PortsMatch())


def accept(name: str = "", ports: PortsMatch | None = None) -> Clause:
    return clause(Action.ACCEPT, name, ports)


def within(*cidrs: str) -> Clause:
    ranges = tuple(parse_cidr(cidr) for cidr in cidrs)
    return Clause(NP, Action.ACCEPT, AddressMatch(" ".join(cidrs), Family.IPV4, ranges=ranges))


def tcp(*ranges: tuple[int, int]) -> PortsMatch:
    return PortsMatch(str(ranges), Protocol.TCP, ranges)


END = clause(Action.DENY)
NO_A, PASS_A = clause(Action.DENY, "a"), clause(Action.PASS, "a", tier=Tier.ADMIN)

GROWS = {
    "what was closed to all": ([END], [NO_A, accept("a"), END]),
    "nothing changes": ([accept("a"), END], [accept("a"), END]),
    "one more peer": ([accept("a"), END], [accept("b"), accept("a"), END]),
    "everybody": ([accept("a"), END], [accept(), END]),
    "isolated no more": ([accept("a"), END], []),
    "a deny less": ([NO_A, accept("b"), END], [accept("b"), END]),
    "more ports": ([accept("a", tcp((80, 80))), END], [accept("a", tcp((1, 90), (443, 443))), END]),
    "all ports of the protocol": ([accept("a", tcp((80, 80))), END], [accept("a", tcp()), END]),
    "all traffic": ([accept("a", tcp((80, 80))), END], [accept("a"), END]),
    "a wider block": ([within("10.0.0.0/24"), END], [within("10.0.0.0/16"), END]),
    "accepts alone": ([], [accept("a")]),
    "accepts that nothing denies go": ([accept("a")], []),
    "the order of accepts": ([accept("a"), accept("b"), END], [accept("b"), accept("a"), END]),
}
SHRINKS = {
    "isolated now": ([], [accept("a"), END]),
    "one peer less": ([accept("a"), accept("b"), END], [accept("a"), END]),
    "another peer": ([accept("a"), END], [accept("b"), END]),
    "a deny more": ([accept("b"), END], [NO_A, accept("b"), END]),
    "a deny before the accept": ([accept("b"), NO_A, END], [NO_A, accept("b"), END]),
    "fewer ports": ([accept("a", tcp((1, 90))), END], [accept("a", tcp((80, 80))), END]),
    "ports where there were none": ([accept("a"), END], [accept("a", tcp()), END]),
    "a hole in the block": ([within("10.0.0.0/16"), END], [within("10.0.0.0/24", "10.0.2.0/24"), END]),
    "a pass goes": ([PASS_A, END], [END]),
    "a pass comes": ([accept("b"), NO_A], [PASS_A, accept("b"), NO_A]),
    "a port name that may be another": ([accept("a", PortsMatch("x", set_name="port4-x")), END], [END]),
}


@pytest.mark.parametrize("case", GROWS)
def test_a_class_grows_by(case: str) -> None:
    assert not class_shrinks(*GROWS[case])


@pytest.mark.parametrize("case", SHRINKS)
def test_a_class_shrinks_by(case: str) -> None:
    assert class_shrinks(*SHRINKS[case])


def test_a_set_shrinks_by_what_its_users_do_with_it() -> None:
    uses = Uses()
    uses.add([accept("allowed"), clause(Action.DENY, "denied"), clause(Action.PASS, "passed")])
    some, none = {"10.0.0.1"}, set[str]()
    verdicts = {name: (set_shrinks(name, some, none, uses), set_shrinks(name, none, some, uses)) for name in NAMES}
    assert verdicts == {
        "allowed": (False, True),
        "denied": (True, False),
        "passed": (True, True),
        "contested4": (True, False),
        "ready6": (False, True),
        "nobody's": (False, False),
    }
    assert not set_shrinks("passed", some, some, uses)


NAMES = ("allowed", "denied", "passed", "contested4", "ready6", "nobody's")
