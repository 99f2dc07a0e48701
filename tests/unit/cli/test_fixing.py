"""check --fix and --diff, as processes see them: files, output, exit codes."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from podfence.cli.main import main
from podfence.lint.finding import Findings
from podfence.lint.fixing import Fixing, Texts, fix_all
from tests.unit.lint.inputs import DEPLOYMENT, FAULTY, POLICY

MENDED = FAULTY.replace("port: htp", "port: http")
UNIFIED = """\
@@ -20,4 +20,4 @@
   - from:
     - podSelector: {}
     ports:
-    - port: htp
+    - port: http
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(FAULTY)
    return tmp_path / "a.yaml"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["check", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_fix_writes_the_change_says_so_and_has_nothing_to_do_again(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    code, out, _ = run(capsys, "--fix", ".")
    assert (code, file.read_text()) == (0, MENDED)
    place = "  ./a.yaml:23:7  PF160 named-port-unknown  NetworkPolicy shop/web\n"
    assert out.startswith(f"FIXED  1 finding in 1 file.\n{place}    proved: opens ")
    assert f"\n--- a/a.yaml\n+++ b/a.yaml\n{UNIFIED}" in out
    assert out.endswith("OK  1 file, 1 policy: nothing to refuse, nothing to warn about.\n")
    code, out, _ = run(capsys, "--fix", ".")
    assert (code, out.splitlines()[0]) == (0, "FIXED  nothing: no finding has a fix that can be written.")
    assert file.read_text() == MENDED


def test_diff_writes_nothing_and_git_takes_what_it_shows(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    code, out, err = run(capsys, "--diff", ".")
    assert (code, file.read_text()) == (1, FAULTY)
    assert out == f"--- a/a.yaml\n+++ b/a.yaml\n{UNIFIED}"
    assert err.startswith("WOULD FIX  1 finding in 1 file.\n")
    subprocess.run(["git", "apply", "-"], input=out, text=True, check=True, cwd=file.parent)  # noqa: S607
    assert file.read_text() == MENDED


@pytest.mark.usefixtures("file")
def test_formats_for_programs_are_all_that_stands_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--fix", ".", "-o", "json")
    assert (code, json.loads(out)["findings"]) == (0, [])
    assert err.startswith("FIXED  1 finding")
    assert UNIFIED in err


def test_permissions_and_links_stay(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    file.chmod(0o640)
    (file.parent / "real").mkdir()
    file.rename(file.parent / "real" / "b.yml")
    file.symlink_to("real/b.yml")
    assert run(capsys, "--fix", "a.yaml")[0] == 0
    assert file.is_symlink()
    real = file.parent / "real" / "b.yml"
    assert (real.read_text(), stat.S_IMODE(real.stat().st_mode)) == (MENDED, 0o640)
    assert os.listdir(real.parent) == ["b.yml"]  # noqa: PTH208 (no temporary file is left)


def test_what_is_no_plain_yaml_file_is_named_and_left_alone(
    capsys: pytest.CaptureFixture[str], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = f'{{"apiVersion": "v1", "kind": "List", "items": [{to_json(DEPLOYMENT)}, {to_json(POLICY)}]}}'
    file.unlink()
    Path("a.json").write_text(documents)
    code, out, _ = run(capsys, "--fix", "a.json")
    assert (code, Path("a.json").read_text()) == (1, documents)
    assert "not fixed: a.json:1:" in out
    assert "only plain YAML files are edited" in out
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FAULTY.encode())))
    code, out, _ = run(capsys, "--fix", "-")
    assert code == 1
    assert "standard input cannot be edited; give the file" in out


def to_json(text: str) -> str:
    import yaml  # noqa: PLC0415 (for this alone)

    return json.dumps(yaml.safe_load(text))


def test_a_file_that_changed_meanwhile_is_left_alone(
    capsys: pytest.CaptureFixture[str], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(check: Callable[[], Findings], texts: Texts, why_not: Callable[[str], str]) -> Fixing:
        done = fix_all(check, texts, why_not)
        file.write_text("# other\n")
        return done

    monkeypatch.setattr("podfence.cli.fixing.fix_all", slow)
    code, out, err = run(capsys, "--fix", ".")
    assert (code, out, file.read_text()) == (2, "", "# other\n")
    assert err == "podfence: ./a.yaml: has changed meanwhile, nothing was written; run it again\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--fix"],
        ["--diff"],
        ["--fix", "--diff", "."],
        ["--fix", ".", "--show-defaults"],
        ["--fix", ".", "--write-baseline", "b"],
    ],
)
@pytest.mark.usefixtures("file")
def test_what_makes_no_sense_together_is_refused(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert "--fix" in err


def test_a_folder_that_may_not_be_written_is_one_line(
    capsys: pytest.CaptureFixture[str], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    code, _, err = run(capsys, "--fix", ".")
    assert (code, err) == (2, "podfence: ./a.yaml: cannot be written: no space left on device\n")
    assert (file.read_text(), os.listdir(file.parent)) == (FAULTY, ["a.yaml"])  # noqa: PTH208 (likewise)
