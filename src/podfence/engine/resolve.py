"""From what a person types to the ends it means: ``shop/deploy/cart``, ``10.0.0.7``, ``node/n1``, ``internet``.

One argument may stand for several ends; ``question`` judges them all. A name that resolves to nothing, or to
several things, is an error that says what would be right.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable

import msgspec

from podfence.engine.directory import Directory
from podfence.engine.frame import Frame
from podfence.engine.judge import Domain, Outside, Party
from podfence.engine.pod_names import NUMBERED, instances
from podfence.model.error import PodfenceError
from podfence.model.net import (
    IPV6_ORIGIN,
    AddressRange,
    format_address,
    parse_address,
    parse_cidr,
)
from podfence.model.objects import Node, Pod, Service

KINDS = {
    "pod": "Pod",
    "po": "Pod",
    "service": "Service",
    "svc": "Service",
    "deployment": "Deployment",
    "deploy": "Deployment",
    "statefulset": "StatefulSet",
    "sts": "StatefulSet",
    "daemonset": "DaemonSet",
    "ds": "DaemonSet",
    "replicaset": "ReplicaSet",
    "rs": "ReplicaSet",
    "replicationcontroller": "ReplicationController",
    "rc": "ReplicationController",
    "job": "Job",
    "cronjob": "CronJob",
    "cj": "CronJob",
}
"""Kinds of endpoints by every name that kubectl knows for them, in the singular and in lower case."""

_NODE_WORDS = ("node", "nodes", "no")
_NAMESPACE_WORDS = ("namespace", "namespaces", "ns")
_CLASS_NUMBER = re.compile(r"(.+)#([1-9][0-9]*)\Z")


class Resolved(msgspec.Struct, frozen=True, gc=False):
    """What an argument stands for.

    ``display`` is for people, ``id`` as ``map`` writes it where it has one. ``service`` is set when the argument
    is a Service: then the port is the Service's.
    """

    display: str
    id: str
    parties: tuple[Party, ...]
    service: Service | None = None

    @property
    def pods(self) -> list[Pod]:
        """The pods among the parties."""
        return [party for party in self.parties if isinstance(party, Pod)]


def resolve(directory: Directory, text: str, namespace: str | None = None) -> Resolved:
    """Find what an argument stands for; ``namespace`` fills in ``NS/`` where it is left out.

    Raises ``PodfenceError`` in one line when it stands for nothing, or for more than one thing.
    """
    parts = text.split("/")
    if not all(parts):
        raise PodfenceError(
            f"{text!r} names no endpoint; write NS/NAME, NS/KIND/NAME, node/NAME, an address or internet"
        )
    found = _address(directory, text) or (None if _is_whole(directory, parts) else _special(directory, text))
    if found is not None:
        return found
    match parts:
        case [name]:
            if namespace is None:
                raise PodfenceError(_without_namespace(directory, name))
            return _by_name(directory, text, namespace, name)
        case [kind, name] if namespace is not None and kind not in directory.namespaces and kind_of(kind):
            return _by_kind(directory, text, namespace, kind, name)
        case [place, name]:
            return _by_name(directory, text, place, name)
        case [place, kind, name]:
            return _by_kind(directory, text, place, kind, name)
    raise PodfenceError(f"{text}: too many slashes; write NS/NAME or NS/KIND/NAME")


def _is_whole(directory: Directory, parts: list[str]) -> bool:
    """Tell whether an argument is ``NS/KIND/NAME``: then it is so in a namespace called ``node`` or ``domain``, too."""
    return len(parts) == 3 and parts[0] in directory.workloads_in and kind_of(parts[1]) is not None


def kind_of(word: str) -> str | None:
    """Give the kind that a word means, long or short, singular or plural, in any case; ``None`` for no kind."""
    word = word.casefold().partition(".")[0]
    return KINDS.get(word) or KINDS.get(word.removesuffix("s"))


def _address(directory: Directory, text: str) -> Resolved | None:
    """Resolve an address to whoever owns it, a block of addresses to all who have one of them."""
    try:
        address = parse_address(text)
    except ValueError:
        return _block(directory, text)
    written = format_address(address)
    service = directory.service_addresses.get(address)
    if service is not None:
        return msgspec.structs.replace(_service(directory, service), display=f"{written} (Service {_title(service)})")
    owner = directory.owners.get(address)
    if isinstance(owner, Pod):
        pod = msgspec.structs.replace(owner, addresses=(address,))
        return Resolved(f"{written} (pod {_title(owner)})", f"{owner.namespace}/Pod/{owner.name}", (pod,))
    if owner is not None:
        node = msgspec.structs.replace(owner, addresses=(address,))
        return Resolved(f"{written} (node {owner.name})", f"node/{owner.name}", (node,))
    return Resolved(written, written, (Outside((AddressRange(address, address),)),))


def _block(directory: Directory, text: str) -> Resolved | None:
    try:
        block = parse_cidr(text)
    except ValueError:
        return None
    return _everything_in(directory, text, block)


def _everything_in(directory: Directory, text: str, block: AddressRange) -> Resolved:
    inside: dict[str, Party] = {}
    for address, owner in directory.owners.items():
        if address in block:
            key = f"{type(owner).__name__} {_title(owner)}"
            known = inside.get(key)
            addresses = (*(known.addresses if isinstance(known, Pod | Node) else ()), address)
            inside[key] = msgspec.structs.replace(owner, addresses=addresses)
    rest = directory.unowned([block])
    outside: tuple[Party, ...] = (Outside(rest),) if rest else ()
    return Resolved(text, text, (*outside, *inside.values()))


def _special(directory: Directory, text: str) -> Resolved | None:  # noqa: PLR0911 (one for each word)
    """Resolve what is in no namespace: ``internet``, ``node/``, ``domain/``, ``external/``, ``namespace/``."""
    if text.casefold() == "internet":
        return Resolved("internet", "internet", (Outside(directory.internet),))
    word, _, name = text.partition("/")
    word = word.casefold()
    if not name:
        return None
    if word in _NODE_WORDS:
        return _node(directory, text, name)
    if word == "domain":
        return _domain(name)
    if word == "external":
        return _external(directory, text, name)
    if word in _NAMESPACE_WORDS and name in directory.namespaces:
        return _whole_namespace(directory, text, name)
    return None


def _domain(name: str) -> Resolved:
    written = name.casefold().removesuffix(".")
    return Resolved(written, f"domain/{written}", (Domain(written),))


def _whole_namespace(directory: Directory, text: str, name: str) -> Resolved:
    pods = tuple(directory.all_pods_in(name))
    if not pods:
        raise PodfenceError(f"{text}: there is no pod in this namespace")
    return Resolved(f"namespace {name}", f"namespace/{name}", pods)


def _node(directory: Directory, text: str, name: str) -> Resolved:
    node = directory.nodes.get(name)
    if node is not None:
        return Resolved(f"node/{name}", f"node/{name}", (node,))
    if name in {pod.node for pod in directory.snapshot.pods}:
        # Only pods speak of it: its name is enough for the own-node rule, its labels and addresses stay unknown.
        return Resolved(f"node/{name}", f"node/{name}", (Node(name),))
    raise PodfenceError(f"{text}: no such node in {directory.searched}{_mean(name, directory.nodes, 'node/')}")


def _external(directory: Directory, text: str, name: str) -> Resolved:
    """Resolve an id of ``map``: a range, or a single address or block for convenience."""
    first, dash, last = name.partition("-")
    found = None if dash else _address(directory, name)
    if found is not None:
        return found
    try:
        piece = AddressRange(parse_address(first), parse_address(last))
    except ValueError:
        raise PodfenceError(f"{text}: {name!r} is no range of addresses such as 10.0.0.0-10.0.0.255") from None
    if piece.first > piece.last or (piece.first < IPV6_ORIGIN) != (piece.last < IPV6_ORIGIN):
        raise PodfenceError(f"{text}: the range ends before it begins")
    found = _everything_in(directory, name, piece)
    return msgspec.structs.replace(found, id=text)


def _by_name(directory: Directory, text: str, namespace: str, name: str) -> Resolved:
    """Find a pod, else the one workload of that name, else a pod that a template will have."""
    _known_namespace(directory, text, namespace)
    pod = directory.pods_in.get(namespace, {}).get(name)
    if pod is not None:
        return _pod(pod, name)
    stem = _without_class(name)
    kinds = sorted(kind for kind, known in directory.workloads_in[namespace] if known == stem)
    if len(kinds) == 1:
        return _workload(directory, text, namespace, kinds[0], name)
    if kinds:
        choices = ", ".join(f"{namespace}/{kind}/{name}" for kind in kinds)
        raise PodfenceError(f"{text} may be {choices}: say which")
    found = _instances(directory, namespace, name)
    if found:
        return _pod(found[0], name)
    if (namespace, name) in directory.services:
        hint = f"write {namespace}/service/{name} for its pods and ports"
        raise PodfenceError(f"{text}: no such pod or workload in {directory.searched}, but a Service; {hint}")
    raise PodfenceError(_nothing(directory, text, namespace, name, "workload or pod"))


def _by_kind(directory: Directory, text: str, namespace: str, word: str, name: str) -> Resolved:
    kind = kind_of(word)
    if kind is None:
        known = sorted(set(KINDS.values()))
        raise PodfenceError(
            f"{text}: {word!r} is no kind of endpoint{_mean(word.capitalize(), known)}; known are {', '.join(known)}"
        )
    _known_namespace(directory, text, namespace)
    if kind == "Service":
        service = directory.services.get((namespace, name))
        if service is not None:
            return _service(directory, service)
    elif kind == "Pod":
        pod = directory.pods_in.get(namespace, {}).get(name)
        found = [pod] if pod is not None else _instances(directory, namespace, name)
        if found:
            return _pod(found[0], name)
    elif (kind, _without_class(name)) in directory.workloads_in[namespace]:
        return _workload(directory, text, namespace, kind, name)
    raise PodfenceError(_nothing(directory, text, namespace, name, kind))


def _pod(pod: Pod, name: str) -> Resolved:
    """Make one pod out of a Pod object or of a template that stands for several."""
    one = msgspec.structs.replace(pod, name=name, count=1)
    return Resolved(f"{pod.namespace}/{name}", f"{pod.namespace}/Pod/{name}", (one,))


def _instances(directory: Directory, namespace: str, name: str) -> list[Pod]:
    """Find the template that will have a pod of this name, as ``map --by pod`` names them."""
    match = NUMBERED.match(name)
    if match is None:
        return []
    workloads = directory.workloads_in[namespace]
    templates = [
        pod for (_, known), pods in workloads.items() if known == match[1] for pod in pods if pod.from_template
    ]
    found = instances(templates, directory.pods_in.get(namespace, {})) if templates else ()
    return [templates[position] for position, names in found if name in names]


def _workload(directory: Directory, text: str, namespace: str, kind: str, name: str) -> Resolved:
    pods = directory.workloads_in[namespace][kind, _without_class(name)]
    match = _CLASS_NUMBER.match(name)
    if match is not None:
        groups = _by_class(directory, pods)
        if int(match[2]) > len(groups):
            raise PodfenceError(f"{text}: policies tell only {len(groups)} of its groups of pods apart")
        pods = groups[int(match[2]) - 1]
    identity = f"{namespace}/{kind}/{name}"
    stem = _without_class(name)
    kinds = [known for known, other in directory.workloads_in[namespace] if other == stem]
    alone = len(kinds) == 1 and (kind == "Pod" or stem not in directory.pods_in.get(namespace, {}))
    return Resolved(f"{namespace}/{name}" if alone else identity, identity, tuple(pods))


def _by_class(directory: Directory, pods: Iterable[Pod]) -> list[list[Pod]]:
    """Group pods as ``map --by workload`` numbers them: by class, in order of appearance."""
    snapshot = directory.snapshot
    wanted = {(pod.namespace, pod.name, pod.workload) for pod in pods}
    groups: dict[int, list[Pod]] = defaultdict(list)
    for pod, number in zip(snapshot.pods, Frame(snapshot).classes.of_pod, strict=True):
        if (pod.namespace, pod.name, pod.workload) in wanted:
            groups[number].append(pod)
    return list(groups.values())


def _service(directory: Directory, service: Service) -> Resolved:
    """Resolve a Service to the pods that it selects, or to the addresses that its EndpointSlices list."""
    title = f"{service.namespace}/service/{service.name}"
    if service.type == "ExternalName":
        raise PodfenceError(f"{title} is only a name for another host; ask for the host's address or domain/NAME")
    parties: list[Party] = []
    if service.selector is not None:
        wanted = set(service.selector)
        parties.extend(pod for pod in directory.all_pods_in(service.namespace) if wanted.issubset(pod.labels))
        if not parties:
            labels = ", ".join(f"{key}={value}" for key, value in service.selector)
            raise PodfenceError(f"{title} selects no pod: none in namespace {service.namespace} has {labels}")
    else:
        addresses = dict.fromkeys(a for found in directory.slices_of(service) for a in found.addresses)
        for address in addresses:
            parties.extend(_owner_of(directory, address))
        if not parties:
            raise PodfenceError(
                f"{title} has no selector and no EndpointSlice in {directory.searched} lists an address for it"
            )
    identity = f"{service.namespace}/Service/{service.name}"
    return Resolved(title, identity, tuple(parties), service=service)


def _owner_of(directory: Directory, address: int) -> tuple[Party, ...]:
    owner = directory.owners.get(address)
    if owner is None:
        return (Outside((AddressRange(address, address),)),)
    return (msgspec.structs.replace(owner, addresses=(address,)),)


def _without_class(name: str) -> str:
    match = _CLASS_NUMBER.match(name)
    return name if match is None else match[1]


def _title(item: Pod | Node | Service) -> str:
    return item.name if isinstance(item, Node) else f"{item.namespace}/{item.name}"


def _known_namespace(directory: Directory, text: str, namespace: str) -> None:
    if namespace in directory.workloads_in:
        return
    hint = f"; with -n, {namespace}/NAME names a kind" if kind_of(namespace) else ""
    mean = _mean(namespace, directory.workloads_in)
    raise PodfenceError(f"{text}: no such namespace in {directory.searched}: {namespace}{mean}{hint}")


def _without_namespace(directory: Directory, name: str) -> str:
    places = sorted(
        namespace
        for namespace, workloads in directory.workloads_in.items()
        if name in directory.pods_in.get(namespace, {}) or any(known == name for _, known in workloads)
    )
    if places:
        choices = " or ".join(f"{place}/{name}" for place in places[:5])
        return f"{name}: which namespace? write {choices}, or give -n"
    everywhere = [
        f"{namespace}/{known}" for namespace, workloads in directory.workloads_in.items() for _, known in workloads
    ]
    by_name = {full.partition("/")[2]: full for full in everywhere}
    near = difflib.get_close_matches(name, by_name, n=1)
    mean = (
        f"did you mean {by_name[near[0]]}?"
        if near
        else "write NS/NAME, NS/KIND/NAME, node/NAME, an address or internet"
    )
    return f"{name}: no such workload, pod or address in {directory.searched}; {mean}"


def _nothing(directory: Directory, text: str, namespace: str, name: str, what: str) -> str:
    """Say that a name stands for nothing, and which one was perhaps meant: here, else in another namespace."""
    workloads = directory.workloads_in[namespace]
    services = {known: f"{place}/service/{known}" for place, known in directory.services if place == namespace}
    pods = {known: f"{namespace}/{known}" for known in directory.pods_in.get(namespace, {})}
    if what == "workload or pod":
        names = services | pods | {known: f"{namespace}/{known}" for _, known in workloads}
    elif what in ("Service", "Pod"):
        names = services if what == "Service" else pods
    else:
        names = {known: f"{namespace}/{kind}/{known}" for kind, known in workloads if kind != "Pod"}
    near = difflib.get_close_matches(name, names, n=1)
    mean = f"; did you mean {names[near[0]]}?" if near else _elsewhere(directory, namespace, name)
    what = what if what != "workload or pod" else "workload, pod or service"
    return f"{text}: no such {what} in {directory.searched}{mean}"


def _elsewhere(directory: Directory, namespace: str, name: str) -> str:
    places = [
        f"{place}/{name}"
        for place, workloads in directory.workloads_in.items()
        if place != namespace and any(known == name for _, known in workloads)
    ]
    return f"; did you mean {places[0]}?" if places else ""


def _mean(word: str, known: Iterable[str], prefix: str = "") -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {prefix}{near[0]}?" if near else ""
