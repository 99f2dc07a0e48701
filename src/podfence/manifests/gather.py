"""Gather items into a snapshot, wherever they come from: files, standard input, or a cluster that lists them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from podfence.manifests import wire
from podfence.manifests.convert import cluster, pods, services, workloads
from podfence.manifests.convert.assembly import assemble
from podfence.manifests.convert.fields import FieldProblem, FieldProblems
from podfence.manifests.convert.ownership import WorkloadKey
from podfence.manifests.convert.sharing import Shared
from podfence.manifests.convert.workloads import WorkloadRecord
from podfence.manifests.documents import Item, Skipped, Unparsed
from podfence.manifests.extraction import POLICY_CONVERTERS, ConvertPolicy, converted_policy, decoded, metadata_of
from podfence.manifests.judge import judge_policy, judge_repeats
from podfence.manifests.kinds import api_of, misnamed
from podfence.manifests.loaded import Duplicate, Identity, Loaded, Problem
from podfence.manifests.manual.rule import Severity
from podfence.manifests.oddity import CLUSTER_POLICIES, may_be_refused
from podfence.manifests.validation.admission import Server
from podfence.model.net import PRIVATE_IPV4, AddressRange
from podfence.model.objects import EndpointSlice, Namespace, Node, ObjectRef, Service
from podfence.model.policy import Policy
from podfence.model.snapshot import Snapshot
from podfence.model.source import position_of

Read = TypeVar("Read", bound=wire.Object)
Key = TypeVar("Key", bound=Hashable)
Kept = TypeVar("Kept")

_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\Z")
_NO_META = wire.ObjectMeta()

LATEST = Server()
"""The API server of the newest Kubernetes."""

CLUSTER_SCOPED = frozenset({"Namespace", "Node", *CLUSTER_POLICIES})


def gather(
    items: Iterable[Item | Unparsed | Skipped],
    *,
    namespace: str = "default",
    pod_ranges: tuple[AddressRange, ...] = PRIVATE_IPV4,
    server: Server = LATEST,
) -> Loaded:
    """Make a snapshot out of items in the order of their reading.

    ``namespace`` is that of objects which name none, ``pod_ranges`` where pods of unknown address may live, and
    ``server`` who judges policies that look odd. Never raises, whatever the items hold.
    """
    gathering = Gathering(namespace, server)
    for item in items:
        gathering.add(item)
    return gathering.loaded(pod_ranges)


class Gathering:
    """Takes items one by one, and makes the snapshot in the end."""

    def __init__(self, namespace: str, server: Server) -> None:
        self._namespace = namespace
        self._server = server
        self._shared = Shared()
        self._namespaces: dict[str, Namespace] = {}
        self._pods: dict[str, dict[str, pods.PodRecord]] = {}
        self._workloads: dict[WorkloadKey, WorkloadRecord] = {}
        self._nodes: dict[str, Node] = {}
        self._services: dict[tuple[str, str], Service] = {}
        self._endpoint_slices: dict[tuple[str, str], EndpointSlice] = {}
        self._policies: dict[Identity, Policy] = {}
        self._documents: dict[Identity, Mapping[str, Any]] = {}
        self._files: dict[Identity, str] = {}
        self._named_namespaces: set[str] = set()
        self._unknown_kinds: Counter[str] = Counter()
        self._problems: list[Problem] = []
        self._duplicates: list[Duplicate] = []
        self._skipped: list[Skipped] = []
        self._objects = 0
        self._unnamed = 0

    def add(self, item: Item | Unparsed | Skipped) -> None:
        """Take one item in; never raises, whatever it holds."""
        if isinstance(item, Unparsed):
            self._problems.append(Problem(item.position, item.message))
        elif isinstance(item, Skipped):
            self._skipped.append(item)
        else:
            self._objects += 1
            take = _KINDS.get((item.api_version, item.kind))
            if take is None:
                self._unknown_kinds[_kind_in_words(item)] += 1
                self._note_namespace(item)
                self._problems.extend(self._refusals(item) or self._misnamed(item))
            else:
                take(self, item)
            if api_of(item.api_version, item.kind) is None:
                self._problems.extend(
                    Problem(fault.position, fault.message, fault.ref, fault.path, fault.rule.name)
                    for fault in judge_repeats(item, self._namespace)
                )

    def loaded(self, pod_ranges: tuple[AddressRange, ...]) -> Loaded:
        """Make the snapshot out of everything that was added."""
        bare = self._named_namespaces.difference(self._namespaces)
        for name in bare:
            self._namespaces[name] = cluster.namespace(name)
        snapshot = Snapshot(
            namespaces=_in_order(self._namespaces),
            pods=assemble(self._pods, self._workloads, sorted(self._nodes)),
            nodes=_in_order(self._nodes),
            services=_in_order(self._services),
            endpoint_slices=_in_order(self._endpoint_slices),
            policies=tuple(sorted(self._policies.values(), key=_namespace_and_name)),
            pod_ranges=pod_ranges,
            bare_namespaces=frozenset(bare),
        )
        return Loaded(
            snapshot=snapshot,
            problems=tuple(self._problems),
            duplicates=tuple(self._duplicates),
            unknown_kinds=tuple(sorted(self._unknown_kinds.items())),
            skipped=tuple(self._skipped),
            documents=self._documents,
            objects=self._objects,
        )

    def add_pod(self, item: Item) -> None:
        """Take a Pod in."""
        read, problems = decoded(item, wire.Pod)
        namespace, name = self._identify(item, read.metadata, problems)
        siblings = self._pods.setdefault(namespace, {})
        self._keep(siblings, name, pods.pod_record(read, item.file, self._shared, problems), item, (namespace, name))
        self._note(problems, item, (namespace, name))

    def add_namespace(self, item: Item) -> None:
        """Take a Namespace in."""
        read, problems = decoded(item, wire.Object)
        _, name = self._identify(item, read.metadata, problems)
        labels = (read.metadata or _NO_META).labels
        self._keep(self._namespaces, name, cluster.namespace(name, labels), item, (None, name))
        self._note(problems, item, (None, name))

    def add_node(self, item: Item) -> None:
        """Take a Node in."""
        read, problems = decoded(item, wire.Node)
        _, name = self._identify(item, read.metadata, problems)
        self._keep(self._nodes, name, cluster.node(read, name, self._shared, problems), item, (None, name))
        self._note(problems, item, (None, name))

    def add_service(self, item: Item) -> None:
        """Take a Service in."""
        read, problems = decoded(item, wire.Service)
        place = self._identify(item, read.metadata, problems)
        self._keep(self._services, place, services.service(read, *place, self._shared, problems), item, place)
        self._note(problems, item, place)

    def add_endpoint_slice(self, item: Item) -> None:
        """Take an EndpointSlice in, unless it belongs to no Service."""
        read, problems = decoded(item, wire.EndpointSlice)
        place = self._identify(item, read.metadata, problems)
        converted = services.endpoint_slice(read, place[0], problems)
        if converted is not None:
            self._keep(self._endpoint_slices, place, converted, item, place)
        self._note(problems, item, place)

    def add_workload(
        self,
        item: Item,
        wanted: type[Read],
        convert: Callable[[Read, Shared, FieldProblems], WorkloadRecord],
    ) -> None:
        """Take a workload in."""
        read, problems = decoded(item, wanted)
        namespace, name = self._identify(item, read.metadata, problems)
        record = convert(read, self._shared, problems)
        self._keep(self._workloads, (namespace, item.kind, name), record, item, (namespace, name))
        self._note(problems, item, (namespace, name))

    def add_policy(self, item: Item, convert: ConvertPolicy) -> None:
        """Take a policy in, with its plain value and its text."""
        value: Mapping[str, Any] = item.plain()
        problems: FieldProblems = []
        place = self._identify(item, metadata_of(value, problems), problems)
        policy, value = converted_policy(value, ObjectRef(item.kind, *place, item.source), convert, problems)
        identity = policy.ref.identity
        self._keep(self._policies, identity, policy, item, place)
        self._documents[identity] = value
        if problems or may_be_refused(item, value, policy):
            self._problems.extend(self._refusals(item) or _located(problems, item, place))

    def _misnamed(self, item: Item) -> list[Problem]:
        """Say that no server knows the kind of an object."""
        message = misnamed(item.api_version, item.kind)
        if message is None:
            return []
        position = position_of(item.source, "kind")
        return [Problem(position, message, path="kind", rule="api-version-unknown")]

    def _note_namespace(self, item: Item) -> None:
        """Remember the namespace that an object names: it exists, whatever the object is."""
        try:
            metadata = item.decode(wire.Object).metadata
        except msgspec.MsgspecError:
            return
        if metadata is not None and metadata.namespace and _NAME.match(metadata.namespace):
            self._named_namespaces.add(metadata.namespace)

    def _refusals(self, item: Item) -> list[Problem]:
        """Say what the API server would refuse, in its own words."""
        api = api_of(item.api_version, item.kind)
        if api is None:
            return []
        faults = judge_policy(item, api, self._server, self._namespace).faults
        return [
            Problem(fault.position, fault.message, fault.ref, fault.path)
            for fault in faults
            if fault.severity is Severity.ERROR
        ]

    def _identify(self, item: Item, meta: wire.ObjectMeta | None, problems: FieldProblems) -> tuple[Any, str]:
        """Tell the namespace and the name of an object; the namespace is ``None`` when it is cluster-scoped."""
        meta = meta or _NO_META
        name = meta.name or self._new_name(meta, problems)
        if not _NAME.match(name):
            problems.append(FieldProblem("metadata.name", f'"{name}" is not a valid name'))
        if item.kind in CLUSTER_SCOPED:
            return None, name
        namespace = self._shared.one(meta.namespace or self._namespace)
        self._named_namespaces.add(namespace)
        return namespace, name

    def _new_name(self, meta: wire.ObjectMeta, problems: FieldProblems) -> str:
        """Name an object that has no name; two of these are never the same object."""
        if not meta.generate_name:
            problems.append(FieldProblem("metadata.name", "a name is required"))
        self._unnamed += 1
        return f"{meta.generate_name or 'unnamed-'}{self._unnamed}"

    def _keep(self, kept: dict[Key, Kept], key: Key, value: Kept, item: Item, place: tuple[str | None, str]) -> None:
        earlier = kept.get(key)
        if earlier is not None:
            lost = earlier.ref if isinstance(earlier, Policy) else ObjectRef(item.kind, *place)
            file = earlier.file if isinstance(earlier, pods.PodRecord) else self._files[lost.identity]
            self._duplicates.append(Duplicate(lost, ObjectRef(item.kind, *place, item.source), file))
        if not isinstance(value, pods.PodRecord):
            self._files[item.kind, *place] = item.file
        kept[key] = value

    def _note(self, problems: FieldProblems, item: Item, place: tuple[str | None, str]) -> None:
        if problems:
            self._problems.extend(_located(problems, item, place))


def _located(problems: FieldProblems, item: Item, place: tuple[str | None, str]) -> list[Problem]:
    source = item.source
    ref = ObjectRef(item.kind, *place, source)
    return [Problem(position_of(source, problem.path), problem.message, ref, problem.path) for problem in problems]


def _in_order(kept: dict[Any, Kept]) -> tuple[Kept, ...]:
    return tuple(kept[key] for key in sorted(kept))


def _namespace_and_name(policy: Policy) -> tuple[str, str, str]:
    return (policy.ref.namespace or "", policy.ref.name, policy.ref.kind)


def _kind_in_words(item: Item) -> str:
    """Name a kind that is not used; a known kind of an unknown API is told apart by its API."""
    return f"{item.kind} ({item.api_version})" if item.kind in _KIND_NAMES else item.kind


Take = Callable[[Gathering, Item], None]


def _workload(wanted: type[Read], convert: Callable[[Read, Shared, FieldProblems], WorkloadRecord]) -> Take:
    return lambda gathering, item: gathering.add_workload(item, wanted, convert)


def _policy(convert: ConvertPolicy) -> Take:
    return lambda gathering, item: gathering.add_policy(item, convert)


_APPS = ("apps/v1", "apps/v1beta2", "apps/v1beta1", "extensions/v1beta1")

_READERS: tuple[tuple[str, tuple[str, ...], Take], ...] = (
    ("Namespace", ("v1",), Gathering.add_namespace),
    ("Pod", ("v1",), Gathering.add_pod),
    ("Node", ("v1",), Gathering.add_node),
    ("Service", ("v1",), Gathering.add_service),
    ("EndpointSlice", ("discovery.k8s.io/v1", "discovery.k8s.io/v1beta1"), Gathering.add_endpoint_slice),
    ("Deployment", _APPS, _workload(wire.Deployment, workloads.deployment)),
    ("StatefulSet", _APPS, _workload(wire.Replicated, workloads.replicated)),
    ("DaemonSet", _APPS, _workload(wire.Replicated, workloads.daemon_set)),
    ("ReplicaSet", _APPS, _workload(wire.Replicated, workloads.replicated)),
    ("ReplicationController", ("v1",), _workload(wire.Replicated, workloads.replicated)),
    ("Job", ("batch/v1", "extensions/v1beta1"), _workload(wire.Job, workloads.job)),
    ("CronJob", ("batch/v1", "batch/v1beta1", "batch/v2alpha1"), _workload(wire.CronJob, workloads.cron_job)),
    *((kind, (version,), _policy(convert)) for (version, kind), convert in POLICY_CONVERTERS.items()),
)
_KIND_NAMES = frozenset(kind for kind, _, _ in _READERS)
_KINDS = {(version, kind): take for kind, versions, take in _READERS for version in versions}
