"""The first line of a map: the answer to what was asked.

Whatever part of the map is shown, what the line says is counted in the whole of it.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from podfence.engine.excerpt import Excerpt
from podfence.engine.peers import Peers, peers
from podfence.report.words import Words, count

_MOST_NAMES = 3


class Asked(msgspec.Struct, frozen=True):
    """What was asked, for the first line and for what is suggested in the last.

    ``focus`` is as typed, ``focused`` the endpoints that it means, ``depth`` how many connections in a row are
    followed from them.
    """

    focus: tuple[str, ...] = ()
    focused: frozenset[int] = frozenset()
    exposed: bool = False
    namespace: str | None = None
    depth: int = 1


def overview(excerpt: Excerpt, words: Words, pairs: int, asked: Asked, focus: Peers | None = None) -> str:
    """Answer in one line; ``pairs`` counts connections shown between two different endpoints inside the cluster.

    ``focus`` are the peers of what is in focus; they are found here when they are not given.
    """
    if asked.focused:
        found = focus or peers(Excerpt(excerpt.connectivity), asked.focused)
        return focus_answer(asked, words, found) + _narrowed(asked)
    members = words.members_of(asked.namespace)
    if asked.exposed:
        return _exposed_answer(excerpt, words, members, asked.namespace)
    if not excerpt.is_whole and asked.namespace is None:
        members = words.inside.intersection(excerpt.numbers())
    subject = _subject(words, members, asked.namespace) + ("" if excerpt.is_whole or asked.namespace else " shown")
    if not excerpt.connectivity.snapshot.policies:
        return f"{subject}. No policy: everything reaches everything."
    return f"{subject}; {words.isolation(members)}. {_pairs(excerpt, len(members), pairs, asked.namespace)}"


def focus_answer(asked: Asked, words: Words, found: Peers) -> str:
    """Say how many of the others the endpoints in focus reach, and are reached from."""
    inside = found.chosen & words.inside
    others = words.inside - found.chosen
    reaches, reached_from = others & found.reaches.keys(), others & found.reached_from.keys()
    who, is_one = _who(asked, words)
    verbs = ("reaches", "is reached from") if is_one else ("reach", "are reached from")
    noun = f"other {words.noun}" if inside else words.noun
    tail = f"; {_border(found, inside)}" if inside == found.chosen else ""
    return (
        f"{who} {verbs[0]} {len(reaches):,} of {count(len(others), noun)} and {verbs[1]} {len(reached_from):,}{tail}."
    )


def _who(asked: Asked, words: Words) -> tuple[str, bool]:
    """Name what is in focus, as it was typed where that means addresses or several; and tell whether it is one."""
    if asked.focus and (asked.focused & words.outside or len(asked.focus) != len(asked.focused)):
        more = f" and {len(asked.focus) - _MOST_NAMES:,} more" if len(asked.focus) > _MOST_NAMES else ""
        return ", ".join(asked.focus[:_MOST_NAMES]) + more, len(asked.focus) == 1
    return words.names(sorted(asked.focused), most=_MOST_NAMES), len(asked.focused) == 1


def _border(found: Peers, inside: frozenset[int]) -> str:
    entered, leaving = len(inside & found.entered), len(inside & found.leaving)
    if len(inside) > 1:
        verb = "is" if entered == 1 else "are"
        return f"{entered:,} of these {len(inside):,} {verb} reached from outside the cluster, {leaving:,} can leave it"
    reached = "is reached" if entered else "is not reached"
    return f"it {reached} from outside the cluster and {'can' if leaving else 'cannot'} leave it"


def _narrowed(asked: Asked) -> str:
    """Say what else narrows what is shown, for the answer counts everything."""
    parts = []
    if asked.namespace is not None:
        parts.append(f"with an end in {asked.namespace}")
    if asked.exposed:
        parts.append("between the cluster and the outside")
    return f" Shown: only connections {' and '.join(parts)}." if parts else ""


def _exposed_answer(excerpt: Excerpt, words: Words, members: frozenset[int], namespace: str | None) -> str:
    found = peers(Excerpt(excerpt.connectivity), words.abroad)
    entered, leaving = members & found.reaches.keys(), members & found.reached_from.keys()
    place = f" in {namespace}" if namespace is not None and words.noun != "namespace" else ""
    of_all = f"{len(entered):,} of {count(len(members), words.noun)}{place}"
    return f"{of_all} can be reached from outside the cluster; {len(leaving):,} can leave it."


def _subject(words: Words, members: Collection[int], namespace: str | None) -> str:
    if words.noun == "namespace":
        return f"Namespace {namespace}" if namespace is not None else count(len(members), words.noun)
    if namespace is not None:
        return f"{count(len(members), words.noun)} in {namespace}"
    namespaces = {words.endpoints[number].namespace for number in members}
    return f"{count(len(members), words.noun)} in {count(len(namespaces), 'namespace')}"


def _pairs(excerpt: Excerpt, members: int, pairs: int, namespace: str | None) -> str:
    connect = f"connect{'s' if pairs == 1 else ''}"
    if namespace is not None:
        return f"{count(pairs, 'pair')} with an end in {namespace} {connect}."
    if not excerpt.is_whole:
        return f"{count(pairs, 'pair')} shown {connect}."
    possible = members * (members - 1)
    return f"{pairs:,} of {count(possible, 'pair')} connect{'s' if possible == 1 else ''}."
