"""What the pods are called that a workload without Pod objects will have: NAME-0, NAME-1 and so on.

Only a StatefulSet really names its pods so; for the others the numbers are made up, because people and formats need
a name. A name stands for one pod: numbers that another pod of the namespace has are passed over.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from itertools import count, islice

from podfence.model.objects import Pod

NUMBERED = re.compile(r"(.+)-(0|[1-9][0-9]*)\Z")


def names_of_all(pods: Iterable[Pod]) -> list[tuple[str, ...]]:
    """Name every pod that each of some pods stands for, in their order; no two of a namespace have one name."""
    listed = list(pods)
    taken: dict[str, set[str]] = defaultdict(set)
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, pod in enumerate(listed):
        if pod.from_template:
            groups[pod.namespace, pod.workload[1]].append(number)
        else:
            taken[pod.namespace].add(pod.name)
    found: list[tuple[str, ...]] = [(pod.name,) for pod in listed]
    for (namespace, _), numbers in groups.items():
        templates = [listed[number] for number in numbers]
        for position, names in instances(templates, taken[namespace]):
            found[numbers[position]] = names
    return found


def instances(templates: list[Pod], taken: Container[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Name the pods of all templates of one namespace and workload name, each with its position in the list.

    ``taken`` are the names of Pod objects. A StatefulSet comes first, the other kinds by name; the pods of a
    DaemonSet, of which each is a template of its own, go by their number.
    """
    free = (name for number in count() if (name := f"{templates[0].workload[1]}-{number}") not in taken)
    for position in sorted(range(len(templates)), key=lambda position: _order(templates[position])):
        yield position, tuple(islice(free, templates[position].count))


def _order(template: Pod) -> tuple[bool, str, int]:
    kind, name = template.workload
    match = NUMBERED.match(template.name) if template.name != name else None
    return (kind != "StatefulSet", kind, int(match[2]) if match is not None else 0)
