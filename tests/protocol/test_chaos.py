"""Everything at once: objects come and go while the server fails in every way it can, and nothing is ever lost."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing

import msgspec
import pytest

from podfence.kube.client import Client
from podfence.kube.config import of_server
from podfence.kube.kinds import NETWORK_POLICIES, PODS
from podfence.kube.store import Store
from podfence.manifests.gather import gather
from podfence.manifests.served import ServedItem
from podfence.model.change import Change
from podfence.model.objects import Pod
from podfence.model.policy import Policy
from tests.protocol.cluster import Cluster, Object, network_policy, pod, status
from tests.protocol.script import FakeTime
from tests.protocol.web import Reply, Request, serving

STEPS = 120


class Chaos:
    """Stands before a cluster, and spoils one answer in five."""

    def __init__(self, cluster: Cluster, chance: random.Random) -> None:
        self.cluster = cluster
        self.chance = chance
        self.calm = False

    async def handle(self, request: Request, reply: Reply) -> None:
        """Answer, or do not."""
        fault = self.chance.choice(("500", "429", "410", "html", "cut", "half", "end", "error"))
        if self.calm or self.chance.random() > 0.2:
            await self.cluster.handle(request, reply)
        elif fault in {"500", "429", "410"}:
            await reply.whole(int(fault), status(int(fault), "Bad", "luck"), {"Retry-After": "1"})
        elif fault == "html":
            await reply.whole(200, "<html>log in</html>")
        elif fault == "cut":
            reply.cut()
        else:
            await reply.begin()
            if fault == "half":
                await reply.send(b'{"type":"DELETED","object":{"metadata":{"name":"p1"')
                reply.cut()
            elif fault == "error" and request.is_watch:
                await reply.line({"type": "ERROR", "object": status(500, "Internal", "etcd is ill")})
            await reply.end()


@pytest.mark.parametrize("seed", range(8))
def test_in_the_end_the_store_knows_what_the_cluster_holds_and_so_does_its_listener(seed: int) -> None:
    asyncio.run(_story(random.Random(seed)))


class Listener:
    """Knows what the snapshot said first, and then what the changes say."""

    def __init__(self) -> None:
        self.known: dict[str, Pod | Policy] = {}
        self.told = asyncio.Event()

    async def listen(self, store: Store) -> None:
        """Take batches for ever."""
        await store.wait_synced()
        snapshot = store.snapshot()
        self.known = _by_name(snapshot.pods, snapshot.policies)
        self.told.set()
        async with aclosing(store.changes()) as batches:
            async for batch in batches:
                for change in batch:
                    self._hear(change)
                self.told.set()

    def _hear(self, change: Change) -> None:
        value = change.after or change.before
        if not isinstance(value, Pod | Policy):
            return
        if change.after is None:
            self.known.pop(_name(value), None)
        else:
            self.known[_name(value)] = value


def _by_name(pods: tuple[Pod, ...], policies: tuple[Policy, ...]) -> dict[str, Pod | Policy]:
    return {**{each.name: each for each in pods}, **{each.ref.name: each for each in policies}}


def _name(value: Pod | Policy) -> str:
    return value.name if isinstance(value, Pod) else value.ref.name


async def _story(chance: random.Random) -> None:
    cluster, listener = Cluster(), Listener()
    kept: dict[str, Object] = {}
    chaos = Chaos(cluster, chance)
    async with serving(chaos.handle) as port, Client(of_server(f"http://127.0.0.1:{port}")) as client:
        store = Store(client, (PODS, NETWORK_POLICIES), time=FakeTime().time)
        tasks = [asyncio.create_task(store.run()), asyncio.create_task(listener.listen(store))]
        try:
            for _ in range(STEPS):
                _happen(chance, cluster, kept)
                for _ in range(chance.randrange(40)):
                    await asyncio.sleep(0)
            cluster.come_back()
            chaos.calm = True
            wanted = _gathered(kept)
            async with asyncio.timeout(20):
                while (store.snapshot().pods, store.snapshot().policies) != wanted or not _knows(listener, wanted):
                    listener.told.clear()
                    await listener.told.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


Wanted = tuple[tuple[Pod, ...], tuple[Policy, ...]]


def _gathered(kept: dict[str, Object]) -> Wanted:
    items = [ServedItem(each["apiVersion"], each["kind"], msgspec.json.encode(each)) for each in kept.values()]
    snapshot = gather(items).snapshot
    return snapshot.pods, snapshot.policies


def _knows(listener: Listener, wanted: Wanted) -> bool:
    return listener.known == _by_name(*wanted)


def _happen(chance: random.Random, cluster: Cluster, kept: dict[str, Object]) -> None:
    name = str(chance.randrange(8))
    match chance.choice(("pod", "pod", "policy", "delete", "delete", "compact", "away", "back")):
        case "pod":
            kept[f"p{name}"] = pod(f"p{name}", f"10.0.0.{chance.randrange(1, 255)}")
            cluster.put(kept[f"p{name}"])
        case "policy":
            kept[f"n{name}"] = network_policy(f"n{name}", {"podSelector": {"matchLabels": {"v": str(chance.random())}}})
            cluster.put(kept[f"n{name}"])
        case "delete" if kept:
            cluster.delete(kept.pop(chance.choice(sorted(kept))))
        case "compact":
            cluster.compact()
        case "away":
            cluster.go_away()
        case _:
            cluster.come_back()
