"""What patches and field ownership must know of a type: which lists are maps or sets, what is replaced as a whole.

For custom resources the answer comes from their schema, for built-in kinds from the table of names below, which
holds the patch tags and list types of the kinds that the lab serves (k8s.io/api, tags ``patchMergeKey``,
``listType``, ``listMapKey`` and ``mapType``).
"""

from __future__ import annotations

from typing import Final

import msgspec

from podfence.manifests.validation.schema import Schema


class MergeType(msgspec.Struct, frozen=True):
    """How the value of one field is merged.

    ``keys`` make a list a map for server-side apply, ``merge_key`` makes it one for strategic merge patch;
    ``is_set`` is a list of distinct scalars; ``atomic`` values have one owner. ``is_map`` tells an object whose
    keys are data from one whose keys are fields. ``replace_keys`` is the patch strategy ``retainKeys``.
    """

    name: str = ""
    schema: Schema | None = None
    keys: tuple[str, ...] = ()
    merge_key: str = ""
    is_set: bool = False
    merges_scalars: bool = False
    atomic: bool = False
    is_map: bool = False
    retain_keys: bool = False

    def field(self, name: str) -> MergeType:
        """Give the type of a field of an object."""
        if self.schema is None:
            return _named(self.name, name)
        return _of_schema(self.schema.field(name))

    def item(self) -> MergeType:
        """Give the type of the items of a list."""
        if self.schema is None:
            return MergeType(self.name)
        return _of_schema(self.schema.items)

    def default_of(self, key: str) -> object:
        """Give the value that a key of a list item has when it is left out."""
        return "TCP" if key == "protocol" and self.schema is None else None


_ATOMIC: Final = MergeType(atomic=True)

# The keys for server-side apply, then the key for strategic merge.
_LISTS: Final = {
    "containers": (("name",), "name"),
    "initContainers": (("name",), "name"),
    "ephemeralContainers": (("name",), "name"),
    "env": (("name",), "name"),
    "volumes": (("name",), "name"),
    "volumeMounts": (("mountPath",), "mountPath"),
    "volumeDevices": (("devicePath",), "devicePath"),
    "volumeClaimTemplates": ((), ""),
    "imagePullSecrets": (("name",), "name"),
    "hostAliases": (("ip",), "ip"),
    "topologySpreadConstraints": (("topologyKey", "whenUnsatisfiable"), "topologyKey"),
    "resourceClaims": (("name",), "name"),
    "conditions": (("type",), "type"),
    "ownerReferences": (("uid",), "uid"),
    "podIPs": (("ip",), "ip"),
    "hostIPs": ((), "ip"),
    "addresses": (("type",), "type"),
    "taints": ((), "key"),
    "webhooks": (("name",), "name"),
    "secrets": (("name",), "name"),
}
_PORTS: Final = {
    "containers": (("containerPort", "protocol"), "containerPort"),
    "initContainers": (("containerPort", "protocol"), "containerPort"),
    "spec": (("port", "protocol"), "port"),
}
_SETS: Final = frozenset({"finalizers", "podCIDRs", "loadBalancerSourceRanges"})
_MERGING_SCALARS: Final = frozenset({"finalizers", "podCIDRs"})
_ATOMIC_OBJECTS: Final = frozenset(
    {
        *("selector", "podSelector", "namespaceSelector", "labelSelector", "nodeSelector", "fieldRef"),
        *("configMapKeyRef", "secretKeyRef", "resourceFieldRef", "secretRef", "scaleTargetRef", "targetRef"),
    }
)
_MAPS: Final = frozenset(
    {"labels", "annotations", "data", "binaryData", "stringData", "matchLabels", "limits", "requests", "capacity"}
)
_RETAINING: Final = frozenset({"volumes", "strategy"})


def _named(parent: str, name: str) -> MergeType:
    if name == "ports":
        keys, merge_key = _PORTS.get(parent, ((), ""))
        return MergeType(name, keys=keys, merge_key=merge_key)
    keys, merge_key = _LISTS.get(name, ((), ""))
    return MergeType(
        name,
        keys=keys,
        merge_key=merge_key,
        is_set=name in _SETS,
        merges_scalars=name in _MERGING_SCALARS,
        atomic=name in _ATOMIC_OBJECTS,
        is_map=name in _MAPS,
        retain_keys=name in _RETAINING,
    )


def _of_schema(schema: Schema | None) -> MergeType:
    if schema is None:
        return _ATOMIC
    return MergeType(
        schema=schema,
        keys=schema.list_keys,
        is_set=schema.is_set,
        atomic=schema.is_atomic,
        is_map=schema.additional is not None,
    )


BUILTIN: Final = MergeType()
"""Any built-in kind."""


def of_custom_resource(schema: Schema) -> MergeType:
    """Give the type of a kind whose schema a CRD states; its metadata is that of every kind."""
    return _CustomRoot(schema=schema)


class _CustomRoot(MergeType, frozen=True):
    """The root of a custom resource."""

    def field(self, name: str) -> MergeType:
        """Give the type of a field, metadata from the table, the rest from the schema."""
        if name in {"metadata", "apiVersion", "kind"}:
            return _named("", name)
        return MergeType.field(self, name)
