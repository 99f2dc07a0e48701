"""Whether a node has what a pod requests (``plugins/noderesources/fit.go`` of the scheduler). Pure."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from fractions import Fraction

from podfence.lab.interface import Object
from podfence.manifests.validation.quantity import parse_quantity

Amounts = Mapping[str, Fraction]


def requests(pod: Object) -> Amounts:
    """Give what a pod requests: its containers and sidecars together, or more if an init container wants more."""
    spec = pod["spec"]
    running: dict[str, Fraction] = {}
    starting: dict[str, Fraction] = {}
    for one in spec.get("initContainers") or ():
        wanted = _requests(one)
        if one.get("restartPolicy") == "Always":
            running = _sum(running, wanted)
            wanted = running
        else:
            wanted = _sum(running, wanted)
        starting = {name: max(amount, starting.get(name, amount)) for name, amount in {**starting, **wanted}.items()}
    for one in spec["containers"]:
        running = _sum(running, _requests(one))
    most = {
        name: max(running.get(name, Fraction(0)), starting.get(name, Fraction(0)))
        for name in running.keys() | starting.keys()
    }
    overhead = {name: _amount(text) for name, text in (spec.get("overhead") or {}).items()}
    return {name: amount for name, amount in _sum(most, overhead).items() if amount}


def shortages(wanted: Amounts, node: Object, others: Iterable[Object]) -> tuple[list[str], bool]:
    """Say what a node lacks for a pod beside others, in the scheduler's words, and whether it never had so much."""
    allocatable = (node.get("status") or {}).get("allocatable")
    if not wanted or allocatable is None:
        return [], False
    taken: dict[str, Fraction] = {}
    for other in others:
        taken = _sum(taken, requests(other))
    found, is_hopeless = [], False
    for name in sorted(wanted):
        whole = _amount(str(allocatable.get(name, "0")))
        if wanted[name] > whole - taken.get(name, Fraction(0)):
            found.append(f"Insufficient {name}")
            is_hopeless = is_hopeless or wanted[name] > whole
    return found, is_hopeless


def _requests(container: Object) -> Amounts:
    resources = container.get("resources") or {}
    return {name: _amount(str(text)) for name, text in (resources.get("requests") or {}).items()}


def _sum(one: Amounts, other: Amounts) -> dict[str, Fraction]:
    return {name: one.get(name, Fraction(0)) + other.get(name, Fraction(0)) for name in one.keys() | other.keys()}


@functools.lru_cache(maxsize=1024)
def _amount(text: str) -> Fraction:
    return parse_quantity(text).value
