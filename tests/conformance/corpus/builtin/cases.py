"""All cases of built-in kinds in their order, with an id that says kind and theme."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.conformance.corpus.builtin import configuration, pods, services, workloads
from tests.conformance.corpus.builtin.edits import Edit, variants
from tests.conformance.corpus.mutate import drop, places, put
from tests.conformance.corpus.text import Tree, to_json
from tests.conformance.corpus.values import JUNK

Theme = tuple[Tree, list[Edit]]


@dataclass(frozen=True)
class Sent:
    """One object to be created, as JSON."""

    id: str
    api_version: str
    kind: str
    manifest: str


def themes() -> dict[str, Theme]:
    """List every theme: an object and its changes."""
    return {
        "pod": (pods.SMALL, pods.small()),
        "container": (pods.SMALL, pods.containers()),
        "large-pod": (pods.LARGE, pods.large()),
        "service": (services.SERVICE, services.service()),
        "endpointslice": (services.SLICE, services.endpoint_slice()),
        "endpoints": (services.ENDPOINTS, services.endpoints()),
        "ingress": (services.INGRESS, services.ingress()),
        "ingressclass": (services.INGRESS_CLASS, services.ingress_class()),
        "deployment": (workloads.DEPLOYMENT, workloads.deployment()),
        "replicaset": (workloads.REPLICA_SET, workloads.common()),
        "statefulset": (workloads.STATEFUL_SET, workloads.stateful_set()),
        "daemonset": (workloads.DAEMON_SET, workloads.daemon_set()),
        "replicationcontroller": (workloads.CONTROLLER, workloads.controller()),
        "job": (workloads.JOB, workloads.one_job()),
        "cronjob": (workloads.CRON_JOB, workloads.cron_job()),
        "autoscaler": (workloads.AUTOSCALER, workloads.new_autoscaler()),
        "old-autoscaler": (workloads.OLD_AUTOSCALER, workloads.autoscaler()),
        "budget": (workloads.BUDGET, workloads.budget()),
        "namespace": (configuration.NAMESPACE, configuration.namespace()),
        "configmap": (configuration.CONFIG_MAP, configuration.config_map()),
        "secret": (configuration.SECRET, configuration.secret()),
        "serviceaccount": (configuration.ACCOUNT, configuration.account()),
        "role": (configuration.ROLE, configuration.role()),
        "clusterrole": (configuration.CLUSTER_ROLE, configuration.cluster_role()),
        "rolebinding": (configuration.BINDING, configuration.binding()),
        "clusterrolebinding": (configuration.CLUSTER_BINDING, configuration.binding()),
        "lease": (configuration.LEASE, configuration.lease()),
        "event": (configuration.EVENT, configuration.event()),
        "node": (configuration.NODE, configuration.node()),
        "limitrange": (configuration.LIMITS, configuration.limits()),
        "resourcequota": (configuration.QUOTA, configuration.quota()),
        "claim": (configuration.CLAIM, configuration.claim()),
        "volume": (configuration.VOLUME, configuration.volume()),
        **configuration.classes(),
        **configuration.others(),
    }


SHAPED = {
    "large-pod": pods.LARGE,
    "service": services.SERVICE,
    "deployment": workloads.DEPLOYMENT,
    "cronjob": workloads.CRON_JOB,
    "endpointslice": services.SLICE,
    "ingress": services.INGRESS,
    "secret": configuration.SECRET,
    "lease": configuration.LEASE,
    "role": configuration.ROLE,
    "hooks": configuration.WEBHOOKS,
    "claim": configuration.CLAIM,
    "event": configuration.EVENT,
    "statefulset": workloads.STATEFUL_SET,
    "autoscaler": workloads.AUTOSCALER,
}
"""The objects of which every place gets values that do not belong there."""


def shapes(base: Tree) -> Iterator[Tree]:
    """Put values of wrong types, unknown fields and nothing at all at every place of an object."""
    for number, path in enumerate(places(base)):
        if path[0] in {"apiVersion", "kind"} or path in {("metadata",), ("metadata", "name")}:
            continue
        yield drop(base, path)
        for junk in JUNK[number % 4 :: 4]:
            yield put(base, path, junk)
        if isinstance(look := value_at(base, path), dict):
            yield put(base, path, {**look, "unknown": "x"})


def value_at(tree: Tree, path: tuple[str | int, ...]) -> Tree:
    """Give what is at a path."""
    for step in path:
        tree = tree[step]
    return tree


def builtin_cases() -> list[Sent]:
    """List everything once."""
    found = []
    seen: set[str] = set()
    for theme, (base, edits) in themes().items():
        trees = [*variants(base, *edits), *(shapes(SHAPED[theme]) if theme in SHAPED else ())]
        for number, tree in enumerate(trees):
            text = to_json(tree)
            if text not in seen:
                seen.add(text)
                found.append(Sent(f"{theme}/{number:04}", base["apiVersion"], base["kind"], text))
    return found
