"""All controllers at once, running: from a Deployment to pods and back to nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from podfence.lab.controllers.all import Surroundings, run_all
from podfence.lab.controllers.deployments import DEPLOYMENTS
from podfence.lab.controllers.garbage import CUSTOM_RESOURCES
from podfence.lab.controllers.namespaces import NAMESPACES
from podfence.lab.controllers.nodes import NodeHeartbeat, node
from podfence.lab.controllers.pods import PODS
from podfence.lab.interface import Object
from tests.unit.lab.controllers.cluster import KINDS, Kubelet, Store, bind, true_conditions, workload
from tests.unit.lab.controllers.test_garbage import until

SERVED = (*KINDS.values(), CUSTOM_RESOURCES)


async def story(store: Store, kubelet: Kubelet) -> None:
    def stands() -> bool:
        kubelet.sync()
        deployment = store.get(DEPLOYMENTS, "shop", "web")
        return (
            deployment is not None
            and "NewReplicaSetAvailable" in true_conditions(deployment.get("status", {})).values()
        )

    def is_gone(what: Callable[[], object]) -> Callable[[], bool]:
        def gone() -> bool:
            kubelet.sync()
            return not what()

        return gone

    await until(stands)
    assert len({one["spec"]["nodeName"] for one in store.list(PODS)}) == 2
    store.delete(DEPLOYMENTS, "shop", "web")
    await until(is_gone(lambda: store.list(PODS)))
    store.delete(NAMESPACES, None, "shop")
    await until(is_gone(lambda: store.list(NAMESPACES)))


def test_a_workload_comes_and_goes_with_its_namespace() -> None:
    store = Store()
    around = Surroundings(
        clock=store.clock,
        bind=lambda pod, name: bind(store, pod, name),
        served=lambda: SERVED,
        served_in_namespaces=lambda: [one for one in SERVED if one not in {KINDS["v1", "Node"], CUSTOM_RESOURCES}],
        resource_of=lambda version, kind: KINDS.get((version, kind)),
        load_balancers={},
    )
    namespace: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    store.create(NAMESPACES, None, namespace | {"spec": {"finalizers": ["kubernetes"]}})
    store.create(DEPLOYMENTS, "shop", workload("Deployment", replicas=4))
    for name in ("n1", "n2"):
        NodeHeartbeat(
            store, store.clock, node(name, ["172.18.0.2"], ["10.244.0.0/24"], version="v1", is_first=True)
        ).beat()

    async def both() -> None:
        running = asyncio.create_task(run_all(lambda _: store, around))
        await asyncio.wait_for(story(store, Kubelet(store)), 30)
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(both())
