"""What a person types stands for what they mean; what stands for nothing is said with what was perhaps meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.engine.directory import Directory
from podfence.engine.judge import Domain, Outside
from podfence.engine.resolve import kind_of, resolve
from podfence.model.error import PodfenceError
from podfence.model.labels import label_set, selector
from podfence.model.net import AddressRange, covers, parse_address
from podfence.model.objects import EndpointSlice, Namespace, Node, ObjectRef, Pod, Service
from podfence.model.policy import Action, Direction, PodPeer, Policy, Rule, Tier
from podfence.model.snapshot import Snapshot


def address(text: str) -> int:
    return parse_address(text)


def pod(name: str, kind: str = "Pod", owner: str = "", **other: object) -> Pod:
    plain: dict[str, object] = {"namespace": "shop", "workload": (kind, owner or name), **other}
    return Pod(name=name, **plain)  # type: ignore[arg-type]


CART = [
    pod(f"cart-{n}", "Deployment", "cart", labels=label_set({"app": "cart", "n": str(n)}), addresses=(address(ip),))
    for n, ip in enumerate(("10.0.0.1", "10.0.0.2"))
]
DB = pod("db", "StatefulSet", "db", labels=label_set({"app": "db"}), count=3, from_template=True)
AGENTS = [
    pod(f"agent-{n}", "DaemonSet", "agent", node=f"n{n + 1}", from_template=True, host_network=True) for n in range(2)
]
TWINS = [pod("twin", kind, "twin", count=2, from_template=True) for kind in ("Deployment", "StatefulSet")]
SNAPSHOT = Snapshot(
    namespaces=(Namespace("empty", ()), Namespace("shop", ())),
    pods=(*CART, DB, *AGENTS, *TWINS, pod("lone", addresses=(address("fd00::7"), address("10.0.0.9")))),
    nodes=(Node("n1", addresses=(address("192.168.0.1"),)), Node("n2")),
    services=(
        Service("shop", "cart", label_set({"app": "cart"}), addresses=(address("10.96.0.1"),)),
        Service("shop", "elsewhere", None),
        Service("shop", "nobody", label_set({"app": "none"})),
        Service("shop", "name", None, type="ExternalName"),
        Service("shop", "only-service", label_set({"app": "cart"})),
    ),
    endpoint_slices=(EndpointSlice("shop", "elsewhere", (address("203.0.113.7"), address("10.0.0.2"))),),
)
DIRECTORY = Directory(SNAPSHOT, searched="manifests/")


def named(text: str, namespace: str | None = None) -> list[str]:
    parties = resolve(DIRECTORY, text, namespace).parties
    return [getattr(party, "name", str(party)) for party in parties]


def refused(text: str, namespace: str | None = None) -> str:
    with pytest.raises(PodfenceError) as error:
        resolve(DIRECTORY, text, namespace)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "shop/cart",
        "shop/deploy/cart",
        "shop/Deployment/cart",
        "shop/DEPLOYMENTS/cart",
        "shop/deployments.apps/cart",
        "shop/service/cart",
        "shop/svc/cart",
        "10.96.0.1",
    ],
)
def test_a_workload_or_its_service_means_all_of_its_pods(text: str) -> None:
    assert named(text) == ["cart-0", "cart-1"]


def test_a_pod_by_name_is_that_pod() -> None:
    assert named("shop/cart-1") == named("shop/po/cart-1") == ["cart-1"]
    assert resolve(DIRECTORY, "shop/cart-1").id == "shop/Pod/cart-1"


def test_an_instance_of_a_template_is_one_pod_of_it() -> None:
    (found,) = resolve(DIRECTORY, "shop/db-2").pods
    assert (found.name, found.count, found.labels) == ("db-2", 1, DB.labels)
    assert "shop/db-3: no such" in refused("shop/db-3")


def test_the_pods_of_a_daemon_set_have_the_node_that_their_number_stands_for() -> None:
    assert [found.node for found in resolve(DIRECTORY, "shop/agent-1").pods] == ["n2"]
    assert named("shop/ds/agent") == ["agent-0", "agent-1"]


@pytest.mark.parametrize("text", ["cart", "deploy/cart", "shop/cart"])
def test_the_namespace_may_be_left_out_when_it_is_given(text: str) -> None:
    assert named(text, "shop") == ["cart-0", "cart-1"]


def test_an_address_means_its_owner_with_that_address_alone() -> None:
    (found,) = resolve(DIRECTORY, "fd00:0::7").pods
    assert (found.name, found.addresses) == ("lone", (address("fd00::7"),))
    assert named("192.168.0.1") == ["n1"]
    assert resolve(DIRECTORY, "8.8.8.8").parties == (Outside((AddressRange(address("8.8.8.8"), address("8.8.8.8")),)),)


def test_a_block_means_every_address_in_it() -> None:
    outside, *pods = resolve(DIRECTORY, "10.0.0.0/30").parties
    assert [found.name for found in pods if isinstance(found, Pod)] == ["cart-0", "cart-1"]
    assert isinstance(outside, Outside)
    assert [covers(outside.ranges, address(f"10.0.0.{n}")) for n in range(5)] == [True, False, False, True, False]


def test_the_internet_is_public_and_belongs_to_nobody_here() -> None:
    (outside,) = resolve(DIRECTORY, "internet").parties
    assert isinstance(outside, Outside)
    seen = {text: covers(outside.ranges, address(text)) for text in ("8.8.8.8", "10.0.0.1", "192.168.7.7", "2600::1")}
    assert seen == {"8.8.8.8": True, "10.0.0.1": False, "192.168.7.7": False, "2600::1": True}


def test_nodes_domains_and_ids_of_the_map_resolve() -> None:
    assert named("node/n1") == named("no/n1") == ["n1"]
    assert resolve(DIRECTORY, "domain/API.example.com.").parties == (Domain("api.example.com"),)
    (outside,) = resolve(DIRECTORY, "external/8.0.0.0-8.0.0.255").parties
    assert outside == Outside((AddressRange(address("8.0.0.0"), address("8.0.0.255")),))
    assert len(resolve(DIRECTORY, "namespace/shop").parties) == len(SNAPSHOT.pods)


def test_a_numbered_id_means_the_pods_that_policies_tell_apart() -> None:
    subject = PodPeer("shop", None, selector({"n": "1"}))
    policy = Policy(ObjectRef("NetworkPolicy", "shop", "p"), Tier.NETWORK_POLICY, 0, subject, (), None)
    directory = Directory(SNAPSHOT.with_policies([policy]))
    names = [[found.name for found in resolve(directory, f"shop/Deployment/cart#{n}").pods] for n in (1, 2)]
    assert names == [["cart-0"], ["cart-1"]]
    with pytest.raises(PodfenceError, match="only 2"):
        resolve(directory, "shop/Deployment/cart#3")


def test_a_service_without_selector_means_the_addresses_of_its_slices() -> None:
    outside, known = resolve(DIRECTORY, "shop/service/elsewhere").parties
    assert isinstance(outside, Outside)
    assert isinstance(known, Pod)
    assert known.name == "cart-1"


def test_a_name_that_several_workloads_have_asks_which() -> None:
    assert refused("shop/twin") == "shop/twin may be shop/Deployment/twin, shop/StatefulSet/twin: say which"


def test_the_kind_is_said_where_the_name_alone_would_mean_something_else() -> None:
    assert resolve(DIRECTORY, "shop/sts/twin").display == "shop/StatefulSet/twin"
    assert resolve(DIRECTORY, "shop/sts/db").display == "shop/db"
    directory = Directory(Snapshot((Namespace("shop", ()),), (pod("db"), DB, pod("own", "Job", "own"))))
    ends = [resolve(directory, text).display for text in ("shop/db", "shop/sts/db", "shop/own", "shop/job/own")]
    assert ends == ["shop/db", "shop/StatefulSet/db", "shop/own", "shop/Job/own"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shop/crat", "shop/crat: no such workload, pod or service in manifests/; did you mean shop/cart?"),
        ("shop/deploy/crat", "shop/deploy/crat: no such Deployment in manifests/; did you mean shop/Deployment/cart?"),
        ("shop/svc/crt", "shop/svc/crt: no such Service in manifests/; did you mean shop/service/cart?"),
        ("shpo/cart", "shpo/cart: no such namespace in manifests/: shpo; did you mean shop?"),
        ("empty/cart", "empty/cart: no such workload, pod or service in manifests/; did you mean shop/cart?"),
        ("cart", "cart: which namespace? write shop/cart, or give -n"),
        ("crat", "crat: no such workload, pod or address in manifests/; did you mean shop/cart?"),
        ("node/n1x", "node/n1x: no such node in manifests/; did you mean node/n1?"),
        ("shop/only-service", "write shop/service/only-service for its pods and ports"),
        ("shop/service/nobody", "selects no pod: none in namespace shop has app=none"),
        ("shop/service/name", "only a name for another host"),
        ("shop/depoyment/cart", "'depoyment' is no kind of endpoint; did you mean Deployment?"),
        ("namespace/empty", "there is no pod in this namespace"),
        ("external/nonsense", "'nonsense' is no"),
        ("external/10.0.0.9-10.0.0.1", "the range ends before it begins"),
        ("a/b/c/d", "too many slashes"),
        ("", "names no endpoint"),
        ("shop/", "names no endpoint"),
    ],
)
def test_what_stands_for_nothing_is_said_in_one_line_with_what_would_be_right(text: str, said: str) -> None:
    assert said in refused(text)


@pytest.mark.parametrize(
    ("word", "kind"),
    [("po", "Pod"), ("PODS", "Pod"), ("sts", "StatefulSet"), ("cronjobs", "CronJob"), ("rc", "ReplicationController")],
)
def test_kinds_have_the_names_that_kubectl_knows(word: str, kind: str) -> None:
    assert kind_of(word) == kind
    assert kind_of("ingress") is None


def test_near_keeps_every_policy_that_can_matter_and_no_other() -> None:
    rules = (Rule(Action.ACCEPT, None, None, "spec.ingress[0]", "from", "ports"),)
    everyone = PodPeer(None, selector({}), selector({}))
    policies = [
        Policy(ObjectRef("NetworkPolicy", place, "p"), Tier.NETWORK_POLICY, 0, everyone, rules, None)
        for place in ("shop", "empty")
    ]
    cluster = Policy(ObjectRef("ClusterNetworkPolicy", None, "c"), Tier.ADMIN, 0, everyone, rules, None)
    near = Directory(SNAPSHOT.with_policies([*policies, cluster])).near(CART)
    assert {policy.ref.identity for policy in near.policies} == {policies[0].ref.identity, cluster.ref.identity}
    assert all(policy.rules(Direction.INGRESS) == rules for policy in near.policies)


@given(
    st.text()
    | st.lists(st.sampled_from(["shop", "cart", "po", "10.0.0.0", "8", "#1", "-1", "::", "node"])).map("/".join)
)
def test_any_text_resolves_or_is_refused_in_one_line(text: str) -> None:
    try:
        assert resolve(DIRECTORY, text).parties
    except PodfenceError as error:
        assert error.message  # noqa: PT017 (both outcomes are fine, anything else is not)
