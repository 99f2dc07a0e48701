"""The judgement of a probe: what connections mean for which node, against a cluster that enforces as it is told to."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from podfence.kube.client import Client, ClusterError
from podfence.kube.config import of_server
from podfence.kube.probe import Probe
from podfence.kube.probe_plan import Attempt, Place, attempts
from podfence.kube.probe_stage import Settings
from podfence.model.enforcement import Enforcement, ProbeResult
from podfence.model.error import PodfenceError
from podfence.model.policy import Direction
from tests.protocol.script import FakeTime
from tests.protocol.web import Reply, Request, serving

YES, NO, UNKNOWN = Enforcement.ENFORCED, Enforcement.NOT_ENFORCED, Enforcement.UNKNOWN


class Cluster:
    """Nodes that run pods at once and enforce policies after some tries, or never, or wrongly."""

    def __init__(self, *nodes: str) -> None:
        self.nodes = dict.fromkeys(nodes, True)
        self.lax: set[tuple[str, Direction]] = set()
        self.stuck: set[tuple[str, Direction]] = set()
        self.cut_off: set[str] = set()
        self.pending: dict[str, str] = {}
        self.slow = 0
        self.policies: dict[str, dict[str, Any]] = {}
        self.pods: dict[str, dict[str, Any]] = {}
        self.namespaces: list[str] = []
        self.deleted: list[str] = []
        self.early = 0
        self.refuse_exec = False
        self.starting = threading.Event()
        self._tries = 0

    async def handle(self, request: Request, reply: Reply) -> None:
        """Answer the API requests of a probe."""
        plural = request.path.rpartition("/")[2]
        body = json.loads(request.body or b"{}")
        match request.method, plural:
            case "GET", "nodes":
                await reply.whole(200, {"items": [_node(name, ready) for name, ready in self.nodes.items()]})
            case "GET", "pods":
                self.starting.set()
                await reply.whole(200, {"items": list(self.pods.values())})
            case "POST", "namespaces":
                self.namespaces.append(body["metadata"]["name"])
                await reply.whole(201, body)
            case "POST", "pods" if self.early:
                self.early -= 1
                message = 'pods "x" is forbidden: error looking up service account a/default: not found'
                await reply.whole(403, {"code": 403, "reason": "Forbidden", "message": message})
            case "POST", "pods":
                self.pods[body["metadata"]["name"]] = self._pod(body)
                await reply.whole(201, body)
            case "POST", "networkpolicies":
                self.policies[body["metadata"]["name"]] = body
                self._tries = 0
                await reply.whole(201, body)
            case _:
                assert request.method == "DELETE"
                self.deleted.append(plural)
                self.policies.clear()
                self.pods.clear()
                await reply.whole(200, {})

    def _pod(self, body: dict[str, Any]) -> dict[str, Any]:
        node = body["spec"]["nodeName"]
        if node in self.pending:
            waiting = {"waiting": {"reason": self.pending[node], "message": "no\nsuch image"}}
            return {**body, "status": {"phase": "Pending", "containerStatuses": [{"state": waiting}]}}
        return {**body, "status": {"phase": "Running", "podIPs": [{"ip": f"10.0.0.{len(self.pods) + 1}"}]}}

    async def connect(self, _namespace: str, attempt: Attempt) -> str | None:
        """Connect as the policies say, on nodes that obey them."""
        if self.refuse_exec:
            raise ClusterError("exec is forbidden")
        self._tries += 1
        if {attempt.source.node, attempt.destination.node} & self.cut_off:
            return "TIMEOUT"
        if self._tries <= self.slow:
            return "TIMEOUT" if any(name.startswith("allow") for name in self.policies) else None
        for direction in Direction:
            key = (attempt.judged(direction), direction)
            denied = f"deny-{direction.value}" in self.policies
            allowed = f"allow-{direction.value}" in self.policies and key not in self.stuck
            if denied and not allowed and key not in self.lax:
                return "REFUSED"
        return None


def _node(name: str, ready: object) -> dict[str, Any]:
    condition = {"type": "Ready", "status": "True" if ready else "Unknown"}
    return {"metadata": {"name": name}, "status": {"conditions": [condition]}}


def probe(cluster: Cluster, *nodes: str) -> ProbeResult:
    async def run() -> ProbeResult:
        async with serving(cluster.handle) as port, Client(of_server(f"http://127.0.0.1:{port}")) as client:
            settings = Settings(nodes=nodes)
            return await Probe(client, settings, time=FakeTime().time, connect=cluster.connect).run()

    result = asyncio.run(run())
    assert cluster.deleted == cluster.namespaces
    return result


def sums(result: ProbeResult) -> dict[str, tuple[Enforcement, Enforcement]]:
    return {node.node: (node.ingress, node.egress) for node in result.nodes}


def reasons(result: ProbeResult, node: str) -> str:
    return "\n".join(next(each.reasons for each in result.nodes if each.node == node))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_nodes_that_obey_are_enforced(count: int) -> None:
    names = [f"n{number}" for number in range(count)]
    assert sums(probe(Cluster(*names))) == dict.fromkeys(names, (YES, YES))


def test_enforcement_that_comes_later_counts() -> None:
    cluster = Cluster("n1", "n2")
    cluster.slow = 6
    assert sums(probe(cluster)) == {"n1": (YES, YES), "n2": (YES, YES)}


def test_ingress_is_the_affair_of_the_servers_node_and_egress_of_the_clients() -> None:
    cluster = Cluster("n1", "n2", "n3")
    cluster.lax = {("n2", Direction.INGRESS), ("n3", Direction.EGRESS)}
    result = probe(cluster)
    assert sums(result) == {"n1": (YES, YES), "n2": (NO, YES), "n3": (YES, NO)}
    assert "from n1 to n2: still connects 20 s after a deny of all ingress" in reasons(result, "n2")


def test_an_allow_that_has_no_effect_is_no_enforcement_either() -> None:
    cluster = Cluster("n1", "n2")
    cluster.stuck = {("n1", Direction.INGRESS)}
    result = probe(cluster)
    assert sums(result)["n1"] == (NO, YES)
    assert "does not connect 20 s after ingress was allowed: REFUSED" in reasons(result, "n1")


def test_a_node_that_obeys_nothing_is_tried_in_both_directions() -> None:
    cluster = Cluster("n1")
    cluster.lax = {("n1", Direction.INGRESS), ("n1", Direction.EGRESS)}
    assert sums(probe(cluster)) == {"n1": (NO, NO)}


def test_where_nothing_opens_again_the_next_direction_is_unknown() -> None:
    cluster = Cluster("n1")
    cluster.stuck = {("n1", Direction.INGRESS)}
    assert sums(probe(cluster)) == {"n1": (NO, UNKNOWN)}


def test_what_does_not_connect_without_policies_tells_nothing() -> None:
    cluster = Cluster("n1", "n2")
    cluster.cut_off = {"n2"}
    result = probe(cluster)
    assert sums(result)["n2"] == (UNKNOWN, UNKNOWN)
    assert "nothing connects even without a policy: TIMEOUT" in reasons(result, "n2")


def test_a_node_whose_pods_do_not_start_is_unknown_and_the_others_are_probed() -> None:
    cluster = Cluster("n1", "n2", "n3")
    cluster.pending = {"n2": "ImagePullBackOff"}
    cluster.nodes["n3"] = False
    result = probe(cluster)
    assert sums(result) == {"n1": (YES, YES), "n2": (UNKNOWN, UNKNOWN), "n3": (UNKNOWN, UNKNOWN)}
    assert "did not start within 120 s: pod server-1: ImagePullBackOff, no such image" in reasons(result, "n2")
    assert reasons(result, "n3") == "the node is not ready"


def test_commands_that_cannot_be_run_tell_nothing() -> None:
    cluster = Cluster("n1")
    cluster.refuse_exec = True
    result = probe(cluster)
    assert sums(result) == {"n1": (UNKNOWN, UNKNOWN)}
    assert "exec is forbidden" in reasons(result, "n1")


def test_pods_wait_for_the_service_account_of_a_new_namespace() -> None:
    cluster = Cluster("n1")
    cluster.early = 3
    assert sums(probe(cluster)) == {"n1": (YES, YES)}


def test_only_the_nodes_that_were_named_are_probed() -> None:
    cluster = Cluster("n1", "n2", "n3")
    assert list(sums(probe(cluster, "n3", "n1"))) == ["n1", "n3"]
    with pytest.raises(PodfenceError, match="there is no node n9; there are: n1, n2, n3"):
        probe(cluster, "n9")


def test_an_interrupted_probe_cleans_up() -> None:
    cluster = Cluster("n1")
    cluster.slow = 1 << 30  # nothing ever takes effect

    async def run() -> None:
        connecting = asyncio.Event()

        async def connect(namespace: str, attempt: Attempt) -> str | None:
            connecting.set()
            return await cluster.connect(namespace, attempt)

        async with serving(cluster.handle) as port, Client(of_server(f"http://127.0.0.1:{port}")) as client:
            running = asyncio.create_task(Probe(client, Settings(), connect=connect).run())
            await connecting.wait()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

    asyncio.run(run())
    assert len(cluster.namespaces) == 1
    assert cluster.deleted == cluster.namespaces


def test_each_node_is_source_and_destination_and_the_pairs_do_not_multiply() -> None:
    places = [Place(f"n{number}", number, ("10.0.0.1", "fd00::1")) for number in range(10)]
    tried = attempts(places)
    assert len(tried) == 10 * 2 * 2
    for place in places:
        assert {str(each) for each in tried if each.destination == place} >= {
            f"from pod to pod on {place.node}",
            f"from pod to pod on {place.node} over IPv6",
        }
        assert any(each.source == place != each.destination for each in tried)
    assert tried[1].command[2] == "[fd00::1]:8080"
