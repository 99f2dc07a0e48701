"""Suites that others wrote, unmodified, against a lab of three nodes that lives no longer than the suite runs.

A suite is a program. What it writes goes to a log in the cache folder, and the lines that tell how far it is to the
screen. It has passed when it says so and every test that it is known to have has passed: one left out is a failure.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO

from podfence.lab.control_client import environment
from podfence.lab.options import LabOptions
from tests.conformance import tools
from tests.lab.whole import lab

NODES = 3
PATIENCE_SECONDS = 20.0


class Counts(NamedTuple):
    """How many tests passed, failed and were skipped, as the suite says."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0


class Suite(NamedTuple):
    """A suite: how many tests it has, how its program is made and called, and how to read what that writes.

    ``shown`` matches the beginnings of the lines that go to the screen.
    """

    name: str
    title: str
    tests: int
    build: Callable[[str], Path]
    arguments: tuple[str, ...]
    shown: re.Pattern[str]
    counts_in: Callable[[str], Counts]


def count_specs(text: str) -> Counts:
    """Read what Ginkgo sums up; the specs that nobody asked for are among those skipped, so these do not count."""
    found = re.search(r"^(?:SUCCESS|FAIL)! -- (\d+) Passed \| (\d+) Failed \| (\d+) Pending", text, re.MULTILINE)
    return Counts(*map(int, found.groups())) if found else Counts()


def count_tests(text: str) -> Counts:
    """Count the tests right below the one test function, as Go's ``-test.v`` writes them."""
    words = Counter(re.findall(r"^ {4}--- (PASS|FAIL|SKIP): ", text, re.MULTILINE))
    return Counts(words["PASS"], words["FAIL"], words["SKIP"])


NETWORK_POLICY = Suite(
    name="e2e",
    title=f"NetworkPolicy, e2e suite of Kubernetes {tools.KUBERNETES}",
    tests=50,
    build=tools.build_e2e,
    arguments=(
        "--ginkgo.focus=NetworkPolic|Netpol",
        "--ginkgo.silence-skips",
        "--ginkgo.no-color",
        "--ginkgo.v",
        "--provider=local",
    ),
    shown=re.compile(r"\[sig-network\] |• |\s+\[FAIL\] |Ran \d+ of |(?:SUCCESS|FAIL)! "),
    counts_in=count_specs,
)


def policy_api_suite(name: str, title: str, api: str) -> Suite:
    """Describe the suite of network-policy-api that goes with one version of its API; all features are wanted."""
    version = tools.BUNDLES[api]
    return Suite(
        name=name,
        title=f"{title}, conformance suite of network-policy-api {version}",
        tests=24,
        build=lambda go: tools.build_policy_suite(go, version),
        arguments=("-test.run=^TestConformance$", "-test.v", "-test.timeout=1h", "-all-features"),
        shown=re.compile(r"=== RUN|\s*--- "),
        counts_in=count_tests,
    )


CLUSTER_NETWORK_POLICY = policy_api_suite("cnp", "ClusterNetworkPolicy", "v1alpha2")
ADMIN_NETWORK_POLICY = policy_api_suite("anp", "AdminNetworkPolicy and BaselineAdminNetworkPolicy", "v1alpha1")


def run(suite: Suite) -> int:
    """Build a suite and run it against a lab of its own; gives 0 if all of it passed, else 1.

    Raises ``MissingToolError`` when it cannot be built, ``PodfenceError`` when the lab does not start.
    """
    program = suite.build(tools.require_go())
    log = tools.cache_folder() / f"{suite.name}.log"
    print(f"{suite.title}: {suite.tests} tests on {NODES} nodes; everything it writes: {log}", flush=True)
    began = time.monotonic()
    with (
        log.open("w", encoding="utf-8") as kept,
        lab(LabOptions(nodes=NODES), log_to=kept) as whole,
        running([str(program), *suite.arguments], environment(whole.folder), log.parent) as child,
    ):
        code = follow(child, kept, suite.shown)
    counts = suite.counts_in(log.read_text(encoding="utf-8", errors="replace"))
    has_passed = code == 0 and counts == Counts(suite.tests)
    print(
        f"{suite.name}: {'passed' if has_passed else 'FAILED'}: {counts.passed} of {suite.tests} tests passed,"
        f" {counts.failed} failed, in {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return 0 if has_passed else 1


def follow(child: subprocess.Popen[str], kept: TextIO, shown: re.Pattern[str]) -> int:
    """Keep what a program writes and show some of it until it ends; gives its exit code."""
    for line in child.stdout or ():
        kept.write(line)
        if shown.match(line):
            print(f"  {line.rstrip()}", flush=True)
    return child.wait()


@contextmanager
def running(command: list[str], variables: Mapping[str, str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a program for the length of the block; one that is left early is told to end, and then made to."""
    child = subprocess.Popen(
        command,
        env=variables,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    try:
        yield child
    finally:
        child.terminate()
        try:
            # Nobody reads on, and a full pipe would hold it up for ever.
            child.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
