"""Runs the rules by relation over an input, once for each cluster profile, and proves what they suggest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from podfence.lint.finding import SEVERITIES, Finding
from podfence.lint.found import Check, Found
from podfence.lint.inspection import Inspection
from podfence.lint.mend import Change, Mend, Put
from podfence.lint.names import and_more
from podfence.lint.profiles import Profile
from podfence.lint.proof import Fix, Prover
from podfence.lint.rules import addresses, callers, dashes, dns, effect, isolation, mesh, ports, selectors, tiers
from podfence.lint.selection import EVERY_RULE, Selection
from podfence.manifests.loaded import Identity
from podfence.model.net import PRIVATE_IPV4, AddressRange
from podfence.model.objects import ObjectRef
from podfence.model.snapshot import Snapshot
from podfence.model.source import position_of
from podfence.model.surroundings import Surroundings

_THEMES = (addresses, callers, dashes, dns, effect, isolation, mesh, ports, selectors, tiers)

CHECKS: tuple[Check, ...] = tuple(check for theme in _THEMES for check in theme.CHECKS)


class Clusters(msgspec.Struct, frozen=True):
    """The kinds of cluster that an input is checked for; without profiles any one.

    ``pod_ranges`` is where pods of unknown address live, ``limit`` how many bytes an answer may take.
    """

    profiles: tuple[Profile, ...] = ()
    pod_ranges: tuple[AddressRange, ...] = PRIVATE_IPV4
    limit: int | None = None


ANY_CLUSTER = Clusters()

_RULE = re.compile(r"spec\.(?:ingress|egress)\[[0-9]+\]")

BY_PROFILE = frozenset(check.rule.id for check in CHECKS if check.by_profile)
"""The rules that may find other things in other clusters."""


def find_relations(
    snapshot: Snapshot,
    surroundings: Surroundings,
    documents: Mapping[Identity, Mapping[str, Any]],
    clusters: Clusters = ANY_CLUSTER,
    refused: frozenset[Identity] = frozenset(),
    selection: Selection = EVERY_RULE,
) -> Iterator[Finding]:
    """Yield what the relations show, each thing once with the profiles that it holds in. Raises ``TooLargeError``.

    Only the rules of the ``selection`` run.
    """
    profiles = clusters.profiles
    found: dict[tuple[object, ...], tuple[Found, list[str]]] = {}
    inspections: dict[str, Inspection] = {}
    for profile in profiles or (None,):
        inspection = Inspection(snapshot, surroundings, documents, profile, refused, clusters.limit)
        name = profile.name if profile is not None else ""
        inspections[name] = inspection
        for item, depends in _found(inspection, selection, first=len(inspections) == 1):
            held = [name] if depends else [profile.name for profile in profiles] or [""]
            found.setdefault(item.key, (item, []))[1].extend(held)
    fixes = dict(_proved(inspections, list(found.values())))
    for key, (item, names) in found.items():
        # What holds everywhere that was asked about does not depend on the cluster.
        holds_in = tuple(names) if len(names) < len(profiles) else ()
        plugins = {profile.name: profile.plugin for profile in profiles if profile.plugin and profile.name in names}
        yield _finding(_with_plugins(item, plugins), holds_in, fixes.get(key))


def _with_plugins(item: Found, plugins: Mapping[str, str]) -> Found:
    """Name the plugins that a finding depends on, as far as the profiles tell."""
    if "plugin" not in item.hint or not plugins:
        return item
    told = and_more([f"{plugin} in {name}" for name, plugin in plugins.items()])
    return msgspec.structs.replace(item, hint=f"{item.hint}; here that is {told}")


def _found(inspection: Inspection, selection: Selection, *, first: bool) -> Iterator[tuple[Found, bool]]:
    """Yield what rules find, and whether that depends on the profile; what does not is looked for once."""
    if not inspection.snapshot.policies:
        return
    for check in CHECKS:
        if not selection.has(check.rule.id) or not (first or check.by_profile):
            continue
        for item in check.find(inspection):
            if item.ref.identity not in inspection.refused:
                yield item, check.by_profile


def _proved(
    inspections: Mapping[str, Inspection],
    found: Sequence[tuple[Found, list[str]]],
) -> Iterator[tuple[tuple[object, ...], Fix]]:
    """Prove the mends of each finding in the first cluster that it was found in, the worst findings first."""
    for name, inspection in inspections.items():
        mine = [item for item, names in found if names[0] == name and item.mends]
        mine.sort(key=lambda item: SEVERITIES.index(item.severity or item.rule.severity))
        if not mine:
            continue
        together = _together(mine)
        mends = [mend for item in mine for mend in item.mends]
        prover = Prover(inspection, [*mends, *together.values()])
        for item in mine:
            joined = [together[key] for key in _rules_mended(item) if key in together]
            fix = prover.best(item.mends) or prover.best(joined)
            if fix is not None:
                yield item.key, fix


_Place = tuple[Identity, str]


def _together(found: Sequence[Found]) -> dict[_Place, Mend]:
    """Join the mends of one rule of a policy: where two things are wrong with it, mending one alone changes nothing."""
    changes: dict[_Place, tuple[ObjectRef, dict[str, Change]]] = {}
    for item in found:
        for key in _rules_mended(item):
            mend = item.mends[0]
            if mend.ref is not None:
                puts = {change.path: change for change in mend.changes}
                changes.setdefault(key, (mend.ref, {}))[1].update(puts)
    return {key: Mend(ref, tuple(puts.values()), closes=True) for key, (ref, puts) in changes.items() if len(puts) > 1}


def _rules_mended(item: Found) -> list[_Place]:
    """Give the one rule in which the first mend of a finding sets fields and does nothing else, if that is so."""
    mend = item.mends[0]
    rules = sorted({match[0] if (match := _RULE.match(change.path)) else "" for change in mend.changes})
    only_sets = all(isinstance(change, Put) for change in mend.changes)
    return [(mend.ref.identity, rules[0])] if mend.ref is not None and only_sets and len(rules) == 1 else []


def _finding(item: Found, profiles: tuple[str, ...], fix: Fix | None) -> Finding:
    source = item.ref.source
    finding = Finding(
        item.rule.id,
        item.rule.name,
        item.severity or item.rule.severity,
        item.message,
        position_of(source, item.path),
        item.path,
        item.hint,
        item.ref,
        position_of(source),
        felt=item.felt,
        profiles=profiles,
    )
    if fix is None:
        return finding
    return msgspec.structs.replace(
        finding,
        fix=fix.manifest,
        patch=fix.difference,
        effect=fix.effect,
        changes=fix.mend.changes,
        mended=fix.mend.ref,
        only_opens=fix.only_opens,
    )
