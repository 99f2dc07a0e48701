"""What the documents are about: the kinds that a server serves, as far as a document speaks of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

Object = dict[str, Any]


class Served(msgspec.Struct, frozen=True):
    """A kind and where it is served; ``schema`` is that of a custom resource, ``None`` for built-in kinds.

    ``subresources`` are names such as ``status`` and ``scale``.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: tuple[str, ...] = ("create", "delete", "get", "list", "patch", "update", "watch")
    subresources: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None

    @property
    def api_version(self) -> str:
        """Group and version as objects name them."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def identity(self) -> Object:
        """Group, version and kind in the form of OpenAPI's extension."""
        return {"group": self.group, "kind": self.kind, "version": self.version}
