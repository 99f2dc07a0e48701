"""Hosts by name in the desired state: who is let out to which address, and what that depends on."""

from __future__ import annotations

import msgspec
import pytest

from podfence.dataplane.compiler import Compiler
from podfence.dataplane.difference import Desired
from podfence.dataplane.lookups import Answer, Lookups, Need
from podfence.dataplane.members import ASKING, ATTENDED, RESOLVERS, RESOLVERS_HERE
from podfence.dataplane.resolvers import ANSWERS, answers_chains
from podfence.dataplane.settings import Settings
from podfence.model.change import Change
from podfence.model.labels import label_set
from podfence.model.net import Family, parse_address
from podfence.model.objects import Node
from podfence.model.policy import DomainPeer, Policy
from tests.small_cluster import NODE, POD_CIDRS, Allow, address, cluster, cluster_policy, deny, pod

HOSTS = ("203.0.113.9", "2001:db8::9")
SETTINGS = Settings(NODE, pod_cidrs=POD_CIDRS)


def by_name(*names: str, about: str | None = None) -> Policy:
    return cluster_policy("names", about, egress=[Allow((DomainPeer(names),)), deny()])


def told(who: str = "web", *hosts: str, name: str = "www.example.com") -> Answer:
    return Answer(address(who), name, tuple(map(parse_address, hosts or HOSTS)), 300)


def compiler(*policies: Policy, answers: tuple[Answer, ...] = (), lookups: Lookups | None = None) -> Compiler:
    found = Compiler(cluster(*policies), SETTINGS, lookups)
    for one in answers:
        found.hosts.learn(one, 0.0)
    found.apply(())
    return found


def pairs(desired: Desired) -> set[str]:
    return {key for name, found in desired.elements.items() if name.startswith("dns") for key in found}


def test_a_pod_is_let_out_to_what_it_was_told_and_no_other_pod_is() -> None:
    found = compiler(by_name("*.example.com"), answers=(told(),)).desired
    assert pairs(found) == {"10.9.0.1 . 203.0.113.9", "fd09::1 . 2001:db8::9"}


def test_names_that_no_policy_speaks_of_open_nothing() -> None:
    found = compiler(by_name("*.example.com"), answers=(told(name="example.com"), told(name="www.example.org"))).desired
    assert pairs(found) == set()


def test_a_name_that_one_policy_speaks_of_opens_nothing_to_pods_of_another() -> None:
    other = cluster_policy("other", "api", egress=[Allow((DomainPeer(("www.example.com",)),)), deny()])
    found = compiler(by_name("www.example.org", about="web"), other, answers=(told(),)).desired
    assert pairs(found) == set()


def test_an_address_of_a_pod_or_node_is_no_host_with_a_name_as_long_as_it_is_theirs() -> None:
    late = address("late")
    found = compiler(by_name("www.example.com"), answers=(told("web", "10.9.0.2", "10.9.0.4"),))
    assert pairs(found.desired) == {"10.9.0.1 . 10.9.0.4"}
    new = pod("late")
    assert late in new.addresses
    found.apply([Change(None, new)])
    assert pairs(found.desired) == set()
    found.apply([Change(new, None)])
    assert pairs(found.desired) == {"10.9.0.1 . 10.9.0.4"}


def test_what_a_pod_was_told_goes_with_the_pod() -> None:
    found = compiler(by_name("www.example.com"), answers=(told(),))
    found.apply([Change(pod("web"), None)])
    assert pairs(found.desired) == set()
    found.apply([Change(None, pod("web"))])
    assert pairs(found.desired) == set()


def test_a_pod_made_anew_under_the_same_name_in_one_step_knows_nothing() -> None:
    found = compiler(by_name("www.example.com"), answers=(told(),))
    old, new = pod("web"), pod("web", addresses=pod("late").addresses)
    found.apply([Change(old, new)])
    assert pairs(found.desired) == set()


def test_a_policy_that_names_one_more_keeps_what_pods_were_told() -> None:
    before, after = by_name("www.example.com"), by_name("www.example.com", "api.example.com")
    found = compiler(before, answers=(told(),))
    found.apply([Change(before, after)])
    assert pairs(found.desired) == {"10.9.0.1 . 203.0.113.9", "fd09::1 . 2001:db8::9"}
    found.apply([Change(after, by_name("api.example.com"))])
    assert pairs(found.desired) == set()


def test_a_compiler_made_anew_knows_what_the_one_before_was_told() -> None:
    lookups = Lookups()
    first = compiler(by_name("www.example.com"), answers=(told(),), lookups=lookups).desired
    assert compiler(by_name("www.example.com"), lookups=lookups).desired == first


