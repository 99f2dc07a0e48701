"""The table of types: what is in it, and how it is asked."""

from __future__ import annotations

import pytest

from podfence.manifests.types import SCALARS, SPECIAL, all_kinds, meta_type, record_type, type_of

POD_SPEC = "io.k8s.api.core.v1.PodSpec"


def test_every_kind_of_a_plain_cluster_is_there() -> None:
    known = set(all_kinds())
    for api_version, kinds in {
        "v1": "Namespace Pod Service ConfigMap Secret Node ServiceAccount Endpoints Event Binding LimitRange",
        "apps/v1": "Deployment ReplicaSet StatefulSet DaemonSet ControllerRevision",
        "batch/v1": "Job CronJob",
        "networking.k8s.io/v1": "NetworkPolicy Ingress IngressClass",
        "discovery.k8s.io/v1": "EndpointSlice",
        "autoscaling/v1": "Scale HorizontalPodAutoscaler",
        "policy/v1": "PodDisruptionBudget Eviction",
        "rbac.authorization.k8s.io/v1": "Role RoleBinding ClusterRole ClusterRoleBinding",
        "coordination.k8s.io/v1": "Lease",
        "authorization.k8s.io/v1": "SelfSubjectAccessReview SubjectAccessReview",
        "authentication.k8s.io/v1": "TokenReview TokenRequest",
        "apiextensions.k8s.io/v1": "CustomResourceDefinition",
        "apiregistration.k8s.io/v1": "APIService",
        "meta.k8s.io/v1": "DeleteOptions Status Table",
    }.items():
        assert {(api_version, kind) for kind in kinds.split()} <= known


def test_a_kind_that_no_api_has_has_no_type() -> None:
    assert type_of("v1", "Nothing") is None
    assert type_of("v2", "Pod") is None
    with pytest.raises(KeyError):
        record_type("io.k8s.api.core.v1.Nothing")


def test_every_field_is_of_a_known_type() -> None:
    waiting, seen = [record for kind in all_kinds() if (record := type_of(*kind)) is not None], set()
    while waiting:
        record = waiting.pop()
        if record.name in seen:
            continue
        seen.add(record.name)
        for field in record.fields.values():
            if field.record is not None:
                waiting.append(field.record)
            else:
                assert field.type in SCALARS | SPECIAL | {"[]string"}, (record.name, field.name)
    assert len(seen) >= 500


def test_fields_of_embedded_structs_stand_in_json_beside_the_others() -> None:
    volume = record_type("io.k8s.api.core.v1.Volume")
    assert list(volume.fields)[:3] == ["name", "hostPath", "emptyDir"]
    assert [(member.number, member.inline) for member in volume.members] == [(1, False), (2, True)]


def test_lists_say_how_patches_and_server_side_apply_merge_them() -> None:
    containers = record_type(POD_SPEC).fields["containers"]
    assert (containers.patch_strategy, containers.merge_key) == (("merge",), "name")
    assert (containers.list_type, containers.list_keys) == ("map", ("name",))
    assert record_type(POD_SPEC).fields["volumes"].patch_strategy == ("merge", "retainKeys")
    ports = record_type("io.k8s.api.core.v1.Container").fields["ports"]
    assert (ports.merge_key, ports.list_keys) == ("containerPort", ("containerPort", "protocol"))
    assert meta_type("ObjectMeta").fields["finalizers"].list_type == "set"
    assert meta_type("LabelSelector").map_type == "atomic"


def test_maps_name_the_type_of_their_values() -> None:
    limits = record_type("io.k8s.api.core.v1.ResourceRequirements").fields["limits"]
    assert (limits.map, limits.type, limits.go) == (True, "quantity", "v1.ResourceList")
    extra = record_type("io.k8s.api.authorization.v1.SubjectAccessReviewSpec").fields["extra"]
    assert (extra.map, extra.type) == (True, "[]string")
