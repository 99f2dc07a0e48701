"""Where volumes lie, and what an empty one is said to stand for."""

from __future__ import annotations

from typing import Any

import pytest

from podfence.lab.orders import Mount
from podfence.lab.volumes.content import ContentError
from podfence.lab.volumes.places import mounts, place

POD: dict[str, Any] = {"metadata": {"namespace": "shop", "name": "web", "uid": "u-1"}, "spec": {"nodeName": "node-1"}}


def test_a_volume_of_the_pods_own_lies_with_the_pod_and_what_shows_an_object_is_read_only() -> None:
    own = place(POD, {"name": "v", "emptyDir": {}})
    assert (own.folder, own.is_read_only, own.remark) == ("pods/u-1/v", False, "")
    assert place(POD, {"name": "v", "configMap": {"name": "c"}}).is_read_only


@pytest.mark.parametrize(
    ("source", "folder", "words"),
    [
        (
            {"hostPath": {"path": "/var/log"}},
            "nodes/node-1",
            "/var/log is an empty folder that the pods of node-1 share",
        ),
        ({"persistentVolumeClaim": {"claimName": "db"}}, "claims/shop/db", 'claim "db" is an empty folder in memory'),
        ({"nfs": {"server": "s", "path": "/"}}, "pods/u-1/v", "the lab has no nfs: it is an empty folder in memory"),
    ],
)
def test_storage_that_the_lab_does_not_have_is_empty_and_says_so(source: Any, folder: str, words: str) -> None:  # noqa: ANN401
    found = place(POD, {"name": "v", **source})
    assert found.folder == folder
    assert words in found.remark


@pytest.mark.parametrize("kind", ["File", "Socket", "CharDevice", "BlockDevice"])
def test_what_no_node_of_the_lab_can_have_is_refused(kind: str) -> None:
    with pytest.raises(ContentError, match="hostPath type check failed: /dev/kvm is not a "):
        place(POD, {"name": "v", "hostPath": {"path": "/dev/kvm", "type": kind}})


def test_a_container_may_show_a_part_of_a_volume_named_by_a_variable() -> None:
    places = {"v": place(POD, {"name": "v", "hostPath": {"path": "/data/"}})}
    shown = [{"name": "v", "mountPath": "/logs", "subPathExpr": "$(POD)/logs", "readOnly": True}]
    assert mounts(places, {"volumeMounts": shown}, {"POD": "web"}) == (
        Mount(name="v", path="/logs", folder="nodes/node-1", inner="data/web/logs", read_only=True),
    )
