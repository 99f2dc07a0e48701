"""An nft without a kernel: reads the transactions that we write, and refuses what the kernel would refuse.

For tests of whatever applies transactions; it knows the grammar of ``transaction`` and nothing else.
"""

from __future__ import annotations

import copy
import ipaddress
import re
from collections.abc import Iterator

from podfence.dataplane.listing import Listing
from podfence.dataplane.objects import NamedSet
from podfence.model.error import PodfenceError

_QUOTED = re.compile(r'"[^"]*"')
_COMMENT = re.compile(r'comment ("[^"]*")')
_TIMEOUT = re.compile(r" timeout [0-9]+s")
_TARGET = re.compile(r"\b(?:jump|goto) ([\w./-]+)")
_SET = re.compile(r"@([\w./-]+)")


class FakeSet:
    """A set or map: its type, flags, and elements by key."""

    def __init__(self, type_: str, flags: str) -> None:
        self.type, self.flags = type_, flags
        self.elements: dict[str, str] = {}


class FakeNft:
    """The table in memory; as a ``Runner``, what ``apply`` is given is kept in ``applied``.

    ``fail_next`` makes as many of the next transactions fail, ``fail_at`` those that hold a text. ``most_bytes`` is the
    bound that the kernel has in a user namespace: what is larger is refused.
    """

    def __init__(self) -> None:
        self.sets: dict[str, FakeSet] = {}
        self.chains: dict[str, list[str]] = {}
        self.hooks: dict[str, str] = {}
        self.applied: list[str] = []
        self.fail_next = 0
        self.fail_at = ""
        self.most_bytes: int | None = None

    def apply(self, text: str) -> None:
        """Apply a transaction, all or nothing; raises ``PodfenceError``."""
        if self.fail_next:
            self.fail_next -= 1
            raise PodfenceError("nft refused the transaction: it was told to")
        if self.fail_at and self.fail_at in text:
            raise PodfenceError("nft refused the transaction: it was told to by a text")
        before = copy.deepcopy((self.sets, self.chains, self.hooks))
        try:
            commands = list(_commands(text))
            size = sum(map(_netlink_bytes, commands))
            _want(self.most_bytes is None or size <= self.most_bytes, "Message too long")
            for command in commands:
                self._run(command)
        except (PodfenceError, AttributeError, LookupError, ValueError) as error:
            self.sets, self.chains, self.hooks = before
            raise PodfenceError(f"nft refused the transaction: {error}") from None
        self.applied.append(text)

    def list_table(self) -> Listing:
        """Tell what the table holds."""
        return Listing(
            sets={
                name: frozenset(f"{key} : {verdict}" if verdict else key for key, verdict in item.elements.items())
                for name, item in self.sets.items()
                if "interval" not in item.flags
            },
            interval_sets={name: len(item.elements) for name, item in self.sets.items() if "interval" in item.flags},
            chains={name: tuple(map(_comment_of, rules)) for name, rules in self.chains.items()},
            kinds={name: _kind_of(item) for name, item in self.sets.items()},
            hooks=dict(self.hooks),
            bodies={name: "\n".join(rules).encode() for name, rules in self.chains.items()},
        )

    def dump(self) -> tuple[dict[str, dict[str, str]], dict[str, list[str]]]:
        """Give the elements of each set and the rules of each chain, to compare two tables."""
        return {name: dict(item.elements) for name, item in self.sets.items()}, copy.deepcopy(self.chains)

    def _run(self, command: str) -> None:
        verb, kind, _, _, *rest = command.split(maxsplit=5)
        name = rest[0] if rest else ""
        body = rest[1] if len(rest) > 1 else ""
        getattr(self, f"_{verb}_{kind}")(name, body)

    def _add_table(self, name: str, body: str) -> None:
        pass

    def _delete_table(self, name: str, body: str) -> None:
        del name, body
        self.sets, self.chains, self.hooks = {}, {}, {}

    def _add_set(self, name: str, body: str) -> None:
        parts = dict(part.split(maxsplit=1) for part in _split(body.strip("{} "), ";"))
        known = self.sets.setdefault(name, FakeSet(parts["type"], parts.get("flags", "")))
        _want((known.type, known.flags) == (parts["type"], parts.get("flags", "")), f"set {name} exists otherwise")

    _add_map = _add_set

    def _flush_set(self, name: str, body: str) -> None:
        del body
        self.sets[name].elements.clear()

    _flush_map = _flush_set

    def _delete_set(self, name: str, body: str) -> None:
        del body
        for chain, rules in self.chains.items():
            _want(all(f"@{name}" not in rule.split() for rule in rules), f"set {name} is in use by chain {chain}")
        del self.sets[name]

    def _add_chain(self, name: str, body: str) -> None:
        parts = [part for part in _split(body.strip("{} "), ";") if part.startswith(("type ", "policy "))]
        if parts:
            hook = "".join(f"{part}; " for part in parts).strip()
            known = self.hooks.get(name, "") if name in self.chains else hook
            _want(known == hook, f"chain {name} has another hook, or none")
            self.hooks[name] = hook
        self.chains.setdefault(name, [])

    def _flush_chain(self, name: str, body: str) -> None:
        del body
        self.chains[name].clear()

    def _delete_chain(self, name: str, body: str) -> None:
        del body
        _want(name not in set(self._targets()), f"chain {name} is in use")
        _want(not self.chains[name] or name not in self.hooks, f"chain {name} has a hook")
        del self.chains[name]
        self.hooks.pop(name, None)

    def _add_rule(self, name: str, body: str) -> None:
        bare = _QUOTED.sub("", body)
        for target in _TARGET.findall(bare):
            _want(target in self.chains and target not in self.hooks, f"no chain {target} to go to")
        for found in _SET.findall(bare):
            _want(found in self.sets, f"no set {found}")
        self.chains[name].append(body)

    def _add_element(self, name: str, body: str) -> None:
        found = self.sets[name]
        for item in _split(body.strip("{} "), ","):
            _want(" timeout " not in item or "timeout" in found.flags, f"elements of {name} do not end")
            key, _, verdict = _TIMEOUT.sub("", _COMMENT.sub("", item)).partition(" : ")
            key, verdict = " ".join(key.split()), verdict.strip()
            for target in _TARGET.findall(verdict):
                _want(target in self.chains, f"no chain {target}")
            _want(found.elements.get(key, verdict) == verdict, f"element {key} of {name} exists otherwise")
            _want(("verdict" in found.type) == bool(verdict), f"element {key} of {name} needs a verdict, or must not")
            if "interval" in found.flags and key not in found.elements:
                _want(not any(_overlap(key, other) for other in found.elements), f"{key} overlaps in {name}")
            found.elements[key] = verdict

    def _delete_element(self, name: str, body: str) -> None:
        for item in _split(body.strip("{} "), ","):
            del self.sets[name].elements[item]

    def _targets(self) -> Iterator[str]:
        for rules in self.chains.values():
            for rule in rules:
                yield from _TARGET.findall(_QUOTED.sub("", rule))
        for found in self.sets.values():
            for verdict in found.elements.values():
                yield from _TARGET.findall(verdict)


