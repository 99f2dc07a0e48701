"""nft text: a difference as the commands that make it, the whole as a table to load or to read.

One command or element stands on one line, so that the text can be read, compared and logged. A text is one transaction:
the kernel takes all of it or nothing. Elements that may be gone already are added before they are deleted, since nft
1.0.6 fails on what is not there and has no ``destroy`` (facts, dataplane 8.5).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from podfence.dataplane.difference import DISPATCH, Desired, Difference, Elements, all_chains
from podfence.dataplane.naming import quoted
from podfence.dataplane.objects import TABLE, Chain, Element, NamedSet
from podfence.dataplane.settings import Settings
from podfence.dataplane.skeleton import generation_chains

ELEMENTS_IN_A_LINE = 100
"""Elements that one command adds or removes, so that many can be cut into pieces."""


def delta_text(found: Difference, settings: Settings, generation: int | None = None) -> str:
    """Write a difference; with ``generation`` connections are judged again from it on."""
    return _joined(_delta(found, settings, generation))


def prepare_text(desired: Desired, chains: Collection[str], sets: Collection[str]) -> str:
    """Write new chains and sets, by name, to which nothing leads yet; ``sets`` come with their elements.

    A transaction switches rules and elements for a packet at two moments: one that is under way still runs the old
    rules when a map leads it to a chain already, and to the old rules a chain of the same transaction is empty. So
    the chains that maps shall lead to are made one transaction before (measured: 1 packet of 100,000 leaked).
    """
    return _joined(prepare_lines(desired, chains, sets))


def prepare_lines(desired: Desired, chains: Collection[str], sets: Collection[str]) -> Iterator[str]:
    """Give the commands of ``prepare_text``: since nothing leads there yet, they may be cut anywhere."""
    maps = [name for name in sorted(sets) if desired.sets[name].is_map]
    yield from _new_sets({name: desired.sets[name] for name in sorted(sets)})
    yield from fill_lines({name: desired.elements[name] for name in sorted(sets) if name not in maps})
    yield from change_lines({name: desired.chains[name] for name in sorted(chains)})
    yield from fill_lines({name: desired.elements[name] for name in maps})


def fill_lines(added: Elements) -> Iterator[str]:
    """Give the commands that add elements, many to a line."""
    for name, some in _lines(added):
        yield f"add element {TABLE} {name} {{ {_elements(some)} }}"


def remove_lines(removed: Elements) -> Iterator[str]:
    """Give the commands that take elements away."""
    for name, some in _lines(removed):
        yield f"add element {TABLE} {name} {{ {_elements(some)} }}"
        yield f"delete element {TABLE} {name} {{ {', '.join(some)} }}"


def _lines(found: Elements) -> Iterator[tuple[str, dict[str, Element]]]:
    for name, elements in found.items():
        listed = list(elements.items())
        for start in range(0, len(listed), ELEMENTS_IN_A_LINE):
            yield name, dict(listed[start : start + ELEMENTS_IN_A_LINE])


def sweep_lines(chains: Collection[str], sets: Collection[str]) -> Iterator[str]:
    """Give the commands that remove chains and sets to which nothing leads any more."""
    # Chains of one class lead to each other, and maps to chains: each is deleted when all others have let go of it.
    yield from (f"flush chain {TABLE} {name}" for name in chains)
    yield from (f"delete set {TABLE} {name}" for name in sets)
    yield from (f"delete chain {TABLE} {name}" for name in chains)


def full_text(desired: Desired, generation: int, chains: Collection[str] = (), sets: Collection[str] = ()) -> str:
    """Write the whole table, in the place of what is there: its ``chains`` and ``sets`` (maps included) by name.

    Base chains stay registered.
    """
    return _joined(_full(desired, generation, chains, sets))


def uninstall_text() -> str:
    """Write the removal of the table, whether or not it is there."""
    return f"add table {TABLE}\ndelete table {TABLE}\n"


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _delta(found: Difference, settings: Settings, generation: int | None) -> Iterator[str]:
    yield from _new_sets(found.sets)
    yield from change_lines(found.chains)
    yield from remove_lines(found.removed)
    yield from fill_lines(found.added)
    if generation is not None:
        yield from _generation(settings, generation)
    yield from sweep_lines(found.dropped_chains, found.dropped_sets)


def _new_sets(sets: Mapping[str, NamedSet]) -> Iterator[str]:
    for name, described in sets.items():
        yield f"add {_kind(described)} {TABLE} {name} {{ {'; '.join(_properties(described))}; }}"


def change_lines(chains: Mapping[str, Chain]) -> Iterator[str]:
    """Give the commands that write chains, whether or not they are there."""
    for name, chain in chains.items():
        yield f"add chain {TABLE} {name} {{ comment {quoted(chain.comment)}; }}"
        yield f"flush chain {TABLE} {name}"
    for name, chain in chains.items():
        yield from (f"add rule {TABLE} {name} {rule}" for rule in chain.rules)


def _generation(settings: Settings, generation: int) -> Iterator[str]:
    for name, chain in generation_chains(settings, generation).items():
        yield f"flush chain {TABLE} {name}"
        yield from (f"add rule {TABLE} {name} {rule}" for rule in chain.rules)


def _full(desired: Desired, generation: int, chains: Collection[str], sets: Collection[str]) -> Iterator[str]:
    wanted = all_chains(desired, generation)
    yield from (f"flush chain {TABLE} {name}" for name in sorted(chains))
    for name in sorted(sets):
        yield f"flush {'map' if name in DISPATCH else 'set'} {TABLE} {name}"
    yield from _table(desired, wanted)
    yield from (f"delete chain {TABLE} {name}" for name in sorted(set(chains) - wanted.keys()))
    yield from (f"delete set {TABLE} {name}" for name in sorted(set(sets) - desired.sets.keys()))


def _table(desired: Desired, chains: Mapping[str, Chain]) -> Iterator[str]:
    yield f"table {TABLE} {{"
    yield from _chain_blocks(chains)
    for name in sorted(desired.sets):
        yield from _set_block(name, desired.sets[name], desired.elements[name])
    yield "}"


def _chain_blocks(chains: Mapping[str, Chain]) -> Iterator[str]:
    for name, chain in chains.items():
        yield f"\tchain {name} {{"
        yield f"\t\tcomment {quoted(chain.comment)}"
        if chain.hook:
            yield f"\t\t{chain.hook}"
        yield from (f"\t\t{rule}" for rule in chain.rules)
        yield "\t}"


def _set_block(name: str, described: NamedSet, elements: Mapping[str, Element]) -> Iterator[str]:
    yield f"\t{_kind(described)} {name} {{"
    yield from (f"\t\t{line}" for line in _properties(described))
    if elements:
        yield "\t\telements = {"
        *most, last = (_element(key, elements[key]) for key in sorted(elements))
        yield from (f"\t\t\t{item}," for item in most)
        yield f"\t\t\t{last}"
        yield "\t\t}"
    yield "\t}"


def _kind(described: NamedSet) -> str:
    return "map" if described.is_map else "set"


def _properties(described: NamedSet) -> Iterator[str]:
    yield f"type {described.type}{' : verdict' if described.is_map else ''}"
    if described.flags:
        yield f"flags {described.flags}"
    if described.comment:
        yield f"comment {quoted(described.comment)}"


def _elements(elements: Mapping[str, Element]) -> str:
    return ", ".join(_element(key, element) for key, element in elements.items())


def _element(key: str, element: Element) -> str:
    timeout = f" timeout {element.timeout_s}s" if element.timeout_s else ""
    comment = f" comment {quoted(element.comment)}" if element.comment else ""
    verdict = f" : {element.verdict}" if element.verdict else ""
    return f"{key}{timeout}{comment}{verdict}"
