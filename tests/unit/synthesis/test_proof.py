"""What is proved about a draft: all that opens besides the question, and that a draft which closes anything fails."""

from __future__ import annotations

from typing import Any

from podfence.engine.directory import Directory
from podfence.engine.question import pairs_of, parse_port
from podfence.engine.resolve import resolve
from podfence.model.objects import ObjectRef
from podfence.synthesis.edit import Draft, Edit, drafted
from podfence.synthesis.proof import Proof, Proved
from tests.unit.asking import cluster_policy, loaded, network_policy, pod, suggested

WEB, CLIENT, OTHER = (pod(f"a/{name}", app=name) for name in ("web", "client", "other"))
BASE = cluster_policy("base", "Baseline", 5, "  ingress: [{action: Accept, from: [{namespaces: {}}]}]")


def proved(text: str, edit: Edit, source: str = "a/client", destination: str = "a/web") -> Proved | None:
    read = loaded(text)
    directory = Directory(read.snapshot)
    ends = resolve(directory, source), resolve(directory, destination)
    near = directory.near((*ends[0].parties, *ends[1].parties))
    draft = drafted(Draft(), edit, read.documents)
    assert draft is not None
    return Proof(read.snapshot, list(pairs_of(directory, near, *ends, parse_port("80"))), [draft]).prove(draft)


def new_policy(labels: dict[str, str], rules: list[Any]) -> Edit:
    document = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "new", "namespace": "a"},
        "spec": {"podSelector": {"matchLabels": labels}, "policyTypes": ["Ingress"], "ingress": rules},
    }
    return Edit(("NetworkPolicy", "a", "new"), None, "", 0, (document,))


DENY_WEB = network_policy("a/deny", "  podSelector: {matchLabels: {app: web}}")


def test_a_policy_that_isolates_pods_anew_closes_something() -> None:
    everyone: list[Any] = [{"from": [{"podSelector": {}}]}]
    assert proved(WEB + CLIENT + OTHER + DENY_WEB, new_policy({}, everyone)) is None
    assert proved(WEB + CLIENT + OTHER + DENY_WEB, new_policy({"app": "web"}, everyone)) is not None


def test_a_deny_where_none_was_closes_something() -> None:
    ref = ObjectRef("ClusterNetworkPolicy", None, "base")
    for action, closes in (("Deny", True), ("Accept", False)):
        rule = {"action": action, "from": [{"namespaces": {}}]}
        edit = Edit(ref.identity, ref, "spec.ingress", 0, (rule,), ordered=True)
        assert (proved(WEB + CLIENT + OTHER + BASE, edit) is None) == closes


def test_what_opens_besides_is_counted_in_pairs_and_in_ports_and_named() -> None:
    both = [{"from": [{"podSelector": {"matchLabels": {"app": name}}} for name in ("client", "other")]}]
    found = proved(WEB + CLIENT + OTHER + DENY_WEB, new_policy({"app": "web"}, both))
    assert found is not None
    assert found.pairs == 1
    assert found.ports > 3 * 65_000
    assert [(item.source, item.destination) for item in found.besides] == [("a/client", "a/web"), ("a/other", "a/web")]


def test_blocks_that_together_hold_every_address_a_pod_can_have_open_it_as_well() -> None:
    policy = network_policy(
        "a/p",
        "  podSelector: {matchLabels: {app: web}}\n"
        "  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}, {ipBlock: {cidr: 172.16.0.0/12}}], ports: [{port: 80}]}]",
    )
    found = suggested(WEB + CLIENT + policy, "192.168.0.0/16", "a/web", "80")
    assert ("a/client", "a/web") in [(item.source, item.destination) for item in getattr(found, "besides", ())]
