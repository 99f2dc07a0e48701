"""Which connections an assertion makes of a lab, and what their packets add to the engine's word."""

from __future__ import annotations

import pytest

from podfence.lab.asserting import Assertions
from podfence.lab.truth import ends_of
from podfence.manifests.documents import Item
from podfence.manifests.gather import gather
from podfence.manifests.inputs import read_data
from podfence.model.assertion import Assertion
from podfence.model.source import Position

CLUSTER = """
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 172.18.0.2}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
status: {addresses: [{type: InternalIP, address: 172.18.0.3}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.9, selector: {app: web}, ports: [{port: 80, targetPort: http}]}
"""


def pod(name: str, address: str, node: str, ports: str = "[]") -> str:
    return f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: shop, uid: {name}-uid, labels: {{app: {name}}}}}
spec: {{nodeName: {node}, containers: [{{name: c, ports: {ports}}}]}}
status: {{podIP: {address}, podIPs: [{{ip: {address}}}]}}
"""


TEXT = (
    CLUSTER
    + pod("web", "10.244.0.2", "n1", "[{name: http, containerPort: 8080}]")
    + pod("cart", "10.244.0.3", "n1")
    + pod("spy", "10.244.1.2", "n2")
)


@pytest.fixture(scope="module")
def assertions() -> Assertions:
    items = [one for one in read_data(TEXT.encode(), "cluster.yaml") if isinstance(one, Item)]
    pods = [one.plain() for one in items if one.kind == "Pod"]
    return Assertions(ends_of(gather(items).snapshot, pods), None)


def assertion(source: str, destination: str, *ports: str, allowed: bool = True, only: bool = False) -> Assertion:
    return Assertion("it", (source,), (destination,), ports, allowed, only, Position("t.yaml", 1, 1))


def asked(assertions: Assertions, wanted: Assertion) -> list[str]:
    return [
        f"{one.from_address or one.place} → {one.address} {one.protocol.value} {one.port} "
        f"{'arrives' if one.expected else 'does not'}"
        for one in assertions.attempted(wanted).questions
    ]


def test_a_pod_is_asked_on_the_ports_that_it_declares(assertions: Assertions) -> None:
    assert asked(assertions, assertion("shop/cart", "shop/web")) == ["pod/cart-uid → 10.244.0.2 TCP 8080 arrives"]


def test_a_service_is_asked_behind_its_address_and_at_it(assertions: Assertions) -> None:
    assert asked(assertions, assertion("shop/cart", "shop/service/web", "80")) == [
        "pod/cart-uid → 10.244.0.2 TCP 8080 arrives",
        "pod/cart-uid → 10.96.0.9 TCP 80 arrives",
    ]


def test_nobody_but_these_asks_everybody_else_but_the_own_node(assertions: Assertions) -> None:
    assert asked(assertions, assertion("shop/cart", "shop/web", "8080", only=True)) == [
        "pod/cart-uid → 10.244.0.2 TCP 8080 arrives",
        "pod/spy-uid → 10.244.0.2 TCP 8080 does not",
        "node/n2 → 10.244.0.2 TCP 8080 does not",
    ]


def test_the_internet_is_every_host_outside_from_its_own_address(assertions: Assertions) -> None:
    from_outside = asked(assertions, assertion("internet", "shop/web", "8080", allowed=False))
    assert "8.8.8.8 → 10.244.0.2 TCP 8080 does not" in from_outside
    assert not [line for line in from_outside if ":" in line]


def test_what_nobody_in_the_lab_stands_for_is_said(assertions: Assertions) -> None:
    found = assertions.attempted(assertion("shop/cart", "198.51.100.7", "443"))
    assert (found.questions, found.untried) == ((), ("198.51.100.7",))
