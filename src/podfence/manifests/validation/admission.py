"""The way of a policy through the API server: decode, default, validate, warn, store.

These functions are all that ``check`` and a server of our own need to treat the four policy kinds exactly as a
real server does. They are pure; objects are plain data as JSON gives them (facts: semantics 1.1 to 1.10, 3.2).
"""

from __future__ import annotations

import enum
from typing import Any, Final, cast

import msgspec

from podfence.manifests.validation.cause import Cause, unknown_field, wrong_type
from podfence.manifests.validation.cluster_policy import Channel, cluster_policy_schema
from podfence.manifests.validation.decoding import Decoded, decode_record
from podfence.manifests.validation.ip_block import CidrRegime
from podfence.manifests.validation.metadata import (
    finalizer_warnings,
    owner_reference_warnings,
    unique_owner_references,
    validate_metadata,
    validate_metadata_update,
    with_generated_name,
)
from podfence.manifests.validation.network_policy import (
    default_network_policy,
    spec_warnings,
    stored_spec,
    validate_spec,
    validate_spec_update,
)
from podfence.manifests.validation.network_policy_types import NETWORK_POLICY, OBJECT_META
from podfence.manifests.validation.schema import prune_object, with_defaults
from podfence.manifests.validation.schema_validation import validate_by_schema

Object = dict[str, Any]


class Api(enum.Enum):
    """The policy APIs; the value is the pair of apiVersion and kind."""

    NETWORK_POLICY = ("networking.k8s.io/v1", "NetworkPolicy")
    CLUSTER_NETWORK_POLICY = ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy")
    ADMIN_NETWORK_POLICY = ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy")
    BASELINE_ADMIN_NETWORK_POLICY = ("policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy")

    @property
    def api_version(self) -> str:
        """Group and version."""
        return self.value[0]

    @property
    def kind(self) -> str:
        """The kind."""
        return self.value[1]

    @property
    def builtin(self) -> bool:
        """Tell whether the kind is part of Kubernetes, and not a custom resource; it is then namespaced, too."""
        return self is Api.NETWORK_POLICY


class Server(msgspec.Struct, frozen=True):
    """Which server is meant: how it treats CIDR text, which CRDs it has, and the families of its Services' addresses.

    Kubernetes 1.36 and later are strict about CIDRs, earlier versions lenient.
    """

    cidr: CidrRegime = CidrRegime.STRICT
    channel: Channel = Channel.EXPERIMENTAL
    ip_families: tuple[str, ...] = ("IPv4",)


NEWEST: Final = Server()
"""The server that is meant when nobody says which."""


class Warned(msgspec.Struct, frozen=True, gc=False):
    """A warning of the server: accepted, but said; ``rule`` is its name in our catalogue."""

    field: str
    message: str
    rule: str


def decode(
    api: Api,
    value: Object,
    *,
    strict: bool = True,
    channel: Channel = Channel.EXPERIMENTAL,
    sort: bool = True,
) -> Decoded:
    """Decode an object's JSON value; ``sort`` is for values that were YAML, whose keys the server sorts.

    The result is meaningless beyond its faults when there are wrong types; unknown fields are dropped from it.
    """
    if api.builtin:
        return decode_record(NETWORK_POLICY, value, strict=strict, sort=sort)
    unknown: list[str] = []
    metadata = _decode_metadata(value.get("metadata"), strict=strict, sort=sort)
    pruned = prune_object(cluster_policy_schema(api.kind, channel), value, "", unknown)
    if "metadata" in value:
        pruned["metadata"] = metadata.value
    faults = (*metadata.strict, *(unknown_field(path) for path in sorted(unknown)))
    return Decoded(pruned, metadata.wrong_types, faults if strict else ())


def _decode_metadata(value: object, *, strict: bool, sort: bool) -> Decoded:
    """Decode a custom resource's metadata; the server's messages about it lack the prefix ``metadata.``."""
    if value is None:
        return Decoded({})
    if not isinstance(value, dict):
        found = {str: "string", list: "array", bool: "bool"}.get(type(value), "number")
        message = f"json: cannot unmarshal {found} into Go value of type v1.ObjectMeta"
        return Decoded({}, (wrong_type("metadata", message),))
    decoded = decode_record(OBJECT_META, value, strict=strict, sort=sort)
    wrong = (wrong_type(f"metadata.{cause.field}", cause.message) for cause in decoded.wrong_types)
    unknown = (unknown_field(f"metadata.{cause.field}") for cause in decoded.strict)
    return Decoded(decoded.value, tuple(wrong), tuple(unknown))


