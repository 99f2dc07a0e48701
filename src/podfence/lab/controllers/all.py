"""All controllers of a lab, and the one call that runs them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

import msgspec

from podfence.lab.controllers.accounts import NamespaceContentController
from podfence.lab.controllers.claims import ClaimController
from podfence.lab.controllers.clock import Clock
from podfence.lab.controllers.controller import Controller, run
from podfence.lab.controllers.cronjobs import CronJobController
from podfence.lab.controllers.daemonsets import DaemonSetController
from podfence.lab.controllers.deployments import DeploymentController
from podfence.lab.controllers.endpointslices import EndpointSliceController
from podfence.lab.controllers.events import EventRecorder
from podfence.lab.controllers.garbage import GarbageCollector
from podfence.lab.controllers.jobs import JobController
from podfence.lab.controllers.kubernetes_service import KubernetesServiceController
from podfence.lab.controllers.load_balancers import LoadBalancerController
from podfence.lab.controllers.namespaces import NamespaceController
from podfence.lab.controllers.node_lifecycle import NodeLifecycleController
from podfence.lab.controllers.replicasets import ReplicaSetController
from podfence.lab.controllers.scheduler import Bind, Scheduler
from podfence.lab.controllers.statefulsets import StatefulSetController
from podfence.lab.interface import ObjectStore, Resource
from podfence.lab.load_balancer_pool import LoadBalancerPool


class Surroundings(msgspec.Struct, frozen=True):
    """What controllers need beside the store; the API server knows which resources it serves."""

    clock: Clock
    bind: Bind
    served: Callable[[], Iterable[Resource]]
    """All resources that can be listed and deleted, now."""
    served_in_namespaces: Callable[[], Iterable[Resource]]
    resource_of: Callable[[str, str], Resource | None]
    """The resource of an ``apiVersion`` and a kind, ``None`` for one that is not served."""
    load_balancers: Mapping[str, LoadBalancerPool]
    """By family, ``IPv4`` and ``IPv6``."""
    root_certificate: str = ""
    api_server: tuple[str, str, int] | None = None
    """Cluster address of the Service ``default/kubernetes``, and the address and port behind it, if there is one."""


def controllers(store: ObjectStore, around: Surroundings) -> list[Controller]:
    """Give all controllers but the garbage collector, which watches in a way of its own, and the scheduler."""
    clock = around.clock
    own = [KubernetesServiceController(store, *around.api_server)] if around.api_server is not None else []
    return [
        *own,
        NamespaceContentController(store, around.root_certificate),
        DeploymentController(store, clock),
        ReplicaSetController(store, clock),
        StatefulSetController(store, clock),
        DaemonSetController(store, clock),
        JobController(store, clock),
        CronJobController(store, clock),
        EndpointSliceController(store),
        LoadBalancerController(store, around.load_balancers, EventRecorder(store, "service-controller", clock)),
        NamespaceController(store, clock, around.served_in_namespaces),
        NodeLifecycleController(store),
        ClaimController(store, EventRecorder(store, "persistentvolume-controller", clock)),
    ]


async def run_all(stores: Callable[[str], ObjectStore], around: Surroundings) -> None:
    """Run all controllers and the scheduler until cancelled; ``stores`` gives the store of a component of that name."""
    store, scheduling = stores("kube-controller-manager"), stores("kube-scheduler")
    async with asyncio.TaskGroup() as group:
        group.create_task(run(Scheduler(scheduling, around.clock, around.bind), scheduling))
        for controller in controllers(store, around):
            group.create_task(run(controller, store))
        group.create_task(GarbageCollector(store, around.served, around.resource_of).run())
