"""Where the kernel bounds a transaction, which it does in every user namespace but the machine's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from podfence.dataplane.compiler import Compiler, compile_snapshot
from podfence.dataplane.difference import Desired, all_chains
from podfence.dataplane.enforcer import Enforcer
from podfence.dataplane.naming import quoted
from podfence.dataplane.objects import TABLE
from podfence.dataplane.pieces import fits, most_bytes
from podfence.dataplane.runner import ProcessRunner
from podfence.dataplane.settings import Settings
from podfence.dataplane.transaction import full_text
from podfence.model.change import Change
from podfence.model.error import PodfenceError
from podfence.model.net import parse_address
from tests.kernel.forest import Namespace
from tests.small_cluster import NODE, POD_CIDRS, Allow, cluster, pod, pods_of, policy, tcp

pytestmark = pytest.mark.kernel

IS_UNBOUNDED = most_bytes() is None
"""Whether whoever runs these tests is root of the machine itself."""
SETTINGS = Settings(NODE, pod_cidrs=POD_CIDRS)
THOUSAND = [policy(f"p{n}", "web", ingress=[Allow((pods_of("db"),), (tcp(n + 1),))]) for n in range(1000)]


@pytest.fixture
def within() -> Iterator[tuple[str, ...]]:
    """Give the command that runs another in a user namespace with a network of its own."""
    holder = subprocess.Popen(
        ["unshare", "-rn", "sh", "-c", "echo; exec cat"],  # noqa: S607
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    if holder.stdout.readline() != b"\n":
        pytest.skip("user namespaces cannot be made here")
    yield ("nsenter", "--user", "--net", "--preserve-credentials", f"--target={holder.pid}")
    holder.stdin.close()
    holder.wait()
    holder.stdout.close()


@pytest.fixture
def nft(within: tuple[str, ...]) -> ProcessRunner:
    runner = ProcessRunner((*within, "nft"))
    script = "from podfence.dataplane.pieces import most_bytes; print(most_bytes())"
    said = subprocess.run([*within, sys.executable, "-c", script], capture_output=True, text=True, check=True)
    runner.most_bytes = int(said.stdout)
    return runner


def holds_what_a_whole_load_would(nft: ProcessRunner, desired: Desired, generation: int) -> bool:
    """Compare rule by rule with a table that was loaded at once where nothing is bounded, else line by line."""
    elsewhere = Namespace("elsewhere")
    try:
        whole = ProcessRunner(("nsenter", f"--net={elsewhere.path}", "nft"))
        texts = [full_text(desired, generation)] if IS_UNBOUNDED else slices(desired, generation)
        for text in texts:
            whole.apply(text)
        return content(whole) == content(nft)
    finally:
        os.close(elsewhere.fd)


def slices(desired: Desired, generation: int) -> Iterator[str]:
    """Write a table as transactions of a few lines each, in the order in which one thing needs another."""
    chains = all_chains(desired, generation)
    lines = [f"add table {TABLE}"]
    lines += [f"add chain {TABLE} {name} {{ {c.hook} comment {quoted(c.comment)}; }}" for name, c in chains.items()]
    for name, item in desired.sets.items():
        kind, verdict = ("map", " : verdict") if item.is_map else ("set", "")
        flags = f"flags {item.flags}; " if item.flags else ""
        comment = f"comment {quoted(item.comment)};" if item.comment else ""
        lines.append(f"add {kind} {TABLE} {name} {{ type {item.type}{verdict}; {flags}{comment} }}")
        for key, element in desired.elements[name].items():
            said = f" comment {quoted(element.comment)}" if element.comment else ""
            leads = f" : {element.verdict}" if element.verdict else ""
            lines.append(f"add element {TABLE} {name} {{ {key}{said}{leads} }}")
    lines += [f"add rule {TABLE} {name} {rule}" for name, chain in chains.items() for rule in chain.rules]
    for start in range(0, len(lines), 200):
        yield "".join(f"{line}\n" for line in lines[start : start + 200])


def content(runner: ProcessRunner) -> dict[str, list[str]]:
    """Give what each chain and set holds, the rules in their order, without the handles of the kernel."""
    listed = subprocess.run(
        [*runner._command, "-j", "list", "table", "inet", "podfence"], capture_output=True, check=True
    )
    found: dict[str, list[str]] = {}
    for item in json.loads(listed.stdout)["nftables"][2:]:
        ((kind, described),) = item.items()
        described.pop("handle")
        described["elem"] = sorted(map(json.dumps, described.pop("elem", ())))
        name = described["chain"] if kind == "rule" else described["name"]
        found.setdefault(f"{kind} {name}", []).append(json.dumps(described, sort_keys=True))
    return found


@pytest.mark.skipif(not IS_UNBOUNDED, reason="needs root of the machine's own user namespace")
def test_the_machines_own_user_namespace_has_no_bound() -> None:
    assert most_bytes() is None


def test_what_is_too_large_is_refused_at_once(nft: ProcessRunner) -> None:
    text = full_text(compile_snapshot(cluster(*THOUSAND), SETTINGS), 1)
    assert not fits(text, nft.most_bytes)
    with pytest.raises(PodfenceError, match="Message too long"):
        nft.apply(text)


def test_a_thousand_policies_on_one_pod_are_enforced_changed_repaired_and_taken_over(nft: ProcessRunner) -> None:
    compiler = Compiler(cluster(), SETTINGS)
    enforcer = Enforcer(nft)
    enforcer.apply(compiler.desired)
    for changes in (
        [Change(None, item) for item in THOUSAND],
        [Change(THOUSAND[500], policy("p500", "web", ingress=[Allow((pods_of("api"),))]))],
        [Change(item, None) for item in THOUSAND[:500]],
    ):
        enforcer.apply_difference(compiler.apply(changes), compiler.desired)
        assert enforcer.check_drift() == ()
        assert holds_what_a_whole_load_would(nft, compiler.desired, enforcer.figures.generation)
    assert enforcer.figures.errors == 0
    assert enforcer.figures.full_transactions == 1
    nft.apply("flush chain inet podfence judge\nflush set inet podfence ready4\n")
    assert len(enforcer.check_drift()) == 2
    assert enforcer.check_drift() == ()
    second = Enforcer(nft)
    assert second.adopt().generation == enforcer.figures.generation
    desired = compile_snapshot(cluster(*THOUSAND[:700]), SETTINGS)
    second.apply(desired)
    assert second.check_drift() == ()
    assert holds_what_a_whole_load_would(nft, desired, second.figures.generation)
    assert second.figures.errors == 0


def test_the_first_state_may_be_large(nft: ProcessRunner) -> None:
    enforcer = Enforcer(nft)
    enforcer.apply(compile_snapshot(cluster(*THOUSAND), SETTINGS))
    assert enforcer.check_drift() == ()
    assert enforcer.figures.errors == 0


def test_a_chain_that_was_half_written_is_written_again(nft: ProcessRunner) -> None:
    desired = compile_snapshot(cluster(*THOUSAND), SETTINGS)
    enforcer = Enforcer(nft)
    enforcer.apply(compile_snapshot(cluster(), SETTINGS))
    body = next(name for name in desired.chains if name.startswith("rules-"))
    nft.apply(f"add chain inet podfence {body}\nadd rule inet podfence {body} accept\n")
    enforcer.adopt()
    enforcer.apply(desired)
    assert enforcer.check_drift() == ()
    assert holds_what_a_whole_load_would(nft, desired, enforcer.figures.generation)
    assert enforcer.figures.errors == 0


def test_when_more_changes_than_can_switch_at_once_the_table_is_filled_again(nft: ProcessRunner) -> None:
    crowd = [
        pod(f"many{n}", labels=pod("db").labels, addresses=(parse_address(f"10.9.{1 + n // 250}.{1 + n % 250}"),))
        for n in range(2000)
    ]
    allowed = policy("in", "web", ingress=[Allow((pods_of("db"),))])
    out = policy("out", "db", egress=[Allow((pods_of("web"),))])
    compiler = Compiler(cluster(allowed, out), SETTINGS)
    enforcer = Enforcer(nft)
    enforcer.apply(compiler.desired)
    enforcer.apply_difference(compiler.apply(Change(None, item) for item in crowd), compiler.desired)
    assert enforcer.check_drift() == ()
    assert holds_what_a_whole_load_would(nft, compiler.desired, enforcer.figures.generation)
    assert enforcer.figures.errors > 0
    second = Enforcer(nft)
    second.adopt()
    second.apply(compiler.desired)
    assert second.figures.errors == 0
