"""What check finds in whole sets of manifests: right where other linters are wrong, quiet on what is right.

``lint_corpus/quiet`` holds well-written sets, in which nothing above info may be found. ``lint_corpus/stories`` holds
sets with a fault or a trap each; ``expected.txt`` lists what must be found with every profile. ``PODFENCE_UPDATE=1``
writes it anew; read the difference before you keep it.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
import yaml

from podfence.lint.finding import Finding
from podfence.lint.profiles import PROFILES, Profile
from podfence.lint.registry import RULES
from podfence.lint.relations import Clusters
from podfence.lint.run import check
from podfence.manifests.inputs import read_data, read_inputs
from podfence.manifests.manual.rule import Rule, Severity
from podfence.manifests.validation.admission import Server

HERE = Path(__file__).parent / "lint_corpus"
QUIET = sorted(path.name for path in (HERE / "quiet").iterdir())
STORIES = sorted(path.name for path in (HERE / "stories").iterdir())
BY_RELATION = [rule for rule in RULES if "PF099" < rule.id < "PF290" and rule.id != "PF214"]
EVERY = tuple(PROFILES.values())


def findings(folder: Path, profiles: tuple[Profile, ...] = ()) -> tuple[Finding, ...]:
    return check(read_inputs([str(folder)], stdin=io.BytesIO()), Server(), clusters=Clusters(profiles)).findings


def told(finding: Finding) -> str:
    """Write the part of a finding that a story holds fast."""
    assert finding.position is not None
    place = f"{Path(finding.position.file).name}:{finding.position.line}:{finding.position.column}"
    profiles = f" in {', '.join(finding.profiles)}" if finding.profiles else ""
    effect = f": {finding.effect}" if finding.fix else ""
    return f"{finding.rule} {finding.severity.value} {place} {finding.path}{profiles}{effect}"


@pytest.mark.parametrize("name", QUIET)
def test_nothing_is_wrong_with_what_is_well_written(name: str) -> None:
    found = findings(HERE / "quiet" / name)
    assert [told(finding) for finding in found if finding.severity is not Severity.INFO] == []


@pytest.mark.parametrize("name", QUIET)
def test_what_is_well_written_is_right_in_the_usual_clusters(name: str) -> None:
    """Node-local DNS, Cloud DNS, OpenShift and the mesh do need rules that these sets have no reason to have."""
    usual = tuple(PROFILES[name] for name in ("kind", "minikube", "kubeadm", "k3s", "eks", "gke", "aks"))
    found = findings(HERE / "quiet" / name, usual)
    assert [told(finding) for finding in found if finding.severity is not Severity.INFO] == []


@pytest.mark.parametrize("name", STORIES)
def test_a_story_has_the_faults_that_it_tells_of_and_no_others(name: str) -> None:
    path = HERE / "stories" / name / "expected.txt"
    alone = [told(finding) for finding in findings(path.parent)]
    with_profiles = [told(finding) for finding in findings(path.parent, EVERY)]
    text = "\n".join(["without a profile:", *alone, "", "with every profile:", *with_profiles]) + "\n"
    if os.environ.get("PODFENCE_UPDATE"):
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text


def test_every_rule_stands_at_the_field_that_it_is_about() -> None:
    path = HERE / "positions.yaml"
    places = {rule.id: place(rule) for rule in BY_RELATION}
    if os.environ.get("PODFENCE_UPDATE"):
        path.write_text(yaml.safe_dump(places), "utf-8")
    assert yaml.safe_load(path.read_text("utf-8")) == places


def place(rule: Rule) -> str:
    """Tell where in its example a rule is broken, and the text of that line."""
    found = check(read_data(rule.example.encode(), "example.yaml"), Server()).findings
    (first, *_) = [finding for finding in found if finding.rule == rule.id]
    assert first.position is not None
    line = rule.example.splitlines()[first.position.line - 1]
    return f"{first.path}: {line[first.position.column - 1 :].strip()}"


def mendable() -> list[tuple[str, str]]:
    """List every text of the corpus in which something has a fix: the examples of the rules, and the stories."""
    texts = [(rule.id, rule.example) for rule in BY_RELATION]
    texts += [(name, (HERE / "stories" / name / "all.yaml").read_text("utf-8")) for name in STORIES]
    return texts


@pytest.mark.parametrize(("name", "text"), mendable(), ids=lambda value: value if len(value) < 40 else "")
def test_a_fix_takes_its_finding_away_and_brings_no_other(name: str, text: str) -> None:
    before = check(read_data(text.encode(), name), Server()).findings
    for finding in before:
        if finding.fix is None:
            continue
        after = check(read_data(mended(text, finding.fix).encode(), name), Server()).findings
        assert not [item for item in after if (item.rule, item.ref, item.message) == key(finding)]
        worse = {(item.rule, item.ref) for item in after if item.severity is not Severity.INFO}
        assert worse <= {(item.rule, item.ref) for item in before}, finding.rule


def key(finding: Finding) -> tuple[object, ...]:
    return (finding.rule, finding.ref, finding.message)


def mended(text: str, fix: str) -> str:
    """Put the manifests of a fix in the place of those that they replace, as kubectl apply would."""
    fixed = {identity(document): document for document in yaml.safe_load_all(fix)}
    documents = [fixed.pop(identity(item), item) for item in yaml.safe_load_all(text) if item is not None]
    return yaml.safe_dump_all([*documents, *fixed.values()], sort_keys=False)


def identity(document: dict[str, dict[str, str]]) -> tuple[object, ...]:
    metadata = document["metadata"]
    return document["kind"], metadata.get("namespace", "default"), metadata["name"]
