"""podfence.yaml: what it may say, what is refused and where, and that its schema and its documentation agree."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from podfence.lint.settings import KEYS, Settings, read_settings
from podfence.model.error import PodfenceError

DOCS = Path(__file__).parents[3] / "docs"
SCHEMA = json.loads((DOCS / "podfence.schema.json").read_text("utf-8"))
PAGE = (DOCS / "configuration.md").read_text("utf-8")
WHOLE = next(text for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if text.startswith("profiles:"))


def settings(text: str, file: str = "sub/podfence.yaml") -> Settings:
    return read_settings(text.encode(), file)


GOOD = [
    "",
    "# nothing\n",
    WHOLE,
    "select: PF1\nignore: []\nseverity: {}\n",
    "".join(f"{key}:\n" for key in KEYS),
    "pod-cidr: none\n",
    "pod-cidr: [10.0.0.0/8, 'fd00::/8']\n",
    "ignore: [and-or-dash, pf2, PF190]\n",
    "kubernetes-version: v1.36.3\n",
    "kubernetes-version: latest\n",
]
BAD = [
    ("[]\n", "1:1: a mapping is wanted"),
    ("fail-on: warning\nfailon: error\n", "2:1: failon: no such key; there are select, "),
    ("fail-on: bad\n", "1:1: fail-on: write error, warning, info or never"),
    ("select: [PF1, 3]\n", "1:15: select[1]: a text is wanted"),
    ("select: [PF1, '']\n", "1:15: select[1]: a text is wanted"),
    ("severity: {PF210: bad}\n", "1:12: severity.PF210: write error, warning or info"),
    ("severity: [PF210]\n", "1:1: severity: a mapping"),
    ("kubernetes-version: 1.30\n", "1:1: kubernetes-version: put the version into quotes"),
    ("kubernetes-version: new\n", "1:1: kubernetes-version: no version"),
    ("crd-channel: beta\n", "1:1: crd-channel: write standard or experimental"),
    ("baseline: [a]\n", "1:1: baseline: a text is wanted"),
    ("exclude: {a: b}\n", "1:1: exclude: a text is wanted"),
]
MEANINGLESS = [
    ("ignore: [PF190, and-or-dahs]\n", "1:17: ignore[1]: and-or-dahs: no such rule; did you mean PF190 and-or-dash?"),
    ("severity: {PF777: info}\n", "1:12: severity.PF777: PF777: no such rule"),
    ("pod-cidr: [10.0.0.0/8, x]\n", "1:24: pod-cidr[1]: x: not a block"),
    ("pod-cidr: [none, 10.0.0.0/8]\n", "1:1: pod-cidr: give blocks or none"),
    ("a: 1\n---\nb: 1\n", "one document is wanted"),
    ("fail-on: error\nfail-on: info\n", "2:1: the key 'fail-on' stands twice"),
    ("fail-on: [\n", "not YAML"),
]


@pytest.mark.parametrize("text", GOOD)
def test_what_the_schema_takes_is_read(text: str) -> None:
    settings(text)
    jsonschema.validate(yaml.safe_load(text), SCHEMA)


@pytest.mark.parametrize(("text", "message"), BAD + MEANINGLESS)
def test_what_makes_no_sense_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(PodfenceError) as refused:
        settings(text)
    assert message in str(refused.value)
    assert str(refused.value).startswith("sub/podfence.yaml:")


@pytest.mark.parametrize("text", [text for text, _ in BAD])
def test_the_schema_refuses_it_too(text: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text), SCHEMA)


def test_the_schema_and_the_page_have_every_key_and_no_other() -> None:
    assert set(SCHEMA["properties"]) == set(KEYS)
    assert set(re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE)) == set(KEYS)
    assert set(yaml.safe_load(WHOLE)) == set(KEYS)


def test_everything_is_read() -> None:
    read = settings(WHOLE)
    assert (read.profiles, read.pod_cidr, read.ignore) == (("gke-nodelocal", "kind"), ("10.244.0.0/16",), ("PF253",))
    assert (read.severity, read.fail_on, read.crd_channel) == ({"PF240": "warning"}, "error", "standard")
    assert (read.kubernetes_version, read.select) == ("1.35", ("PF0", "PF1", "PF2"))
    assert read.path(str(read.baseline)) == "sub/.podfence-baseline.json"


@pytest.mark.parametrize(
    ("path", "excluded"),
    [
        ("sub/charts", True),
        ("sub/a/b.golden.yaml", True),
        ("sub/a/golden.yaml", False),
        ("charts", False),
        ("sub/a/charts", False),
        ("other/b.golden.yaml", False),
    ],
)
def test_patterns_count_from_the_folder_of_the_file(path: str, excluded: bool) -> None:  # noqa: FBT001 (a column)
    assert settings("exclude: [./charts/, 'a*.golden.yaml']\n").is_excluded(path) is excluded
