"""Faults of metadata, apiVersion and kind, and odd YAML, that every kind of policy shares."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from tests.conformance.corpus.text import Again, Raw, Tree
from tests.conformance.corpus.values import (
    BAD_KEYS,
    BAD_LABEL_VALUES,
    BAD_NAMES,
    GOOD_KEYS,
    GOOD_LABEL_VALUES,
    GOOD_NAMES,
    JUNK,
)

OWNER: dict[str, Tree] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "name": "web",
    "uid": "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
}

SCALARS = (
    "y", "n", "yes", "no", "on", "off", "Y", "NO", "On", "true", "True", "TRUE", "false", "~", "null", "Null",
    "NULL", "",
    "0120", "0o120", "0x50", "0b1010000", "1_000", "80.0", "8e1", "8E1", "+80", "-0", ".8e2", "80.", "1:20", "1e3",
    "1e400", "5e12345",
    ".inf", "-.inf", ".nan", "0.1", "080", "08", "0o8", "0x", "1__0", "_1", "2001-01-01", "2001-01-01T00:00:00Z",
    "=", "<<", "80 # http",
    "'80'", '"80"', "!!str 80", "!!int '80'", "!!float 80", "!!bool 'true'", "!!null ''", "!port 80",
    "!!binary ODA=", "&a 80", "*a",
    "|\n      80", ">-\n      http", "|-\n      http", "[80]", "{80: 80}", "http", "'ht''tp'", '"ht\\x74p"',
    '"\\u0068ttp"', "ht tp",
    "http: x", "- 80", "@http", "`http`", "%http", "'http", '"http', "18446744073709551616", "9223372036854775807",
    "1e2147483648",
)  # fmt: skip


def metadata_themes(base: Tree, *, namespaced: bool) -> dict[str, Iterator[Tree]]:
    """Give the manifests of the themes that every kind has, made from one good manifest."""
    return {
        "name": with_metadata(base, names()),
        "namespace": with_metadata(base, namespaces(thorough=namespaced)),
        "labels": with_metadata(base, labels()),
        "annotations": with_metadata(base, annotation_parts()),
        "metadata": with_metadata(base, others()),
        "type": types(base),
        "scalar": scalars(base),
    }


def every(step: int, themes: Mapping[str, Iterator[Tree]]) -> dict[str, Iterator[Tree]]:
    """Thin each theme out to every so many of its manifests."""
    return {theme: itertools.islice(trees, 0, None, step) for theme, trees in themes.items()}


def with_metadata(base: Tree, parts: Iterator[Tree]) -> Iterator[Tree]:
    """Add each piece of metadata to the good manifest, or put it in place of the whole metadata."""
    for part in parts:
        metadata = {**base["metadata"], **part} if isinstance(part, dict) else part
        if isinstance(part, dict) and part.pop("no name", None):
            metadata = part
        yield {**base, "metadata": metadata}


def names() -> Iterator[Tree]:
    """List names and generated names."""
    yield from ({"name": name} for name in [*GOOD_NAMES, *BAD_NAMES])
    yield from (
        {"no name": True, "generateName": name}
        for name in [*GOOD_NAMES, *BAD_NAMES, "np-", "np--", "np.", "n" * 58, "n" * 59]
    )
    yield from ({"name": name, "generateName": "np-"} for name in ("a", "", None, "A"))
    yield {"name": "a", "generateName": "A"}
    yield from ({"no name": True}, {"no name": True, "namespace": "default"}, {"no name": True, "Name": "a"}, *JUNK[:8])
    yield {"no name": True, "name": "a", Again("name"): "b"}


def namespaces(*, thorough: bool) -> Iterator[Tree]:
    """List namespaces; a kind that has none gets a few."""
    every: list[Tree] = ["default", "a", "a-b", "0", "n" * 63, "n" * 64, *BAD_NAMES]
    yield from ({"namespace": name} for name in (every if thorough else every[:12]))


def labels() -> Iterator[Tree]:
    """List labels: each key and value, several faults at once, wrong types."""
    yield from ({"labels": {key: "x"}} for key in [*GOOD_KEYS, *BAD_KEYS])
    yield from ({"labels": {"app": value}} for value in [*GOOD_LABEL_VALUES, *BAD_LABEL_VALUES])
    yield from ({"labels": junk} for junk in JUNK)
    yield from (
        {"labels": {"-a": "-b"}},
        {"labels": {"a b": "c", "d": "e f", "": ""}},
        {"labels": {"a": "b", Again("a"): "c"}},
    )


def annotation_parts() -> Iterator[Tree]:
    """List annotations: each key, some values, wrong types."""
    yield from ({"annotations": {key: "x"}} for key in [*GOOD_KEYS, *BAD_KEYS, "Example.COM/A", "EXAMPLE.com/a/b"])
    values: list[Tree] = ["", "any text: {}", "é\n", "x" * 300, None, 1, True, 1.5, [], {}]
    yield from ({"annotations": {"note": value}} for value in values)
    yield from ({"annotations": junk} for junk in JUNK)


def others() -> Iterator[Tree]:
    """List the other fields of metadata."""
    finalizers = [
        "example.com/a",
        "a",
        "",
        "a/b/c",
        "-a/b",
        "orphan",
        "foregroundDeletion",
        "kubernetes",
        "Example.com/a",
        None,
        1,
    ]
    yield from ({"finalizers": [name]} for name in finalizers)
    yield from ({"finalizers": junk} for junk in JUNK)
    yield {"finalizers": ["orphan", "foregroundDeletion"]}
    yield {"finalizers": ["a", "b", "a.b/c", "a.b/c"]}
    yield from ({"ownerReferences": [owner]} for owner in owners())
    yield {"ownerReferences": [OWNER | {"controller": True}, OWNER | {"controller": True, "name": "api"}]}
    yield {"ownerReferences": [OWNER | {"controller": True}, OWNER | {"controller": False, "name": "api"}]}
    yield from ({"ownerReferences": junk} for junk in JUNK)
    for field, values in FIELDS.items():
        yield from ({field: value} for value in values)


FIELDS: dict[str, list[Tree]] = {
    "uid": ["1b4e28ba-2fa1-11d2-883f-0016d3cca427", "x", "", None, 1],
    "generation": [0, 1, 7, -1, "1", None, 1.5],
    "creationTimestamp": ["2020-01-01T00:00:00Z", None, "yesterday", "", 1, "2020-01-01"],
    "deletionTimestamp": ["2020-01-01T00:00:00Z", None, "never"],
    "deletionGracePeriodSeconds": [0, 30, -1, "30", None],
    "selfLink": ["/x", "", 1],
    "resourceVersion": ["", "0", 5, None],
    "clusterName": ["x"],
    "initializers": [{}],
    "managedFields": [
        None, [], [{}], [{"manager": "m", "operation": "Apply"}], [{"operation": "Patch"}], ["x"], {},
        [{"manager": "m" * 129, "operation": "Update", "fieldsType": "FieldsV1"}],
        [{"manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV2", "fieldsV1": {}}],
    ],
    "unknown": ["x", None, {}],
    "Labels": [{"a": "b"}],
    "label": [{"a": "b"}],
    "annotation": [{"a": "b"}],
    "nameSpace": ["default"],
}  # fmt: skip


def owners() -> Iterator[Tree]:
    """List owner references, each with one thing wrong."""
    yield OWNER
    for field in OWNER:
        yield {name: value for name, value in OWNER.items() if name != field}
        yield OWNER | {field: ""}
        yield OWNER | {field: None}
        yield OWNER | {field: 1}
    yield from (OWNER | {"apiVersion": version} for version in ("v1", "a/b/c", "/v1", "apps/", "-", "Apps/V1", "x y"))
    yield from (
        OWNER | {"apiVersion": "v1", "kind": "Event"},
        OWNER | {"apiVersion": "events.k8s.io/v1", "kind": "Event"},
    )
    yield from (OWNER | {"controller": value} for value in (True, False, None, "true", 1))
    yield from (
        OWNER | {"blockOwnerDeletion": True},
        OWNER | {"namespace": "x"},
        OWNER | {"Name": "x"},
        {},
        None,
        "web",
    )


def types(base: Tree) -> Iterator[Tree]:
    """List faults of apiVersion and kind, and of the document as a whole."""
    for field in ("apiVersion", "kind"):
        yield {name: value for name, value in base.items() if name != field}
        for value in (
            *JUNK[:10],
            base[field].lower(),
            base[field] + "s",
            base[field].upper(),
            base[field] + " ",
            f" {base[field]}",
        ):
            yield {**base, field: value}
        yield {**base, Again(field): base[field]}
        yield {**base, Again(field): "other"}
    for version in (
        "v1",
        "networking.k8s.io/v2",
        "networking.k8s.io/v1beta1",
        "networking.k8s.io",
        "/v1",
        "policy/v1",
        "a/b/c",
    ):
        yield {**base, "apiVersion": version}
    yield from ({**base, "kind": kind} for kind in ("Pod", "NetworkPolicyList", "Ingress", "Networkpolicy"))
    yield from ({**base, name: base["kind"]} for name in ("Kind", "apiversion", "type"))
    yield from (junk for junk in JUNK)
    yield from ({**base, "spec": {**base["spec"], "metadata": {}}}, {**base["spec"], **base})


def scalars(base: Tree) -> Iterator[Tree]:
    """List odd YAML scalars as a label value, as a label key and as a name."""
    for text in SCALARS:
        yield {**base, "metadata": {**base["metadata"], "labels": {"app": Raw(text)}}}
        if "\n" not in text and text:
            yield {**base, "metadata": {**base["metadata"], "labels": {Raw(text): "x"}}}
    for text in SCALARS[:60]:
        yield {**base, "metadata": {"name": Raw(text)}}
