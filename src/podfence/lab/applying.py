"""Applies manifests to a lab as ``kubectl apply --server-side`` does, in an order that lets nothing run unisolated.

Namespaces and kinds come first, then policies, then everything else: a pod that is created last is enforced from its
first packet on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, Self

import httpx2
import msgspec

from podfence.manifests.documents import Item, Skipped, Unparsed
from podfence.manifests.inputs import Reading
from podfence.model.error import PodfenceError

_MANAGER: Final = "podfence-lab"
_FIRST: Final = ("Namespace", "CustomResourceDefinition", "ServiceAccount", "ConfigMap", "Secret", "Service")
_POLICIES: Final = ("NetworkPolicy", "ClusterNetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy")
_NOT_FOUND: Final = 404
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_LONGEST_ANNOTATION: Final = 200_000
"""All annotations of an object together may have 262,144 bytes; some must be left for the others."""


class Applied(msgspec.Struct, frozen=True):
    """What became of some manifests: how many objects are there now, and a line for each that is not."""

    objects: int
    faults: tuple[str, ...]
    made_namespaces: tuple[str, ...]


class Applier:
    """Applies objects over HTTP to a server that asks nobody who he is; leave it to close the connection."""

    def __init__(self, server: str, namespace: str = "default") -> None:
        self._http = httpx2.Client(base_url=server, timeout=30)
        self._namespace = namespace
        self._resources: dict[str, dict[str, tuple[str, bool]]] = {}
        self._made: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def apply(self, readings: Iterable[Reading]) -> Applied:
        """Apply everything; what the server refuses is told and the rest goes on."""
        faults: list[str] = []
        items: list[Item] = []
        for reading in readings:
            match reading:
                case Unparsed():
                    faults.append(str(reading))
                case Item():
                    items.append(reading)
                case Skipped():
                    pass
        done = 0
        for item in sorted(items, key=_order):
            fault = self._apply(item)
            done += not fault
            if fault:
                faults.append(f"{_where(item)}{fault}")
        return Applied(done, tuple(faults), tuple(self._made))

    def _apply(self, item: Item) -> str:
        """Apply one object; gives the server's complaint, empty when it took it."""
        try:
            path, namespace = self.path_of(item)
        except PodfenceError as error:
            return str(error)
        answer = self._patch(path, item, namespace)
        if answer.status_code == _NOT_FOUND and namespace and self._make_namespace(namespace):
            answer = self._patch(path, item, namespace)
        return "" if answer.is_success else str(answer.json().get("message", answer.text))

    def _patch(self, path: str, item: Item, namespace: str) -> httpx2.Response:
        value = {name: part for name, part in item.plain().items() if name != "status"}
        return self._http.patch(
            path,
            params={"fieldManager": _MANAGER, "force": "true", "fieldValidation": "Strict"},
            content=msgspec.json.encode(_remembered(value, namespace)),
            headers={"Content-Type": "application/apply-patch+yaml"},
        )

    def path_of(self, item: Item) -> tuple[str, str]:
        """Give the path of an object and the namespace in it; raises ``PodfenceError`` for an unknown kind."""
        known = self._known(item.api_version)
        if item.kind not in known:
            raise PodfenceError(f'no matches for kind "{item.kind}" in version "{item.api_version}"')
        plural, namespaced = known[item.kind]
        metadata: Any = item.plain().get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        name = metadata.get("name")
        if not isinstance(name, str) or not name:
            raise PodfenceError(f"{item.kind} without metadata.name: nothing to apply it to")
        namespace = str(metadata.get("namespace") or self._namespace) if namespaced else ""
        within = f"namespaces/{namespace}/" if namespaced else ""
        return f"{_root(item.api_version)}/{within}{plural}/{name}", namespace

    def _known(self, api_version: str) -> dict[str, tuple[str, bool]]:
        known = self._resources.get(api_version)
        # A kind that a CRD has just brought was not there before.
        if not known:
            answer = self._http.get(_root(api_version))
            listed = answer.json().get("resources", ()) if answer.is_success else ()
            known = {one["kind"]: (one["name"], one["namespaced"]) for one in listed if "/" not in one["name"]}
            self._resources[api_version] = known
        return known

    def _make_namespace(self, name: str) -> bool:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        answer = self._http.post("/api/v1/namespaces", json=body)
        if answer.is_success:
            self._made.append(name)
        return answer.is_success


def _remembered(value: dict[str, Any], namespace: str) -> dict[str, Any]:
    """Note in an object what was applied, as ``kubectl apply`` does.

    Whoever edits the file and goes on with kubectl would otherwise keep what is in the file no longer.
    """
    metadata = value["metadata"]
    annotations = metadata.get("annotations") or {}
    if not isinstance(annotations, dict):
        return value
    bare = metadata | {"annotations": {name: text for name, text in annotations.items() if name != _LAST_APPLIED}}
    if namespace:
        bare["namespace"] = namespace
    text = msgspec.json.encode(value | {"metadata": bare}, order="sorted").decode() + "\n"
    if len(text) > _LONGEST_ANNOTATION:
        return value
    return value | {"metadata": bare | {"annotations": {**bare["annotations"], _LAST_APPLIED: text}}}


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _order(item: Item) -> int:
    if item.kind in _FIRST:
        return _FIRST.index(item.kind)
    return len(_FIRST) + (item.kind not in _POLICIES)


def _where(item: Item) -> str:
    source = item.source
    return f"{source.position()}: " if source is not None else ""


def lines(applied: Applied) -> Iterator[str]:
    """Tell in lines what a person must know."""
    yield from applied.faults
    if applied.made_namespaces:
        yield f"made namespaces that the manifests name and do not hold: {', '.join(applied.made_namespaces)}"
