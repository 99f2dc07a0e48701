"""The store against an API server in miniature: what is asked, what becomes of it, and what is told of changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from podfence.kube.client import Client
from podfence.kube.config import of_server
from podfence.kube.credentials import Credentials, FromFile
from podfence.kube.kinds import WATCHED
from podfence.kube.store import Store
from podfence.manifests.gather import gather
from podfence.manifests.served import ServedItem
from podfence.model.change import Change
from podfence.model.net import parse_address
from podfence.model.objects import Namespace, Pod
from podfence.model.policy import Policy
from tests.protocol.cluster import (
    CUSTOM,
    Cluster,
    cluster_network_policy,
    namespace,
    network_policy,
    node,
    pod,
)
from tests.protocol.script import FakeTime
from tests.protocol.web import Handler, Reply, Request, serving

CLUSTER_POLICIES = "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies"


class Followed:
    """A store beside its cluster, and the batches that it gave."""

    def __init__(
        self, store: Store, cluster: Cluster, batches: AsyncIterator[tuple[Change, ...]], time: FakeTime
    ) -> None:
        self.store = store
        self.cluster = cluster
        self.time = time
        self._batches = batches

    async def batch(self) -> list[Change]:
        """Give the next batch."""
        async with asyncio.timeout(20):
            return list(await anext(self._batches))

    async def changes(self, count: int) -> list[Change]:
        """Give the next batches, until so many changes came."""
        found: list[Change] = []
        while len(found) < count:
            found += await self.batch()
        return found


@asynccontextmanager
async def followed(cluster: Cluster, own_node: str | None = "n1") -> AsyncIterator[Followed]:
    time = FakeTime()
    async with serving(cluster.handle) as port, Client(of_server(f"http://127.0.0.1:{port}")) as client:
        store = Store(client, node=own_node, time=time.time)
        running = asyncio.create_task(store.run())
        try:
            async with asyncio.timeout(20):
                await store.wait_synced()
            async with aclosing(store.changes()) as batches:
                yield Followed(store, cluster, batches, time)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def follow(cluster: Cluster, story: Callable[[Followed], Awaitable[None]], own_node: str | None = "n1") -> None:
    async def run() -> None:
        async with followed(cluster, own_node) as told:
            await story(told)

    asyncio.run(run())


def words(changes: list[Change]) -> list[str]:
    """Say what came, changed and went."""
    return [f"{_name(change.before)} -> {_name(change.after)}" for change in changes]


def _name(value: Any) -> str:  # noqa: ANN401 (any object of the model)
    match value:
        case None:
            return "-"
        case Policy(ref=ref):
            return f"{ref}"
        case Namespace(name=name):
            return f"ns/{name}"
        case Pod(name=name, addresses=addresses):
            return f"{name}@{','.join(str(address & 0xFF) for address in addresses)}"
        case _:
            return str(value.name)


def test_the_snapshot_is_what_gathering_the_same_objects_gives() -> None:
    objects = [
        namespace("shop", team="a"),
        node("n1", "10.0.0.1"),
        pod("web", "10.1.0.1", app="web"),
        pod("done", "10.1.0.9", phase="Succeeded"),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]},
        },
        network_policy("web", {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}),
    ]

    async def story(told: Followed) -> None:
        items = [ServedItem(each["apiVersion"], each["kind"], msgspec.json.encode(each)) for each in objects]
        assert told.store.snapshot() == gather(items).snapshot

    follow(Cluster(*objects), story)


def test_every_change_is_told_once_with_what_was_and_what_is() -> None:
    async def story(told: Followed) -> None:
        told.cluster.put(pod("db", "10.1.0.2"))
        assert words(await told.changes(1)) == ["- -> db@2"]
        told.cluster.put(pod("db", "10.1.0.3"))
        assert words(await told.changes(1)) == ["db@2 -> db@3"]
        told.cluster.delete(pod("db"))
        assert words(await told.changes(1)) == ["db@3 -> -"]

    follow(Cluster(namespace("shop"), pod("web", "10.1.0.1")), story)


def test_what_does_not_matter_is_no_change() -> None:
    async def story(told: Followed) -> None:
        noisy = pod("web", "10.1.0.1")
        noisy["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
        told.cluster.put(noisy)
        told.cluster.put(pod("db", "10.1.0.2"))
        assert words(await told.changes(1)) == ["- -> db@2"]

    follow(Cluster(namespace("shop"), pod("web", "10.1.0.1")), story)


def test_a_pod_that_ended_is_gone() -> None:
    async def story(told: Followed) -> None:
        told.cluster.put(pod("job", "10.1.0.1", phase="Failed"))
        assert words(await told.changes(1)) == ["job@1 -> -"]
        told.cluster.delete(pod("job"))
        told.cluster.put(pod("db", "10.1.0.2"))
        assert words(await told.changes(1)) == ["- -> db@2"]

    follow(Cluster(namespace("shop"), pod("job", "10.1.0.1")), story)


def test_a_pod_deleted_and_made_anew_is_what_it_is_now() -> None:
    async def story(told: Followed) -> None:
        told.cluster.delete(pod("web"))
        told.cluster.put(pod("web", "10.1.0.7"))
        found = await told.batch()
        if words(found) == ["web@1 -> -"]:  # the two events came apart
            found = await told.batch()
        assert _name(found[-1].after) == "web@7"
        assert [each.addresses for each in told.store.snapshot().pods] == [(parse_address("10.1.0.7"),)]

    follow(Cluster(namespace("shop"), pod("web", "10.1.0.1")), story)


def test_an_address_of_two_pods_is_the_running_ones_and_comes_back() -> None:
    async def story(told: Followed) -> None:
        told.cluster.put(pod("new", "10.1.0.1", phase="Pending"))
        assert words(await told.changes(1)) == ["- -> new@"]
        told.cluster.put(pod("new", "10.1.0.1"))  # both run: it stays the first's by name
        assert words(await told.changes(2)) == ["old@1 -> old@", "new@ -> new@1"][::-1]
        told.cluster.delete(pod("new"))
        assert sorted(words(await told.changes(2))) == ["new@1 -> -", "old@ -> old@1"]

    follow(Cluster(namespace("shop"), pod("old", "10.1.0.1")), story)


def test_a_namespace_that_is_only_named_exists_until_its_object_comes_and_as_long_as_it_is_named() -> None:
    async def story(told: Followed) -> None:
        assert [each.name for each in told.store.snapshot().namespaces] == ["shop"]
        told.cluster.put(namespace("shop", team="a"))
        (change,) = await told.changes(1)
        assert isinstance(change.after, Namespace)
        assert ("team", "a") in change.after.labels
        told.cluster.delete(namespace("shop"))
        await told.changes(1)
        told.cluster.delete(pod("web"))
        assert words(await told.changes(2)) == ["ns/shop -> -", "web@1 -> -"]

    follow(Cluster(pod("web", "10.1.0.1")), story)


def test_deletions_during_a_compaction_are_told_after_it() -> None:
    async def story(told: Followed) -> None:
        cluster = told.cluster
        cluster.delete(pod("a"))
        await told.changes(1)
        cluster.go_away()
        cluster.delete(pod("b"))
        cluster.put(pod("c", "10.1.0.3"))
        cluster.compact()
        cluster.come_back()
        assert sorted(words(await told.changes(2))) == ["- -> c@3", "b@2 -> -"]

    follow(Cluster(namespace("shop"), pod("a", "10.1.0.1"), pod("b", "10.1.0.2")), story)


@pytest.mark.parametrize("spec", ["text", None, [1], {"podSelector": 7}, {"podSelector": {}, "ingress": "all"}])
def test_a_policy_that_cannot_be_read_stays_and_closes(spec: object) -> None:
    async def story(told: Followed) -> None:
        told.cluster.put(network_policy("odd", spec))
        (change,) = await told.changes(1)
        assert isinstance(change.after, Policy)
        assert change.after.ingress == ()

    follow(Cluster(namespace("shop")), story)


def test_a_custom_kind_that_is_installed_later_is_picked_up() -> None:
    async def story(told: Followed) -> None:
        told.cluster.install(CLUSTER_POLICIES)
        told.cluster.put(cluster_network_policy("guard", ingress=[{"action": "Deny", "from": [{"namespaces": {}}]}]))
        assert words(await told.changes(1)) == ["- -> guard"]

    follow(Cluster(namespace("shop")), story)


def test_a_custom_kind_that_goes_is_believed_to_be_gone_when_it_is_missing_again_and_again() -> None:
    async def story(told: Followed) -> None:
        told.cluster.uninstall(CLUSTER_POLICIES)
        assert words(await told.changes(1)) == ["guard -> -"]
        looks = [each for each in told.cluster.requests if each.path == CUSTOM_GROUP]
        assert len(looks) >= 1 + 3

    cluster = Cluster(namespace("shop"), cluster_network_policy("guard"))
    cluster.install(CLUSTER_POLICIES)
    follow(cluster, story)


CUSTOM_GROUP = "/apis/policy.networking.k8s.io"


def test_a_custom_kind_that_is_missing_at_first_was_only_late() -> None:
    cluster = Cluster(namespace("shop"), cluster_network_policy("guard"))

    async def handle(request: Request, reply: Reply) -> None:
        await cluster.handle(request, reply)
        if request.path == CUSTOM_GROUP:
            cluster.install(CLUSTER_POLICIES)

    async def story(store: Store, _time: FakeTime) -> None:
        await store.wait_synced()
        assert [policy.ref.name for policy in store.snapshot().policies] == ["guard"]

    asyncio.run(beside(handle, story))


def test_a_kind_in_a_version_of_the_future_is_not_taken_for_nothing() -> None:
    cluster = Cluster(namespace("shop"))
    cluster.paths["/apis/policy.networking.k8s.io/v1/clusternetworkpolicies"] = "ClusterNetworkPolicy"

    async def story(store: Store, time: FakeTime) -> None:
        await missing_only("clusternetworkpolicies.policy.networking.k8s.io", store, time)
        assert "take a newer one" in store.health[store.missing[0]].trouble

    asyncio.run(beside(cluster.handle, story))


async def beside(handle: Handler, story: Callable[[Store, FakeTime], Awaitable[None]]) -> None:
    """Run a store that may never be synced."""
    time = FakeTime()
    async with serving(handle) as port, Client(of_server(f"http://127.0.0.1:{port}")) as client:
        store = Store(client, time=time.time)
        running = asyncio.create_task(store.run())
        try:
            async with asyncio.timeout(20):
                await story(store, time)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def missing_only(resource: str, store: Store, time: FakeTime) -> None:
    """Wait until a single resource is missing, and was asked for in vain."""
    while store.missing != (resource,) or not store.health[resource].trouble:
        await time.until(time.now + 1)
    assert not store.synced


def test_only_the_own_node_is_read_until_a_policy_names_nodes() -> None:
    to_nodes = [{"action": "Accept", "to": [{"nodes": {"matchLabels": {"a": "b"}}}]}]

    async def story(told: Followed) -> None:
        assert [each.name for each in told.store.snapshot().nodes] == ["n1"]
        told.cluster.put(cluster_network_policy("guard", egress=to_nodes))
        assert sorted(words(await told.changes(2))) == ["- -> guard", "- -> n2"]
        told.cluster.delete(cluster_network_policy("guard"))
        assert words(await told.changes(1)) == ["guard -> -"]
        assert words(await told.changes(1)) == ["n2 -> -"]

    cluster = Cluster(namespace("shop"), node("n1", "10.0.0.1"), node("n2", "10.0.0.2"))
    cluster.install(CLUSTER_POLICIES)
    follow(cluster, story)


def test_a_batch_waits_until_the_nodes_are_known_that_a_policy_names() -> None:
    async def story(told: Followed) -> None:
        told.cluster.forbidden.add("nodes")
        to_nodes = [{"action": "Accept", "to": [{"nodes": {}}]}]
        told.cluster.put(cluster_network_policy("guard", egress=to_nodes))
        await told.time.until(told.time.now + 60)
        assert told.store.missing == ("nodes",)
        told.cluster.forbidden.clear()
        assert sorted(words(await told.changes(2))) == ["- -> guard", "- -> n2"]

    cluster = Cluster(namespace("shop"), node("n1", "10.0.0.1"), node("n2", "10.0.0.2"))
    cluster.install(CLUSTER_POLICIES)
    follow(cluster, story)


def test_a_list_that_is_forbidden_keeps_the_store_from_being_synced_and_says_what_to_grant() -> None:
    cluster = Cluster(namespace("shop"), pod("web", "10.1.0.1"))
    cluster.forbidden.add("pods")

    async def story(store: Store, time: FakeTime) -> None:
        await missing_only("pods", store, time)
        assert 'resources ["pods"], verbs [list, watch]' in store.health["pods"].trouble
        cluster.forbidden.clear()
        await store.wait_synced()

    asyncio.run(beside(cluster.handle, story))


def test_credentials_that_cannot_be_had_are_waited_for(tmp_path: Path) -> None:
    cluster, token = Cluster(namespace("shop")), tmp_path / "token"

    async def run() -> None:
        time = FakeTime()
        async with serving(cluster.handle) as port:
            server = of_server(f"http://127.0.0.1:{port}")
            found = msgspec.structs.replace(server, credentials=Credentials(FromFile(str(token))))
            async with Client(found) as client:
                store = Store(client, time=time.time)
                running = asyncio.create_task(store.run())
                await time.until(60)
                assert "no token can be read" in store.health["pods"].trouble
                token.write_text("secret")
                async with asyncio.timeout(20):
                    await store.wait_synced()
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())
    assert {each.headers["authorization"] for each in cluster.requests} == {"Bearer secret"}


def test_only_what_is_followed_is_asked_for() -> None:
    async def story(told: Followed) -> None:
        told.cluster.put(pod("db", "10.1.0.2"))
        await told.changes(1)
        asked = {each.path for each in told.cluster.requests} - {CUSTOM_GROUP}
        assert asked == {kind.path(kind.versions[0]) for kind in WATCHED if not kind.custom}

    follow(Cluster(namespace("shop")), story)


def test_a_pod_is_named_by_the_deployment_that_its_template_hash_proves() -> None:
    def owned(name: str, kind: str, owner: str, **labels: str) -> dict[str, Any]:
        value = pod(name, **labels)
        reference = {"apiVersion": "apps/v1", "kind": kind, "name": owner, "controller": True}
        value["metadata"]["ownerReferences"] = [reference]
        return value

    async def story(told: Followed) -> None:
        assert {each.name: each.workload for each in told.store.snapshot().pods} == {
            "web-5c9d-x": ("Deployment", "web"),
            "rs-1": ("ReplicaSet", "rs"),
            "odd-abc-x": ("ReplicaSet", "odd-abc"),
            "db-0": ("StatefulSet", "db"),
            "alone": ("Pod", "alone"),
            "other": ("Pod", "other"),
        }

    objects = [
        owned("web-5c9d-x", "ReplicaSet", "web-5c9d", **{"pod-template-hash": "5c9d"}),
        owned("rs-1", "ReplicaSet", "rs"),
        owned("odd-abc-x", "ReplicaSet", "odd-abc", **{"pod-template-hash": "def"}),
        owned("db-0", "StatefulSet", "db"),
        owned("other", "Rollout", "canary"),
        pod("alone"),
    ]
    follow(Cluster(namespace("shop"), *objects), story)


def test_ages_and_counts_are_there_for_metrics() -> None:
    async def story(told: Followed) -> None:
        before = told.store.age_s("pods")
        assert before is not None
        told.time.now += 5
        assert told.store.age_s("pods") == pytest.approx(before + 5)
        assert told.store.counts()["pods"] == 1
        assert told.store.health["pods"].lists == 1

    follow(Cluster(namespace("shop"), pod("web", "10.1.0.1")), story)


def test_custom_kinds_are_those_of_the_test_server() -> None:
    assert {kind.path(kind.versions[0]) for kind in WATCHED if kind.custom} >= set(CUSTOM)