def _commands(text: str) -> Iterator[str]:
    """Give the commands of a transaction; those of a table block as nft orders them: chains, sets, elements, rules."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("table "):
            yield from _block(lines)
        elif line:
            yield line


def _block(lines: Iterator[str]) -> Iterator[str]:
    commands: dict[str, list[str]] = {"chain": [], "set": [], "element": [], "rule": []}
    for line in lines:
        if line == "}":
            break
        kind, name, _ = line.split()
        properties, items, rules = _members(lines)
        if kind == "chain":
            commands["chain"].append(f"add chain inet podfence {name} {{ {'; '.join(properties)}; }}")
            commands["rule"] += [f"add rule inet podfence {name} {rule}" for rule in rules]
        else:
            commands["set"].append(f"add {kind} inet podfence {name} {{ {'; '.join(properties)}; }}")
            if items:
                commands["element"].append(f"add element inet podfence {name} {{ {' '.join(items)} }}")
    for found in commands.values():
        yield from found


def _netlink_bytes(command: str) -> int:
    """Say how large a command is for the kernel, as measured: two bytes for each character of it."""
    return 40 + 2 * len(command)


def _members(lines: Iterator[str]) -> tuple[list[str], list[str], list[str]]:
    properties, items, rules = [], [], []
    for line in lines:
        text = line.strip()
        if line == "\t}":
            break
        if text.startswith(("type ", "flags ", "comment ")):
            properties.append(text.rstrip(";"))
        elif line.startswith("\t\t\t"):
            items.append(text)
        elif text not in {"elements = {", "}"}:
            rules.append(text)
    return properties, items, rules


def _split(text: str, separator: str) -> list[str]:
    """Cut at a separator outside quotes."""
    parts = re.findall(rf'(?:"[^"]*"|[^"{separator}])+', text)
    return [part.strip() for part in parts if part.strip()]


def _overlap(one: str, other: str) -> bool:
    a, b = _interval(one), _interval(other)
    return a[0] <= b[1] and b[0] <= a[1]


def _interval(key: str) -> tuple[int, int]:
    first, _, last = key.partition("-")
    return _number(first), _number(last or first)


def _number(text: str) -> int:
    return int(text) if text.isdigit() else int(ipaddress.ip_address(text))


def _kind_of(item: FakeSet) -> NamedSet:
    kind = item.type.removesuffix(" : verdict")
    return NamedSet(kind, flags=item.flags, is_map=kind != item.type)


def _comment_of(rule: str) -> str:
    match = re.search(r'comment "([^"]*)"\Z', rule)
    return match[1] if match else ""


def _want(is_so: bool, complaint: str) -> None:  # noqa: FBT001 (reads as a sentence)
    if not is_so:
        raise PodfenceError(complaint)
