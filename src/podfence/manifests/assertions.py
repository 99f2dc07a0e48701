"""Files of ``kind: ConnectivityTest``: what is expected of connections, as people write it.

The schema of these files is published as ``docs/connectivity-test.schema.json``; a test holds it and this reader
equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from podfence.manifests.documents import Item, Unparsed
from podfence.manifests.inputs import Reading
from podfence.model.assertion import Assertion
from podfence.model.error import PodfenceError
from podfence.model.source import Source

API_VERSION: Final = "podfence/v1"
KIND: Final = "ConnectivityTest"
TOP_FIELDS: Final = ("apiVersion", "kind", "metadata", "tests")
TEST_FIELDS: Final = ("name", "from", "to", "ports", "expect", "only")


def read_assertions(readings: Iterable[Reading]) -> tuple[Assertion, ...]:
    """Read every test of some files, in order.

    Raises ``PodfenceError`` at the first thing that is no test: a wrong kind, an unknown field, a wrong type.
    """
    found: list[Assertion] = []
    for reading in readings:
        if isinstance(reading, Unparsed):
            raise PodfenceError(reading.message, reading.position)
        if isinstance(reading, Item):
            found.extend(_of_item(reading))
    return tuple(found)


def _of_item(item: Item) -> Iterator[Assertion]:
    source, value = item.source, item.plain()
    if source is None:
        raise AssertionError("tests are read from files")
    if (item.api_version, item.kind) != (API_VERSION, KIND):
        what = f"apiVersion: {API_VERSION} and kind: {KIND} are wanted, not {item.api_version} {item.kind}"
        raise PodfenceError(what, source.position("kind"))
    if item.duplicates:
        twice = item.duplicates[0]
        raise PodfenceError(f"the key {twice.key!r} stands twice", twice.second)
    _require_known(value, TOP_FIELDS, source, "")
    tests = value.get("tests")
    if not isinstance(tests, list) or not tests:
        raise PodfenceError("tests: a list of tests is wanted", source.position("tests"))
    for index, test in enumerate(tests):
        yield _assertion(test, source, f"tests[{index}]")


def _assertion(test: object, source: Source, path: str) -> Assertion:
    if not isinstance(test, dict):
        raise PodfenceError(f"{path}: a mapping with from, to, ports and expect is wanted", source.position(path))
    _require_known(test, TEST_FIELDS, source, path)
    expect = test.get("expect")
    if expect not in ("allow", "deny"):
        raise PodfenceError(f"{path}.expect: write allow or deny", source.position(f"{path}.expect"))
    only = test.get("only", False)
    if not isinstance(only, bool):
        raise PodfenceError(f"{path}.only: write true or false", source.position(f"{path}.only"))
    if only and expect == "deny":
        raise PodfenceError(f"{path}.only: goes with expect: allow only", source.position(f"{path}.only"))
    sources, destinations = (_texts(test, source, path, name) for name in ("from", "to"))
    ports = _texts(test, source, path, "ports") if test.get("ports") is not None else ()
    return Assertion(
        name=_name(test, source, path) or _described(sources, destinations, ports, expect=expect),
        sources=sources,
        destinations=destinations,
        ports=ports,
        allowed=expect == "allow",
        only=only,
        position=source.position(path),
    )


def _require_known(value: Mapping[str, object], known: tuple[str, ...], source: Source, path: str) -> None:
    for field in value:
        if field not in known:
            at = f"{path}.{field}".lstrip(".")
            raise PodfenceError(f"{at}: no such field; there are {', '.join(known)}", source.position(at))


def _name(test: Mapping[str, object], source: Source, path: str) -> str:
    name = test.get("name", "")
    if not isinstance(name, str):
        raise PodfenceError(f"{path}.name: a text is wanted", source.position(f"{path}.name"))
    return name


def _texts(test: Mapping[str, object], source: Source, path: str, field: str) -> tuple[str, ...]:
    """Read a list of texts; one text stands for a list of it, and a port may be a number."""
    value, at = test.get(field), f"{path}.{field}"
    listed = value if isinstance(value, list) else [value]
    numbers = field == "ports"
    if not listed or not all(isinstance(entry, str) or (numbers and type(entry) is int) for entry in listed):
        example = "[80, 53/UDP, http]" if numbers else "[shop/frontend]"
        raise PodfenceError(f"{at}: a list is wanted, such as {example}", source.position(at))
    return tuple(map(str, listed))


def _described(sources: Iterable[str], destinations: Iterable[str], ports: Iterable[str], *, expect: str) -> str:
    written = " ".join(ports) or "all traffic"
    return f"{expect} {', '.join(sources)} → {', '.join(destinations)} {written}"
