"""The commands check and rule, as processes see them: output, exit code, files."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from podfence.cli.main import main

GOOD = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: good, namespace: shop}
spec:
  podSelector: {}
  egress: [{ports: [{port: 53}]}]
"""
BAD = GOOD.replace("good", "bad").replace("53", "0")
ODD = GOOD.replace("good", "odd") + '  ingress: [{from: [{ipBlock: {cidr: "2001:DB8::/32"}}]}]\n'
HOST_BITS = ODD.replace("2001:DB8::/32", "10.0.0.1/8").replace("odd", "bits")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in (("good", GOOD), ("bad", BAD), ("odd", ODD), ("bits", HOST_BITS)):
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def findings(out: str) -> list[str]:
    document: dict[str, Any] = json.loads(out)
    return [finding["rule"] for finding in document["findings"]]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["good.yaml"], 0),
        (["bad.yaml"], 1),
        (["odd.yaml"], 1),
        (["odd.yaml", "--fail-on", "error"], 0),
        (["bad.yaml", "--fail-on", "error"], 1),
        (["bad.yaml", "--fail-on", "never"], 0),
        (["odd.yaml", "--fail-on", "info"], 1),
        (["bad.yaml", "--strict"], 2),
        (["odd.yaml", "--strict", "--fail-on", "error"], 0),
        (["bits.yaml"], 1),
        (["bits.yaml", "--kubernetes-version", "1.35", "--fail-on", "error"], 0),
        (["bits.yaml", "--kubernetes-version", "v1.36.3", "--fail-on", "error"], 1),
        (["."], 1),
    ],
    ids=str,
)
def test_exit_codes(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int) -> None:
    assert run(capsys, "check", *arguments)[0] == code


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give PATHs"),
        (["no-such.yaml"], "no-such.yaml"),
        (["good.yaml", "--kubernetes-version", "new"], "--kubernetes-version new: no version"),
        (["good.yaml", "-o", "xml"], "choose text, json"),
        (["good.yaml", "-o", "json="], "a file name must follow"),
        (["good.yaml", "-o", "json=no/such/folder"], "no/such/folder: cannot be written"),
        (["empty"], "no Kubernetes objects in empty"),
    ],
)
def test_what_cannot_be_answered_is_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    Path("empty").mkdir()
    Path("empty/values.yaml").write_text("a: 1\n")
    code, out, err = run(capsys, "check", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.usefixtures("folder")
def test_json_has_the_designed_form(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(run(capsys, "check", "bad.yaml", "-o", "json")[1])
    assert document == {
        "apiVersion": "podfence/v1",
        "kind": "Findings",
        "findings": [
            {
                "rule": "PF031",
                "name": "port-number",
                "severity": "error",
                "message": "Invalid value: 0: must be between 1 and 65535, inclusive",
                "ref": {
                    "kind": "NetworkPolicy",
                    "namespace": "shop",
                    "name": "bad",
                    "file": "bad.yaml",
                    "line": 1,
                    "column": 1,
                },
                "position": {"file": "bad.yaml", "line": 6, "column": 22},
                "path": "spec.egress[0].ports[0].port",
                "fix": None,
            }
        ],
        "summary": {"error": 1, "warning": 0, "info": 0},
    }  # fmt: skip


def test_outputs_can_be_several_and_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "check", ".", "-o", "text", "-o", "json=found.json", "-o", "text=found.txt")
    assert code == 1
    assert out == (folder / "found.txt").read_text()
    assert findings((folder / "found.json").read_text()) == ["PF031", "PF044", "PF254", "PF092"]


@pytest.mark.usefixtures("folder")
def test_output_is_the_same_every_time_and_in_path_order(capsys: pytest.CaptureFixture[str]) -> None:
    first = run(capsys, "check", ".", "-o", "json")[1]
    assert first == run(capsys, "check", ".", "-o", "json")[1]
    assert [finding["position"]["file"] for finding in json.loads(first)["findings"]] == [
        "./bad.yaml",
        "./bits.yaml",
        "./odd.yaml",
        "./odd.yaml",
    ]


@pytest.mark.usefixtures("folder")
def test_show_defaults_prints_what_the_server_would_store(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", "good.yaml", "bad.yaml", "odd.yaml", "--show-defaults")
    assert code == 1
    documents = list(yaml.safe_load_all(out))
    assert [document["metadata"]["name"] for document in documents] == ["good", "odd"]
    assert documents[0]["spec"] == {
        "podSelector": {},
        "egress": [{"ports": [{"port": 53, "protocol": "TCP"}]}],
        "policyTypes": ["Ingress", "Egress"],
    }
    assert out.count("---\n") == 1
    assert err.startswith("REFUSED  3 files, 3 policies: 1 error, 1 warning, 1 info.\n")


@pytest.mark.usefixtures("folder")
def test_show_defaults_keeps_the_findings_out_of_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "check", "odd.yaml", "--show-defaults", "-o", "json=f.json")
    assert list(yaml.safe_load_all(out))
    assert findings(Path("f.json").read_text()) == ["PF092"]


def test_standard_input_and_gzip(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))
    _, out, _ = run(capsys, "check", "-")
    assert "-:6:22  error  PF031" in out
    assert "  6 |   egress: [{ports: [{port: 0}]}]" in out
    (folder / "packed.yaml.gz").write_bytes(gzip.compress(BAD.encode()))
    assert "  6 |   egress: [{ports: [{port: 0}]}]" in run(capsys, "check", "packed.yaml.gz")[1]


