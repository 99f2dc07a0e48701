"""Claims of storage: bound at once, and deleted once no pod uses them."""

from __future__ import annotations

import pytest

from podfence.lab.controllers.claims import CLAIMS, VOLUMES, ClaimController
from podfence.lab.controllers.events import EVENTS, EventRecorder
from podfence.lab.controllers.pods import PODS
from podfence.lab.interface import Object
from tests.unit.lab.controllers.cluster import Cluster


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(lambda s: ClaimController(s, EventRecorder(s, "persistentvolume-controller", s.clock)))


def add_claim(cluster: Cluster) -> None:
    metadata = {"name": "data", "finalizers": ["kubernetes.io/pvc-protection"]}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    value: Object = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}
    cluster.store.create(CLAIMS, "default", value)


def test_a_claim_is_bound_and_it_is_said_to_what(cluster: Cluster) -> None:
    add_claim(cluster)
    cluster.settle()
    status = cluster.status(CLAIMS, "data")
    assert (status["phase"], status["capacity"]) == ("Bound", {"storage": "1Gi"})
    (event,) = cluster.store.list(EVENTS)
    assert event["message"].startswith("the lab has no storage")


def test_a_claim_in_use_stays_until_its_pod_has_gone(cluster: Cluster) -> None:
    add_claim(cluster)
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    pod: Object = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    cluster.store.create(PODS, "default", pod | {"spec": {"containers": [], "volumes": volumes, "nodeName": "n"}})
    cluster.settle()
    cluster.store.delete(CLAIMS, "default", "data")
    cluster.settle()
    assert cluster.store.get(CLAIMS, "default", "data") is not None
    cluster.store.delete(PODS, "default", "p", grace_s=0)
    cluster.settle()
    assert cluster.store.get(CLAIMS, "default", "data") is None


def test_a_volume_of_the_cluster_can_be_deleted(cluster: Cluster) -> None:
    metadata = {"name": "disk", "finalizers": ["kubernetes.io/pv-protection"]}
    cluster.store.create(VOLUMES, None, {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata})
    cluster.store.delete(VOLUMES, None, "disk")
    cluster.settle()
    assert cluster.store.get(VOLUMES, None, "disk") is None
