"""Names and comments for the kernel: stable by content, unambiguous, within the limits of nft.

A name is the hash of a list of parts, each with its length before it, so that no two lists are ever the same bytes
("ab", "c" and "a", "bc" were, elsewhere: facts, dataplane 7).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from podfence.model.labels import Selector
from podfence.model.policy import PodPeer
from podfence.model.text import one_line

DIGITS = 20
"""Hexadecimal digits of a name: 80 bits, and whoever finds two alike is found out (``content.Content``)."""

MOST_COMMENT_BYTES = 127
"""nft takes no comment of 128 bytes or more."""

_STAND_IN = re.compile(r"standin[0-9]+-")
_UNQUOTABLE = re.compile(r'["\\]')


def digest(*parts: str) -> str:
    """Hash a list of texts."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        state.update(b"%d:" % len(data))
        state.update(data)
    return state.hexdigest()[:DIGITS]


def selector_parts(selector: Selector | None) -> tuple[str, ...]:
    """List the parts of a selector in its canonical form; no two selectors give the same list."""
    if selector is None:
        return ("-",)
    parts = ["selector", str(len(selector.requirements))]
    for requirement in selector.requirements:
        parts += (requirement.key, requirement.operator.value, str(len(requirement.values)), *requirement.values)
    return tuple(parts)


def pod_peer_parts(peer: PodPeer) -> tuple[str, ...]:
    """List the parts of a peer or subject in its canonical form."""
    namespace = ("in", peer.namespace) if peer.namespace is not None else selector_parts(peer.namespace_selector)
    return (*namespace, *selector_parts(peer.pod_selector))


def quoted(text: str) -> str:
    """Write a comment as nft reads it: one line, in quotes, cut to what fits."""
    clean = _UNQUOTABLE.sub("'", one_line(text))
    data = clean.encode("utf-8", "replace")
    if len(data) > MOST_COMMENT_BYTES:
        clean = data[: MOST_COMMENT_BYTES - 3].decode("utf-8", "ignore") + "..."
    return f'"{clean}"'


def sealed(rules: Sequence[str], comment: str = "") -> tuple[str, ...]:
    """Give rules of which the last has a comment that tells what all of them are.

    A listing gives back no more of a rule than its comment: so a chain that holds others is told from one with these.
    """
    *others, last = rules
    seal = f"rules {digest(*rules)}"
    return (*others, f"{last} comment {quoted(f'{seal}: {comment}' if comment else seal)}")


def pod_peer_text(peer: PodPeer) -> str:
    """Describe a peer to whoever reads the table: its namespaces, then its pods."""
    namespaces = (
        f"namespace {peer.namespace}" if peer.namespace is not None else f"namespaces {peer.namespace_selector}"
    )
    return f"{namespaces}, pods {peer.pod_selector}"


def stand_in_prefix(number: int) -> str:
    """Give what the names of a stand-in begin with, which those of policies, pods and selectors never do."""
    return f"standin{number}-"


def is_stand_in(name: str) -> bool:
    """Tell whether a name is one of a stand-in."""
    return _STAND_IN.match(name) is not None


def without_prefix(name: str) -> str:
    """Give the name for which another stands in; any other as it is."""
    return _STAND_IN.sub("", name, count=1) if is_stand_in(name) else name
