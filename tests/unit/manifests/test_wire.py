"""The shape of objects in JSON: null wherever Go may print it, and no name that the API does not have."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from podfence.manifests import wire

KINDS = [
    *(wire.Pod, wire.Deployment, wire.Replicated, wire.Job, wire.CronJob),
    *(wire.Node, wire.Service, wire.EndpointSlice),
]


def structs(kind: type[Any]) -> dict[str, Any]:
    """List a wire struct and every struct in it, by name."""
    found: dict[str, Any] = {}
    waiting: list[Any] = [msgspec.inspect.type_info(kind)]
    while waiting:
        match waiting.pop():
            case msgspec.inspect.StructType(cls=cls, fields=fields) as info:
                found[cls.__name__] = info
                waiting += [field.type for field in fields]
            case msgspec.inspect.UnionType(types=types):
                waiting += types
            case msgspec.inspect.ListType(item_type=item):
                waiting.append(item)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_list_item_and_map_value_may_be_null(kind: type[Any]) -> None:
    for info in structs(kind).values():
        nulls = {field.encode_name: None for field in info.fields}
        assert msgspec.convert(nulls, info.cls) == info.cls()
        for field in info.fields:
            for choice in field.type.types:
                match choice:
                    case msgspec.inspect.ListType():
                        msgspec.convert({field.encode_name: [None]}, info.cls)
                    case msgspec.inspect.DictType():
                        msgspec.convert({field.encode_name: {"a": None}}, info.cls)


def test_acronyms_are_spelled_as_the_api_does() -> None:
    pod = msgspec.json.decode(b'{"status": {"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}]}}', type=wire.Pod)
    service = msgspec.json.decode(
        b'{"spec": {"clusterIP": "a", "clusterIPs": ["b"], "externalIPs": ["c"]}}', type=wire.Service
    )
    assert pod.status == wire.PodStatus(pod_ip="10.0.0.1", pod_ips=[wire.PodIP(ip="10.0.0.1")])
    assert service.spec == wire.ServiceSpec(cluster_ip="a", cluster_ips=["b"], external_ips=["c"])


def test_fields_that_are_not_read_may_hold_anything() -> None:
    text = b'{"metadata": {"annotations": 7, "name": "a"}, "spec": {"volumes": "x"}, "extra": [1]}'
    assert msgspec.json.decode(text, type=wire.Pod) == wire.Pod(metadata=wire.ObjectMeta(name="a"), spec=wire.PodSpec())