def test_a_host_that_counts_no_longer_goes_unless_a_connection_lives_and_cuts_none() -> None:
    found = compiler(by_name("www.example.com"), answers=(told(),))
    found.hosts.expire(300.0, lambda asked: [pair for pair in asked if pair[0] == address("web")])
    assert found.apply(()).removed.keys() == {name for name in found.desired.sets if name.startswith("dns6-")}
    assert pairs(found.desired) == {"10.9.0.1 . 203.0.113.9"}
    found.hosts.expire(360.0, lambda _: [])
    last = found.apply(())
    assert last.removed
    assert not last.shrinks
    assert pairs(found.desired) == set()


def test_answers_are_held_only_for_pods_that_may_reach_hosts_by_name_and_while_there_are_any() -> None:
    policy = by_name("www.example.com", about="web")
    found = compiler(policy)
    assert found.desired.elements[ASKING[Family.IPV4]].keys() == {"10.9.0.1"}
    assert found.desired.elements[ATTENDED].keys() == {"tcp", "udp"}
    assert all(found.desired.chains[name].rules for name in ANSWERS.values())
    found.apply([Change(policy, None)])
    assert not found.desired.elements[ASKING[Family.IPV4]]
    assert not found.desired.elements[ATTENDED]
    assert not any(found.desired.chains[name].rules for name in ANSWERS.values())


def test_each_time_the_agent_says_that_it_is_there_the_elements_are_others() -> None:
    found = compiler(by_name("www.example.com"))
    found.hosts.attend()
    first = found.apply(())
    assert first.added.keys() == first.removed.keys() == {ATTENDED}
    assert not first.shrinks


def test_an_answer_is_new_known_or_nothing_to_the_pod_that_asked() -> None:
    found = compiler(by_name("*.example.com", about="web"), by_name_of_api(), answers=(told(),))
    assert found.hosts.need(told(), 1.0) is Need.KNOWN
    assert found.hosts.need(told(name="api.example.com"), 1.0) is Need.NEW
    assert found.hosts.need(told("api"), 1.0) is Need.NONE
    assert found.hosts.need(told("late"), 1.0) is Need.NONE


def by_name_of_api() -> Policy:
    return cluster_policy("of-api", "api", egress=[Allow((DomainPeer(("www.example.org",)),)), deny()])


DNS = label_set({"k8s-app": "kube-dns"})


def test_cluster_dns_is_trusted_and_who_only_bears_its_label_elsewhere_is_not() -> None:
    pods = [
        pod("web", namespace="kube-system", labels=DNS),
        pod("api", namespace="shop", labels=DNS),
        pod("db", namespace="kube-system", labels=DNS, host_network=True),
        pod("late", namespace="kube-system", labels=DNS, host_network=True, node="elsewhere"),
    ]
    found = Compiler(cluster(pods=pods), SETTINGS).desired.elements
    assert found[RESOLVERS[Family.IPV4]].keys() == {"10.9.0.1"}
    assert found[RESOLVERS_HERE[Family.IPV4]].keys() == {"10.9.0.3"}


@pytest.mark.parametrize(("label", "trusted"), [("node.openshift.io/os_id", True), ("openshift.io/os_id", False)])
def test_the_namespace_of_openshift_counts_in_openshift_alone(label: str, *, trusted: bool) -> None:
    labels = label_set({"dns.operator.openshift.io/daemonset-dns": "default"})
    node = Node(NODE, labels=label_set({label: "rhel"}))
    snapshot = msgspec.structs.replace(
        cluster(pods=[pod("web", namespace="openshift-dns", labels=labels)]), nodes=(node,)
    )
    found = Compiler(snapshot, SETTINGS).desired.elements
    assert bool(found[RESOLVERS[Family.IPV4]]) is trusted


def test_an_answer_counts_only_from_where_the_routes_of_the_node_lead_and_in_audit_is_not_held() -> None:
    settings = msgspec.structs.replace(SETTINGS, resolvers=(parse_address("198.51.100.1"),))
    inward, outward = (answers_chains(settings, holds=True)[name].rules for name in ("answers-in", "answers-out"))
    assert all("fib saddr . iif oif exists" in rule for rule in inward[1:])
    assert not any("169.254.20.10" in rule or "resolvers-here" in rule for rule in inward)
    assert any("169.254.20.10, 198.51.100.1" in rule for rule in outward)
    audit = answers_chains(msgspec.structs.replace(settings, audit=True), holds=True)
    assert all(" drop" in rule for rule in (*inward[1:], *outward[1:]))
    assert not any(" drop" in rule for chain in audit.values() for rule in chain.rules)
