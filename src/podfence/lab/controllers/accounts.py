"""What every namespace has from the start: the ServiceAccount ``default`` and the ConfigMap ``kube-root-ca.crt``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from podfence.lab.controllers.controller import Key, Keys
from podfence.lab.controllers.namespaces import NAMESPACES
from podfence.lab.interface import Object, ObjectStore, Resource

SERVICE_ACCOUNTS: Final = Resource("", "serviceaccounts")
CONFIG_MAPS: Final = Resource("", "configmaps")
ROOT_CA_NAME: Final = "kube-root-ca.crt"


class NamespaceContentController:
    """Creates what is missing; somebody who deletes it gets it again."""

    def __init__(self, store: ObjectStore, root_certificate: str) -> None:
        self._store, self._root_certificate = store, root_certificate

    @property
    def watched(self) -> Mapping[Resource, Keys]:
        """Give what matters: namespaces, and these two objects in them."""
        return {NAMESPACES: _own, SERVICE_ACCOUNTS: _of_name("default"), CONFIG_MAPS: _of_name(ROOT_CA_NAME)}

    def reconcile(self, key: Key) -> None:
        """Fill one namespace."""
        namespace = self._store.get(NAMESPACES, None, key.name)
        if namespace is None or namespace["metadata"].get("deletionTimestamp"):
            return
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": key.name}}
        if self._store.get(SERVICE_ACCOUNTS, key.name, "default") is None:
            self._store.create(SERVICE_ACCOUNTS, key.name, account)
        self._publish(key.name)

    def _publish(self, namespace: str) -> None:
        data = {"ca.crt": self._root_certificate}
        known = self._store.get(CONFIG_MAPS, namespace, ROOT_CA_NAME)
        metadata = {
            "name": ROOT_CA_NAME,
            "namespace": namespace,
            "annotations": {
                "kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver when "
                "using internal endpoints such as the internal service IP or kubernetes.default.svc."
            },
        }
        if known is None:
            value = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
            self._store.create(CONFIG_MAPS, namespace, value)
        elif known.get("data") != data:
            self._store.update(CONFIG_MAPS, namespace, known | {"data": data})


def _own(namespace: Object) -> Sequence[Key]:
    return (Key("", namespace["metadata"]["name"]),)


def _of_name(name: str) -> Keys:
    def keys(value: Object) -> Sequence[Key]:
        metadata = value["metadata"]
        return (Key("", metadata["namespace"]),) if metadata["name"] == name else ()

    return keys
