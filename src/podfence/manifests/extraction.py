"""From one item to typed values: what can be read of it, and by name what cannot.

Shared by whoever gathers a cluster once and whoever follows one, so that both understand an object alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import msgspec

from podfence.manifests import wire
from podfence.manifests.convert import cluster_policies
from podfence.manifests.convert.cluster_policies import Dialect, cluster_policy
from podfence.manifests.convert.fields import FieldProblem, FieldProblems
from podfence.manifests.convert.network_policies import network_policy
from podfence.manifests.documents import Item
from podfence.manifests.field_path import MAX_DEPTH
from podfence.manifests.judge import as_sent
from podfence.manifests.salvage import salvage
from podfence.model.objects import ObjectRef
from podfence.model.policy import Policy

Read = TypeVar("Read", bound=wire.Object)

ConvertPolicy = Callable[[Mapping[str, Any], ObjectRef, FieldProblems], Policy]

_NO_META = wire.ObjectMeta()


def _dialect(dialect: Dialect) -> ConvertPolicy:
    return lambda value, ref, problems: cluster_policy(value, ref, dialect, problems)


POLICY_CONVERTERS: Mapping[tuple[str, str], ConvertPolicy] = {
    ("networking.k8s.io/v1", "NetworkPolicy"): network_policy,
    ("extensions/v1beta1", "NetworkPolicy"): network_policy,
    ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy"): _dialect(cluster_policies.ADMIN),
    ("policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy"): _dialect(cluster_policies.BASELINE_ADMIN),
    ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy"): _dialect(cluster_policies.CLUSTER),
}
"""How a policy becomes model, by API version and kind."""


def decoded(item: Item, wanted: type[Read]) -> tuple[Read, FieldProblems]:
    """Decode an object that is no policy; a field of the wrong type is left out and named. Never raises."""
    problems: FieldProblems = []
    try:
        return item.decode(wanted), problems
    except msgspec.MsgspecError:
        pass
    try:
        return salvage(item.plain(), wanted, problems), problems
    except RecursionError:
        problems.append(FieldProblem("", f"nested deeper than {MAX_DEPTH} levels"))
    except msgspec.MsgspecError as error:
        problems.append(FieldProblem("", f"cannot be decoded: {error}"))
    return wanted(), problems


def converted_policy(
    value: Mapping[str, Any], ref: ObjectRef, convert: ConvertPolicy, problems: FieldProblems
) -> tuple[Policy, Mapping[str, Any]]:
    """Convert a policy, and give the value that it was made of; kubectl sends a port that JSON writes as 80.0 as 80."""
    found: FieldProblems = []
    policy = convert(value, ref, found)
    if found:
        found, value = [], cast("Mapping[str, Any]", as_sent(value))
        policy = convert(value, ref, found)
    problems.extend(found)
    return policy, value


def metadata_of(value: Mapping[str, Any], problems: FieldProblems) -> wire.ObjectMeta:
    """Read the name and the namespace of a policy out of its plain value."""
    match value.get("metadata"):
        case {"name": str(name), "namespace": str(namespace)}:
            return wire.ObjectMeta(name=name, namespace=namespace)
        case {"name": str(name), **others} if "namespace" not in others:
            return wire.ObjectMeta(name=name)
    return salvage({"metadata": value.get("metadata")}, wire.Object, problems).metadata or _NO_META
