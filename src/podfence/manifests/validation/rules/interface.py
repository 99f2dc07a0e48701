"""What the server knows of one kind beyond its type: its rules, in one shape for every kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.metadata import NameRule
from podfence.manifests.validation.names import dns_subdomain_complaints

Object = Mapping[str, Any]
Judge = Callable[[Object], Iterator[Cause]]


def no_causes(value: Object, old: Object | None = None) -> Iterator[Cause]:
    """Find nothing wrong."""
    del value, old
    return iter(())


def no_warnings(value: Object) -> Iterator[str]:
    """Warn of nothing."""
    del value
    return iter(())


class Rules(msgspec.Struct, frozen=True):
    """The rules of one kind.

    ``validate`` judges everything but metadata of a defaulted object. ``validate_update`` gets the new and the old
    object and judges all but metadata of the new one; without it an update is judged as a new object. ``parts``
    judge in the same way what comes through a subresource; what comes through any other is fine. The last
    three tell how often and how strictly the server judges the metadata of an update of this kind.
    """

    validate: Judge = no_causes
    validate_update: Callable[[Object, Object], Iterator[Cause]] | None = None
    warnings: Callable[[Object], Iterator[str]] = no_warnings
    name: NameRule = dns_subdomain_complaints
    metadata_again: bool = True
    metadata_as_new: bool = False
    bare_finalizers: bool = False
    parts: Mapping[str, Callable[[Object, Object], Iterator[Cause]]] = {}
