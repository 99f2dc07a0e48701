"""What the server would answer to a manifest, in the short form that the tables of these tests use."""

from __future__ import annotations

from typing import Any

import msgspec

from podfence.manifests.documents import Item
from podfence.manifests.inputs import read_data
from podfence.manifests.validation.admission import (
    Api,
    Server,
    decode,
    default,
    prepare,
    stored,
    validate_create,
    warnings,
)
from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.cluster_policy import Channel
from podfence.manifests.validation.ip_block import CidrRegime

OLD_SERVER = Server(cidr=CidrRegime.LENIENT)
STANDARD_CHANNEL = Server(channel=Channel.STANDARD)


class Answer(msgspec.Struct, frozen=True):
    """The answer to a create request: the HTTP code and what comes with it."""

    code: int
    causes: tuple[Cause, ...] = ()
    warnings: tuple[str, ...] = ()
    stored: dict[str, Any] = {}

    @property
    def faults(self) -> list[str]:
        """The causes as ``Invalid spec.ingress[0].ports[0].port``."""
        return [f"{cause.reason.value.removeprefix('FieldValue')} {cause.field}" for cause in self.causes]

    @property
    def messages(self) -> list[str]:
        """The messages of the causes."""
        return [cause.message for cause in self.causes]


def parse(text: str, file: str = "test.yaml") -> dict[str, Any]:
    """Read one manifest as kubectl does."""
    (item,) = read_data(text.encode(), file)
    assert isinstance(item, Item), item
    return item.plain()


def ask(text: str, api: Api = Api.NETWORK_POLICY, server: Server = Server(), *, strict: bool = True) -> Answer:  # noqa: B008 (frozen)
    """Ask for a manifest to be created."""
    return ask_value(parse(text), api, server, strict=strict)


def ask_value(
    value: dict[str, Any],
    api: Api = Api.NETWORK_POLICY,
    server: Server = Server(),  # noqa: B008 (frozen)
    *,
    strict: bool = True,
) -> Answer:
    """Ask for a JSON value to be created."""
    decoded = decode(api, value, strict=strict, channel=server.channel)
    if decoded.wrong_types or decoded.strict:
        return Answer(400, (*decoded.wrong_types, *decoded.strict))
    prepared = prepare(api, default(api, decoded.value, server.channel))
    causes = validate_create(api, prepared, server)
    if causes:
        return Answer(422, causes)
    given = tuple(warned.message for warned in warnings(api, prepared))
    return Answer(201, warnings=given, stored=stored(api, prepared))


def network_policy(spec: str, metadata: str = "{name: web}") -> str:
    """Write a NetworkPolicy from flow-style texts."""
    return f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {metadata}\nspec: {spec}\n"


def spec_of(spec: str, server: Server = Server()) -> dict[str, Any]:  # noqa: B008 (frozen)
    """Give the spec that the server would store for a NetworkPolicy."""
    answer = ask(network_policy(spec), server=server)
    assert answer.code == 201, answer.messages
    stored_spec: dict[str, Any] = answer.stored["spec"]
    return stored_spec


def faults_of(spec: str, server: Server = Server()) -> list[str]:  # noqa: B008 (frozen)
    """Give the faults of a NetworkPolicy with this spec."""
    return ask(network_policy(spec), server=server).faults


def cluster_network_policy(fields: str = "", metadata: str = "{name: guard}", **common: str) -> str:
    """Write a ClusterNetworkPolicy; ``common`` replaces tier, priority or subject, an empty text drops one."""
    parts = {"tier": "Admin", "priority": "10", "subject": "{namespaces: {}}"} | common
    spec = ", ".join([f"{name}: {text}" for name, text in parts.items() if text] + ([fields] if fields else []))
    head = "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n"
    return f"{head}metadata: {metadata}\nspec: {{{spec}}}\n"


def admin_network_policy(fields: str = "", **common: str) -> str:
    """Write an AdminNetworkPolicy in the same way."""
    parts = {"priority": "10", "subject": "{namespaces: {}}"} | common
    spec = ", ".join([f"{name}: {text}" for name, text in parts.items() if text] + ([fields] if fields else []))
    head = "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\n"
    return f"{head}metadata: {{name: guard}}\nspec: {{{spec}}}\n"


def baseline_policy(fields: str = "", name: str = "default") -> str:
    """Write a BaselineAdminNetworkPolicy in the same way."""
    spec = ", ".join(["subject: {namespaces: {}}"] + ([fields] if fields else []))
    head = "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\n"
    return f"{head}metadata: {{name: {name}}}\nspec: {{{spec}}}\n"