def default(api: Api, value: Object, channel: Channel = Channel.EXPERIMENTAL) -> Object:
    """Fill in the defaults of a decoded object, status dropped; the given object is not changed."""
    if api.builtin:
        return default_network_policy(value)
    given = {name: entry for name, entry in value.items() if name != "status"}
    return cast(Object, with_defaults(cluster_policy_schema(api.kind, channel), given))


def prepare(api: Api, value: Object, namespace: str = "default") -> Object:
    """Do what the server does to metadata before it validates a new object.

    A name is made from ``generateName``, the namespace of the request is filled in (or cleared on cluster-scoped
    kinds: row C38), repeated owner references go.
    """
    metadata = with_generated_name(value.get("metadata") or {})
    if api.builtin:
        metadata["namespace"] = metadata.get("namespace") or namespace
    else:
        metadata.pop("namespace", None)
    if metadata.get("ownerReferences"):
        metadata["ownerReferences"] = unique_owner_references(metadata["ownerReferences"])
    return {**value, "metadata": metadata}


def validate_create(api: Api, value: Object, server: Server = NEWEST) -> tuple[Cause, ...]:
    """Judge a decoded, defaulted and prepared object; the causes are the server's, in its order.

    The order of causes of a custom resource is random in the server and fixed here.
    """
    metadata = validate_metadata(value.get("metadata") or {}, namespaced=api.builtin, builtin=api.builtin)
    if api.builtin:
        return (*metadata, *validate_spec(value.get("spec") or {}, server.cidr))
    return tuple(validate_by_schema(cluster_policy_schema(api.kind, server.channel), value, metadata))


def validate_update(api: Api, new: Object, old: Object, server: Server = NEWEST) -> tuple[Cause, ...]:
    """Judge a change of a stored object: what may never change, and what is forgiven because it was stored."""
    metadata = validate_metadata_update(new.get("metadata") or {}, old.get("metadata") or {}, builtin=api.builtin)
    if api.builtin:
        spec, old_spec = new.get("spec") or {}, old.get("spec") or {}
        return (*metadata, *validate_spec_update(spec, old_spec, server.cidr))
    schema = cluster_policy_schema(api.kind, server.channel)
    return tuple(validate_by_schema(schema, new, metadata, old))


def warnings(api: Api, value: Object) -> tuple[Warned, ...]:
    """Give what the server warns of when it accepts a decoded and defaulted object (facts: 1.6)."""
    metadata = value.get("metadata") or {}
    owners = owner_reference_warnings(metadata.get("ownerReferences") or ())
    given = [Warned("metadata.ownerReferences", message, "owner-repeated") for message in owners]
    if api.builtin:
        given += (Warned(field, message, kind.value) for kind, field, message in spec_warnings(value.get("spec") or {}))
    else:
        finalizers = finalizer_warnings(metadata.get("finalizers") or ())
        given += (Warned("metadata.finalizers", message, "finalizer-unqualified") for message in finalizers)
    return tuple(given)


_KEPT_METADATA = (
    "name",
    "generateName",
    "namespace",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
)


def stored(api: Api, value: Object) -> Object:
    """Give an accepted object as ``kubectl get -o yaml`` shows it, without what only the server knows.

    Built-in kinds lose empty lists and maps on the way to storage, custom resources keep them (facts: 1.10).
    """
    metadata = {name: value["metadata"][name] for name in _KEPT_METADATA if value["metadata"].get(name)}
    spec = stored_spec(value.get("spec") or {}) if api.builtin else _whole_numbers(value["spec"])
    return {"apiVersion": api.api_version, "kind": api.kind, "metadata": metadata, "spec": spec}


def _whole_numbers(value: object) -> object:
    # A number such as 80.0 of a raw JSON body comes back as 80.
    match value:
        case dict():
            return {name: _whole_numbers(entry) for name, entry in value.items()}
        case list():
            return [_whole_numbers(entry) for entry in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value
