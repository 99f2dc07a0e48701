"""Label selectors, right and wrong, and random ones."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.conformance.corpus.text import Again, Tree, each
from tests.conformance.corpus.values import (
    BAD_KEYS,
    BAD_LABEL_VALUES,
    GOOD_KEYS,
    GOOD_LABEL_VALUES,
    OPERATORS,
)


def requirement(key: Tree, operator: Tree, values: Tree = None) -> dict[str, Tree]:
    """Make one expression; no values field when there are none."""
    made = {"key": key, "operator": operator}
    return made if values is None else made | {"values": values}


def selectors() -> Iterator[Tree]:
    """List every kind of selector: the empty, each key, value and operator, and expressions of odd shape."""
    yield from (
        {},
        None,
        {"matchLabels": {}},
        {"matchLabels": None},
        {"matchExpressions": []},
        {"matchExpressions": None},
    )
    yield {"matchLabels": {}, "matchExpressions": []}
    for key in [*GOOD_KEYS, *BAD_KEYS]:
        yield {"matchLabels": {key: "x"}}
        yield {"matchExpressions": [requirement(key, "Exists")]}
    for value in [*GOOD_LABEL_VALUES, *BAD_LABEL_VALUES]:
        yield {"matchLabels": {"app": value}}
        yield {"matchExpressions": [requirement("app", "In", [value])]}
    for operator in OPERATORS:
        yield {"matchExpressions": [requirement("app", operator, ["x"])]}
        yield {"matchExpressions": [requirement("app", operator)]}
    yield from ({"matchExpressions": [each]} for each in odd_requirements())
    yield from combined()


def odd_requirements() -> Iterator[Tree]:
    """List expressions whose operator and values do not fit, or with parts missing, null or unknown."""
    for operator in ("In", "NotIn", "Exists", "DoesNotExist"):
        for values in each(
            [],
            None,
            [""],
            ["a"],
            ["a", "b"],
            ["a", "a"],
            ["a", "-"],
            ["-", "a", "b c"],
            [None],
            "a",
            {},
            1,
            [1, "a"],
        ):
            yield {"key": "app", "operator": operator, "values": values}
        yield requirement("app", operator)
        yield {"operator": operator}
        yield {"key": "", "operator": operator, "values": ["-"]}
        yield {"key": "a/b/c", "operator": operator, "values": ["b c", "ok", "-"]}
    yield from (
        {},
        None,
        "app",
        [],
        ["app"],
        {"key": "app"},
        {"values": ["a"]},
        {"key": None, "operator": None, "values": None},
    )
    yield from (
        requirement(1, "Exists"),
        {"key": True, "operator": "Exists"},
        requirement([], "Exists"),
        requirement({}, "Exists"),
    )
    yield from (
        {"Key": "app", "operator": "Exists"},
        {"key": "app", "op": "Exists"},
        {"key": "app", "operator": "In", "value": ["a"]},
    )


def combined() -> Iterator[Tree]:
    """List selectors with several parts or several faults, and with fields that are unknown or doubled."""
    yield {
        "matchLabels": {"a": "b", "c": "d"},
        "matchExpressions": [requirement("a", "In", ["b"]), requirement("e", "Exists")],
    }
    yield {
        "matchExpressions": [
            requirement("a", "In", ["x"]),
            requirement("a", "NotIn", ["x"]),
            requirement("a", "Exists"),
        ]
    }
    yield {"matchLabels": {"-a": "b", "c": "-d", "e/": "f g"}}
    yield {"matchLabels": {"-a": "-"}, "matchExpressions": [requirement("", "x", ["-"]), requirement("a", "In")]}
    yield {"matchExpressions": [requirement("a", "Exists", ["-", "ok", "+"]), requirement("b", "In", ["+", ""])]}
    yield from ({"app": "web"}, {"matchLabel": {"a": "b"}}, {"matchlabels": {"a": "b"}}, {"matchExpression": []})
    yield from ({"MatchLabels": {"a": "b"}}, {"matchExpressions": {}}, {"matchExpressions": "a"}, {"matchLabels": []})
    yield from (
        {"matchLabels": "app=web"},
        {"matchLabels": ["app"]},
        {"matchLabels": [{"app": "web"}]},
        [],
        [{}],
        "app=web",
        1,
        True,
        "",
    )
    yield {"matchLabels": {"a": "b"}, Again("matchLabels"): {"c": "d"}}
    yield {"matchLabels": {"a": "b", Again("a"): "c"}}
    yield {"matchExpressions": [{"key": "a", "operator": "Exists", Again("key"): "b"}]}
    yield {"matchExpressions": {"key": "a", "operator": "Exists"}}
    yield {"matchExpressions": [requirement("a", "In", ["b"])] * 3}


def random_selector(rng: random.Random, faults: float) -> Tree:
    """Make a selector; each part is wrong with the probability `faults`."""
    made: dict[str, Tree] = {}
    if rng.random() < 0.6:
        made["matchLabels"] = {key_of(rng, faults): value_of(rng, faults) for _ in range(rng.choice([1, 1, 2]))}
    if rng.random() < 0.4:
        made["matchExpressions"] = [random_requirement(rng, faults) for _ in range(rng.choice([1, 1, 2]))]
    return made


def random_requirement(rng: random.Random, faults: float) -> Tree:
    """Make one expression."""
    operator = rng.choice(["In", "NotIn", "Exists", "DoesNotExist"])
    values = [value_of(rng, faults) for _ in range(rng.choice([1, 2, 3]))] if operator.endswith("In") else None
    if rng.random() < faults:
        operator = rng.choice(OPERATORS[:10])
    if rng.random() < faults:
        values = None if values else ["a"]
    return requirement(key_of(rng, faults), operator, values)


def key_of(rng: random.Random, faults: float) -> str:
    """Choose a label key."""
    return rng.choice(BAD_KEYS if rng.random() < faults else GOOD_KEYS[:11])


def value_of(rng: random.Random, faults: float) -> str:
    """Choose a label value; a text always."""
    texts = [value for value in BAD_LABEL_VALUES if isinstance(value, str)]
    return rng.choice(texts if rng.random() < faults else GOOD_LABEL_VALUES[:7])
