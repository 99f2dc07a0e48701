"""What people call the ends of connections: workloads with their counts, nodes, addresses, and ports."""

from __future__ import annotations

from collections.abc import Iterable

from podfence.engine.frame import Frame
from podfence.model.net import Protocol, format_address
from podfence.model.objects import Pod
from podfence.model.policy import PortRange

_LISTED = 4


class Names:
    """Names the classes of a frame by their members."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._pods: dict[int, dict[str, None]] = {}
        for pod, number in zip(frame.snapshot.pods, frame.classes.of_pod, strict=True):
            self._pods.setdefault(number, {})[f"{pod.namespace}/{workload_name(pod)}"] = None
        for node, number in zip(frame.snapshot.nodes, frame.classes.of_node, strict=True):
            self._pods.setdefault(number, {})[f"node/{node.name}"] = None
        self._domains = {number: name for name, number in frame.classes.domains.items()}

    def of(self, number: int) -> str:
        """Name one class."""
        known = self._pods.get(number)
        if known:
            names = list(known)
            return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
        if number in self._domains:
            return f"domain/{self._domains[number]}"
        atom = self._frame.classes.addresses.atoms.atoms[number - self._frame.classes.first_atom]
        first = atom.ranges[0]
        if first.first == first.last:
            return format_address(first.first)
        return f"addresses {first}{' and more' if len(atom.ranges) > 1 else ''}"


def workload_name(pod: Pod) -> str:
    """Name the workload of a pod, or the pod itself."""
    return pod.workload[1] or pod.name


def pods_text(pods: Iterable[Pod]) -> str:
    """Name pods by workload with their counts: ``Deployment shop/cart (2 pods)``; many by the first few."""
    counts: dict[str, int] = {}
    for pod in pods:
        kind = pod.workload[0] or "Pod"
        name = f"{kind} {pod.namespace}/{workload_name(pod)}"
        counts[name] = counts.get(name, 0) + (pod.count if _is_counted(pod) else 0)
    return and_more([f"{name} ({plural(count, 'pod')})" if count else name for name, count in counts.items()])


def _is_counted(pod: Pod) -> bool:
    """Tell whether the number of pods is known and worth saying: not for a Pod, nor a DaemonSet on unknown nodes."""
    kind = pod.workload[0] or "Pod"
    return kind != "Pod" and not (kind == "DaemonSet" and pod.from_template and pod.node is None)


def is_one(pods: Iterable[Pod]) -> bool:
    """Tell whether ``pods_text`` names one thing only, and so wants a verb in the singular."""
    return len({(pod.namespace, pod.workload[0], workload_name(pod)) for pod in pods}) == 1


def and_more(listed: list[str], most: int = _LISTED) -> str:
    """Join names, many by the first few and a count."""
    shown = listed[:most]
    if len(listed) > most:
        return f"{', '.join(shown)} and {len(listed) - most} more"
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)


def plural(count: int, one: str, many: str = "") -> str:
    """Write a count with its noun."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def port_text(port: PortRange) -> str:
    """Write a port or range of ports with its protocol."""
    if port.protocol is Protocol.OTHER:
        return "other protocols"
    return f"{port.protocol.value} {port.first}" + (f"-{port.last}" if port.last != port.first else "")


def ports_text(frame: Frame, ports: int) -> str:
    """Write a set of port atoms."""
    if ports == frame.ports.everything:
        return "on every port"
    return and_more([port_text(piece) for piece in frame.ports.ranges(ports)])