@pytest.mark.usefixtures("folder")
def test_the_channel_decides_about_experimental_fields(capsys: pytest.CaptureFixture[str]) -> None:
    Path("cnp.yaml").write_text(
        "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: a}\n"
        "spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{nodes: {}}]}]}\n"
    )
    assert run(capsys, "check", "cnp.yaml")[0] == 0
    _, out, _ = run(capsys, "check", "cnp.yaml", "--crd-channel", "standard", "-o", "json")
    assert findings(out) == ["PF003"]
    assert "experimental channel only" in out


@pytest.mark.usefixtures("folder")
def test_the_namespace_option_names_objects_that_name_none(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bare.yaml").write_text(BAD.replace(", namespace: shop", ""))
    assert "NetworkPolicy team/bad" in run(capsys, "check", "bare.yaml", "-n", "team")[1]


@pytest.mark.usefixtures("folder")
def test_colour_only_when_asked_for_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert "\x1b" not in run(capsys, "check", "bad.yaml")[1]
    assert "\x1b" in run(capsys, "check", "bad.yaml", "--color", "always")[1]


@pytest.mark.usefixtures("folder")
def test_verbose_names_what_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    Path("values.yaml").write_text("a: 1\n")
    assert "not read: ./values.yaml" in run(capsys, "check", ".", "-v")[1]
    assert "values.yaml" not in run(capsys, "check", ".")[1]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("format_", ["text", "json"])
def test_rich_is_not_imported_for_a_pipe(format_: str) -> None:
    run_check = f"from podfence.cli.main import main; main(['check', '.', '-o', '{format_}'])"
    code = f"import sys; {run_check}; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_rule_lists_all_rules(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "rule")
    assert code == 0
    assert out.splitlines()[0].startswith("PF001  error    not-readable")


@pytest.mark.parametrize("word", ["PF033", "pf033", "end-port", "END-PORT"])
def test_rule_shows_one_by_id_or_name(capsys: pytest.CaptureFixture[str], word: str) -> None:
    code, out, _ = run(capsys, "rule", word)
    assert (code, out.splitlines()[0]) == (0, "PF033  end-port  error")


def test_a_rule_that_does_not_exist_is_exit_2_with_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "rule", "endport")
    assert (code, out) == (2, "")
    assert "did you mean PF033 end-port" in err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes need Unix")
