"""What it takes for a suite of others to count as passed, and that nothing stays behind when it is left."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conformance import suites, tools
from tests.conformance.run import main
from tests.conformance.suites import Counts, Suite

GINKGO = """\
Ran 50 of 586 Specs in 637.519 seconds
FAIL! -- 48 Passed | 2 Failed | 0 Pending | 536 Skipped
--- FAIL: TestE2E (637.52s)
"""
GO_TEST = """\
=== RUN   TestConformance/CNPAdminTierEgressUDP/Should_pass
--- FAIL: TestConformance (100.02s)
    --- PASS: TestConformance/CNPAdminTierEgressUDP (1.00s)
        --- PASS: TestConformance/CNPAdminTierEgressUDP/Should_pass (0.50s)
    --- FAIL: TestConformance/CNPAdminTierEgressTCP (1.00s)
        --- PASS: TestConformance/CNPAdminTierEgressTCP/Should_pass (0.50s)
        --- FAIL: TestConformance/CNPAdminTierEgressTCP/Should_drop (0.50s)
    --- SKIP: TestConformance/CNPAdminTierEgressNodePeers (0.00s)
FAIL
"""


def suite_that(tmp_path: Path, script: str, *, tests: int = 2) -> Suite:
    """Make a suite out of a line of Python; its results are lines of ``-test.v``."""
    program = tmp_path / "program"
    program.write_text(f"#!{sys.executable}\nimport sys\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return Suite("fake", "A suite", tests, lambda _: program, (), re.compile(r" {4}---"), suites.count_tests)


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for Go and for the lab, which are tested elsewhere."""

    @contextmanager
    def lab(_: object, **__: object) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(folder=SimpleNamespace(kubeconfig=tmp_path / "kubeconfig"))

    monkeypatch.setattr(suites, "lab", lab)
    monkeypatch.setattr(tools, "require_go", lambda: "go")
    monkeypatch.setattr(tools, "cache_folder", lambda: tmp_path)


def test_ginkgos_summary_is_read_without_the_specs_that_nobody_asked_for() -> None:
    assert suites.count_specs(GINKGO) == Counts(48, 2, 0)


def test_a_suite_that_sums_nothing_up_has_passed_nothing() -> None:
    assert suites.count_specs("panic: no cluster\n") == Counts(0, 0, 0)


def test_tests_count_and_not_the_steps_below_them() -> None:
    assert suites.count_tests(GO_TEST) == Counts(1, 1, 1)


@pytest.mark.parametrize(
    ("written", "code", "wanted"),
    [
        (["PASS", "PASS"], 0, 0),
        (["PASS"], 0, 1),
        ([], 0, 1),
        (["PASS", "SKIP"], 0, 1),
        (["PASS", "FAIL"], 0, 1),
        (["PASS", "PASS"], 1, 1),
    ],
)
def test_a_suite_has_passed_when_it_says_so_and_each_of_its_tests_passed(
    tmp_path: Path, written: list[str], code: int, wanted: int
) -> None:
    lines = "".join(f"    --- {word}: Test/One\n" for word in written)
    suite = suite_that(tmp_path, f"sys.stdout.write({lines!r}); sys.exit({code})")
    assert suites.run(suite) == wanted


def test_the_log_keeps_everything_and_the_screen_shows_the_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = suite_that(tmp_path, "print('a probe'); print('    --- PASS: Test/One')", tests=1)
    assert suites.run(suite) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[1] == "      --- PASS: Test/One"
    assert re.fullmatch(r"fake: passed: 1 of 1 tests passed, 0 failed, in \d+ s", shown[2])
    assert (tmp_path / "fake.log").read_text() == "a probe\n    --- PASS: Test/One\n"


def test_the_program_ends_when_the_block_is_left_early(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import signal; print('runs', flush=True); signal.pause()"]
    with suites.running(command, {}, tmp_path) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "runs\n"
    assert child.returncode is not None


def test_a_part_that_there_is_not_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["e2f"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith("no such part: e2f; there are record, e2e, cnp, anp\n")
