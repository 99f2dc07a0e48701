"""podfence.yaml at work: found from below, overridden by the command line, and the same for every command."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from podfence.cli.main import main
from tests.unit.lint.inputs import DEPLOYMENT, FAULTY

BLOCK = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: block, namespace: shop}
spec:
  podSelector: {}
  ingress: [{from: [{ipBlock: {cidr: 10.244.0.0/16}}]}]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "all.yaml").write_text(FAULTY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def rules(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    out = run(capsys, "check", "-o", "json", *arguments)[1]
    return [finding["rule"] for finding in json.loads(out)["findings"]]


def test_the_file_is_found_from_below_and_the_command_line_wins(
    capsys: pytest.CaptureFixture[str], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rules(capsys, ".") == ["PF160"]
    (project / "podfence.yaml").write_text("ignore: [PF160]\nfail-on: never\n")
    monkeypatch.chdir(project / "manifests")
    assert rules(capsys, ".") == []
    assert rules(capsys, ".", "--ignore", "PF1") == []
    assert rules(capsys, ".", "--ignore", "PF2") == ["PF160"]
    assert run(capsys, "check", ".", "--ignore", "PF2")[0] == 0
    assert run(capsys, "check", ".", "--ignore", "PF2", "--fail-on", "error")[0] == 1
    assert rules(capsys, ".", "--config", "none") == ["PF160"]
    assert "settings: ../podfence.yaml\n" in run(capsys, "check", ".", "-v")[2]


@pytest.mark.usefixtures("project")
def test_nothing_is_looked_for_above_the_repository(capsys: pytest.CaptureFixture[str], project: Path) -> None:
    inner = project / "manifests"
    (project / "podfence.yaml").write_text("ignore: [PF160]\n")
    (inner / ".git").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(inner)
        assert rules(capsys, ".") == ["PF160"]


@pytest.mark.usefixtures("project")
def test_a_wrong_file_is_one_line_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    Path("podfence.yaml").write_text("ignore: [PF160]\nfail_on: never\n")
    for command in (["check", "."], ["map", "."], ["diff", ".", "."]):
        code, out, err = run(capsys, *command)
        assert (code, out) == (2, "")
        assert err.startswith("podfence: podfence.yaml:2:1: fail_on: no such key")
    assert run(capsys, "check", ".", "--config", "no.yaml")[2] == (
        "podfence: --config no.yaml: cannot be read: no such file or directory\n"
    )


@pytest.mark.usefixtures("project")
def test_where_pods_live_holds_for_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    Path("manifests/all.yaml").write_text(f"{DEPLOYMENT}---\n{BLOCK}")
    why = ("why", "-q", "shop/web", "shop/web", "80", "manifests")
    assert run(capsys, *why)[0] == 1
    Path("podfence.yaml").write_text("pod-cidr: 10.244.0.0/16\n")
    assert run(capsys, *why)[0] == 0
    assert run(capsys, *why, "--pod-cidr", "none")[0] == 1
    Path("t.yaml").write_text(
        "apiVersion: podfence/v1\nkind: ConnectivityTest\n"
        "tests: [{from: shop/web, to: shop/web, ports: 80, expect: allow}]\n"
    )
    assert run(capsys, "test", "t.yaml", "--against", "manifests")[0] == 0
    assert run(capsys, "test", "t.yaml", "--against", "manifests", "--config", "none")[0] == 1


@pytest.mark.usefixtures("project")
def test_what_is_left_out_is_left_out_by_every_command_unless_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("manifests/broken.yaml").write_text("a: [")
    Path("podfence.yaml").write_text("exclude: [manifests/broken.yaml]\n")
    assert rules(capsys, ".") == ["PF160"]
    assert "left out by the settings" in run(capsys, "check", ".", "-v")[1]
    assert "broken" not in run(capsys, "map", ".")[2]
    assert rules(capsys, "manifests/broken.yaml") == ["PF001"]


def test_a_revision_of_git_leaves_out_the_same_files(capsys: pytest.CaptureFixture[str], project: Path) -> None:
    (project / ".git").rmdir()
    (project / "manifests" / "generated").mkdir()
    (project / "manifests" / "generated" / "more.yaml").write_text(BLOCK.replace("shop", "other"))
    (project / "podfence.yaml").write_text("exclude: [manifests/generated]\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(project)]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *arguments], check=True)
    for old in ("git:HEAD:manifests", "git:HEAD:./manifests", "git:HEAD:"):
        assert run(capsys, "diff", "--expect", "equal", old, "manifests")[0] == 0, old
    assert run(capsys, "diff", "-v", "git:HEAD:manifests", "manifests")[2].count("left out by the settings") == 2


@pytest.mark.usefixtures("project")
def test_profiles_severities_and_the_baseline_of_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("conf").mkdir()
    Path("conf/ours.yaml").write_text("extends: kind\napiPorts: [7443]\n")
    Path("conf/p.yaml").write_text("profiles: [ours.yaml]\nseverity: {PF160: info}\nbaseline: known.json\n")
    code, _, err = run(capsys, "check", ".", "--config", "conf/p.yaml")
    assert (code, err.startswith("podfence: --baseline conf/known.json: no such file or directory; ")) == (2, True)
    assert run(capsys, "check", ".", "--write-baseline", "conf/known.json")[2] == "conf/known.json: 1 finding written\n"
    code, out, _ = run(capsys, "check", ".", "--config", "conf/p.yaml")
    assert (code, "1 suppressed" in out) == (0, True)
    known = Path("conf/known.json").read_text()
    assert run(capsys, "check", ".", "--config", "conf/p.yaml", "--write-baseline", "conf/again.json")[0] == 0
    assert Path("conf/again.json").read_text() == known
    Path("conf/p.yaml").write_text("severity: {PF160: info}\n")
    assert run(capsys, "check", ".", "--config", "conf/p.yaml")[0] == 0