def test_a_named_pipe_in_a_folder_is_a_finding_and_waits_for_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "x.yaml")
    assert main(["check", str(tmp_path)]) == 1
    assert "cannot be read: a named pipe" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("api_version", "kind", "hint"),
    [
        ("networking.k8s.io/v1", "NetworkPolcy", "did you mean NetworkPolicy?"),
        ("apps/v1", "Deploymnet", "did you mean Deployment?"),
        ("v1", "Pods", "did you mean Pod?"),
        ("app/v1", "Deployment", "did you mean apiVersion: apps/v1?"),
        ("networking.k8s.io/v1", "Gadget", 'no matches for kind "Gadget" in version "networking.k8s.io/v1"'),
    ],
)
def test_a_kind_that_no_server_knows_is_refused(
    api_version: str, kind: str, hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(f"apiVersion: {api_version}\nkind: {kind}\nmetadata:\n  name: x\n")
    assert main(["check", str(path)]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert hint in shown
    assert f"{path}:2:1 error PF009" in shown


@pytest.mark.parametrize("kind", ["ConfigMap", "ConfigMapList", "Endpoints"])
def test_a_kind_that_is_only_not_used_is_fine(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(f"apiVersion: v1\nkind: {kind}\nmetadata:\n  name: x\n")
    assert main(["check", str(path)]) == 0
    assert capsys.readouterr().out.startswith("OK")


def test_policies_of_other_projects_are_named_where_they_may_deny(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.yaml"
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n"
    path.write_text(f"{pod}apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {{name: x}}\n")
    assert main(["map", str(path)]) == 0
    assert "not taken into account: CiliumNetworkPolicy 1" in capsys.readouterr().err


def test_a_fault_far_into_a_long_line_is_shown_with_what_stands_around_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.json"
    annotations = {"note": "x" * 3000}
    metadata = {"name": "p", "namespace": "s", "annotations": annotations}
    value = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata,
        "spec": {"ingres": []},
    }
    path.write_text(json.dumps(value))
    assert main(["check", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    excerpt = next(index for index, line in enumerate(lines) if line.startswith("  1 | …"))
    assert lines[excerpt].index('"ingres"') == lines[excerpt + 1].index("^")


OPERATOR = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: keeper, namespace: keeper}
roleRef: {kind: Role, name: keeper}
subjects: [{kind: ServiceAccount, name: keeper}]
---
apiVersion: v1
kind: Pod
metadata: {name: keeper, namespace: keeper}
spec: {serviceAccountName: keeper, containers: [{name: keeper}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: keeper, namespace: keeper}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{ports: [{port: 443}]}, {ports: [{port: 53, protocol: UDP}, {port: 53}]}]
"""


@pytest.mark.parametrize(
    ("profiles", "code", "rules"),
    [
        ([], 0, ["PF240"]),
        (["eks"], 0, ["PF240"]),
        (["kind"], 1, ["PF110", "PF240"]),
        (["eks", "kind"], 1, ["PF110", "PF240"]),
        (["ours.yaml"], 1, ["PF110", "PF240"]),
    ],
)
def test_a_profile_tells_what_the_input_does_not(
    folder: Path, capsys: pytest.CaptureFixture[str], profiles: list[str], code: int, rules: list[str]
) -> None:
    (folder / "ours.yaml").write_text("extends: eks\napiPorts: [16443]\n")
    (folder / "operator.yml").write_text(OPERATOR)
    chosen = [word for name in profiles for word in ("--profile", name)]
    answered, out, _ = run(capsys, "check", "operator.yml", *chosen, "-o", "json")
    assert (answered, findings(out)) == (code, rules)


def test_two_profiles_of_one_name_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "ours.yaml").write_text("{name: kind, apiPorts: [7443]}", "utf-8")
    code, _, err = run(capsys, "check", "good.yaml", "--profile", "kind", "--profile", "ours.yaml")
    assert code == 2
    assert err == "podfence: --profile ours.yaml: another profile is called kind, too; give it a `name`\n"


@pytest.mark.parametrize("word", ["kid", "no-such.yaml"])
def test_a_profile_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str], word: str) -> None:
    code, out, err = run(capsys, "check", "good.yaml", "--profile", word)
    assert (code, out) == (2, "")
    assert err.startswith(f"podfence: --profile {word}: ")
    assert err.count("\n") == 1


@pytest.mark.usefixtures("folder")
def test_strict_is_about_what_the_server_refuses_and_not_about_relations(capsys: pytest.CaptureFixture[str]) -> None:
    Path("operator.yaml").write_text(OPERATOR)
    assert run(capsys, "check", "operator.yaml", "--profile", "kind", "--strict")[0] == 1


@pytest.mark.usefixtures("folder")
def test_what_would_take_too_much_memory_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", "good.yaml", "--max-memory", "1KiB")
    assert (code, out) == (2, "")
    assert "--max-memory" in err
