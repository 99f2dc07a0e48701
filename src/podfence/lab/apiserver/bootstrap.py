"""What is there before anybody creates anything: the first namespaces."""

from __future__ import annotations

from typing import Final

from podfence.lab.apiserver.creation import create
from podfence.lab.apiserver.options import WriteOptions
from podfence.lab.apiserver.plugins import NAMESPACES
from podfence.lab.apiserver.registry import Registry

FIRST_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
_OPTIONS: Final = WriteOptions(manager="kube-apiserver")


def create_first_namespaces(registry: Registry) -> None:
    """Create the namespaces that every cluster has, where they are missing."""
    namespaces = registry.catalogue.preferred(NAMESPACES)
    for name in FIRST_NAMESPACES:
        if registry.storage.get(NAMESPACES, ("", name)) is None:
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            create(registry, namespaces, "", body, _OPTIONS)
