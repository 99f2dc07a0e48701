"""Changes to policy documents: what is put in, where, and the policies that result.

A changed document is written as YAML, read back and judged as the API server would, by the very code that reads
what people write. So what is shown is what was proved.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from podfence.manifests.documents import Item
from podfence.manifests.gather import gather
from podfence.manifests.judge import judge_policy
from podfence.manifests.kinds import api_of
from podfence.manifests.loaded import Identity
from podfence.manifests.manual.rule import Severity
from podfence.manifests.validation.admission import Server
from podfence.manifests.write import write_yaml
from podfence.manifests.yaml_text import read_yaml_text
from podfence.model.objects import ObjectRef
from podfence.model.policy import Policy
from podfence.model.snapshot import Snapshot

Plain = dict[str, Any]

_STEP = re.compile(r"([^.\[\]]+)|\[([0-9]+)\]")
_OF_THE_SERVER = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Edit(msgspec.Struct, frozen=True, gc=False):
    """One thing put into a policy: ``items`` into the list at ``path`` before ``index``, or a whole new policy.

    ``ref`` is the policy as it stands in the manifests, ``None`` for a new one, whose document is the one item
    and whose path is empty. ``before`` is the item above which it goes in, where the order matters; otherwise the
    items come last. ``fresh`` tells that the list did not exist.
    """

    identity: Identity
    ref: ObjectRef | None
    path: str
    index: int
    items: tuple[Any, ...]
    fresh: bool = False
    ordered: bool = False

    @property
    def lines(self) -> int:
        """How many lines of YAML it takes."""
        return len(write_yaml([{"items": list(self.items)}]).splitlines()) + self.fresh


class Draft(msgspec.Struct, frozen=True):
    """Some edits on top of the manifests: the documents that they change or make, and their policies."""

    edits: tuple[Edit, ...] = ()
    documents: Mapping[Identity, Plain] = {}
    policies: Mapping[Identity, Policy] = {}

    @property
    def lines(self) -> int:
        """How many lines of YAML the edits take."""
        return sum(edit.lines for edit in self.edits)

    @property
    def manifests(self) -> str:
        """The whole of each changed document, for ``kubectl apply``."""
        return write_yaml(self.documents.values())

    def on(self, snapshot: Snapshot) -> Snapshot:
        """Put the changed and the new policies into a snapshot."""
        known = [self.policies.get(policy.ref.identity, policy) for policy in snapshot.policies]
        there = {policy.ref.identity for policy in snapshot.policies}
        new = [policy for identity, policy in self.policies.items() if identity not in there]
        return snapshot.with_policies((*known, *new))


def drafted(draft: Draft, edit: Edit, documents: Mapping[Identity, Mapping[str, Any]]) -> Draft | None:
    """Add an edit to a draft; ``None`` when the API server would not take the document that results.

    ``documents`` are the manifests' own, by identity.
    """
    if edit.ref is None:
        document: Plain = edit.items[0]
    else:
        known = draft.documents.get(edit.identity)
        document = copy.deepcopy(known) if known is not None else clean(documents[edit.identity], edit.ref)
        _insert(document, edit)
    policy = read_back(document)
    if policy is None or policy.ref.identity != edit.identity:
        return None
    if edit.ref is not None:
        # Its place is where it stands in the manifests, not in the text that was made to read it back.
        policy = msgspec.structs.replace(policy, ref=edit.ref)
    return Draft(
        (*draft.edits, edit),
        {**draft.documents, edit.identity: document},
        {**draft.policies, edit.identity: policy},
    )


def read_back(document: Plain) -> Policy | None:
    """Write a document, read it again and judge it; ``None`` unless it is one policy without fault."""
    return read_back_text(write_yaml([document]))


def read_back_text(text: str) -> Policy | None:
    """Read a document and judge it; ``None`` unless it is one policy without fault."""
    found = list(read_yaml_text(text.encode(), "suggestion"))
    items = [item for item in found if isinstance(item, Item)]
    if len(items) != 1 or len(found) != 1:
        return None
    api = api_of(items[0].api_version, items[0].kind)
    if api is None:
        return None
    faults = judge_policy(items[0], api, Server()).faults
    loaded = gather(items)
    if loaded.problems or any(fault.severity is Severity.ERROR for fault in faults):
        return None
    return loaded.snapshot.policies[0]


def clean(document: Mapping[str, Any], ref: ObjectRef) -> Plain:
    """Copy a document without what only a server writes, with its namespace, in an API version that is served."""
    found: Plain = copy.deepcopy({key: value for key, value in document.items() if key != "status"})
    if found.get("apiVersion") == "extensions/v1beta1":
        found["apiVersion"] = "networking.k8s.io/v1"
    metadata = {key: value for key, value in found["metadata"].items() if key not in _OF_THE_SERVER}
    if ref.namespace is not None:
        metadata["namespace"] = ref.namespace
    annotations = metadata.get("annotations")
    if isinstance(annotations, dict):
        annotations.pop(_LAST_APPLIED, None)
        if not annotations:
            del metadata["annotations"]
    found["metadata"] = metadata
    return found


def field_at(document: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 (a plain value is anything)
    """Look a field up by its path, ``spec.ingress[0].from``; ``None`` when it is not there."""
    value: Any = document
    for name, index in _STEP.findall(path):
        if name and isinstance(value, Mapping):
            value = value.get(name)
        elif index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            return None
    return value


def _insert(document: Plain, edit: Edit) -> None:
    parent, _, field = edit.path.rpartition(".")
    holder = field_at(document, parent)
    if holder is None:
        # Only a spec can be missing: a NetworkPolicy without one is valid.
        holder = document[parent] = {}
    known = holder.get(field)
    if known is None:
        known = holder[field] = []
    known[edit.index : edit.index] = copy.deepcopy(list(edit.items))
