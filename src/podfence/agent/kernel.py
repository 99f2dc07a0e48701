"""The kernel of one node behind the shape of ``agent.interface``: compiles what changed and has it enforced."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec

from podfence.agent.interface import AgentOptions, Applied
from podfence.dataplane.compiler import Compiler
from podfence.dataplane.conntrack import clear_marks, living_pairs
from podfence.dataplane.enforcer import Enforcer
from podfence.dataplane.lookups import Answer, Lookups, Need
from podfence.dataplane.members import ATTENDED
from podfence.dataplane.naming import without_prefix
from podfence.dataplane.resolvers import ATTENDED_S
from podfence.dataplane.runner import Runner
from podfence.dataplane.settings import Settings
from podfence.model.change import Change
from podfence.model.error import PodfenceError
from podfence.model.net import AddressRange
from podfence.model.objects import Node
from podfence.model.snapshot import Snapshot

_EXPIRE_EVERY_S = 5.0


def settings_of(options: AgentOptions) -> Settings:
    """Give the dataplane's settings for what a person chose."""
    return Settings(
        node=options.node,
        pod_cidrs=options.pod_ranges,
        unready="drop" if options.drops_unready else "accept",
        audit=options.audit,
        resolvers=options.resolvers,
        cutoff="all" if options.cuts_off else "none",
    )


class Kernel:
    """Compiler and enforcer of one node; a ``Dataplane``.

    Where nobody said which addresses the node's pods have, its Node object does, once it has been given some.
    """

    def __init__(self, options: AgentOptions, runner: Runner, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings_of(options)
        self._node = options.node
        self._given = options.pod_ranges
        self._enforcer = Enforcer(runner, forget_stamps=self._forget_stamps)
        self._compiler: Compiler | None = None
        self._clock = clock
        self._lookups = Lookups()
        self._answers: list[Answer] = []
        self._expire_next_s = self._attend_next_s = clock()

    def adopt(self) -> None:
        """Read what an earlier agent left, changing nothing. Raises ``PodfenceError``."""
        left = self._enforcer.adopt().left
        hosts = (element for name, elements in left.items() if without_prefix(name) != ATTENDED for element in elements)
        self._lookups.restore(hosts, self._clock())

    def load(self, snapshot: Snapshot, *, log_allowed: bool) -> Applied:
        """Make the kernel enforce a whole cluster in one transaction."""
        own = next((node for node in snapshot.nodes if node.name == self._node), None)
        self._settings = msgspec.structs.replace(self._settings, pod_cidrs=self._ranges(own), log_allowed=log_allowed)
        self._compiler = None
        compiler = Compiler(snapshot, self._settings, self._lookups)
        self._keep_up(compiler)
        compiler.apply(())
        self._enforcer.apply(compiler.desired)
        self._compiler = compiler
        return self._applied(changed=True)

    def change(self, changes: Sequence[Change]) -> Applied | None:
        """Make the kernel follow what changed; ``None`` when only ``load`` can."""
        compiler = self._compiler
        if compiler is None or any(self._moves_pods(change) for change in changes):
            return None
        self._keep_up(compiler)
        found = compiler.apply(changes)
        self._compiler = None
        self._enforcer.apply_difference(found, compiler.desired)
        self._compiler = compiler
        return self._applied(changed=not found.is_empty)

    def need(self, answer: Answer) -> Need:
        """Tell what an answer is to the pod that asked; not while another method runs."""
        return Need.NEW if self._compiler is None else self._compiler.hosts.need(answer, self._clock())

    def learn(self, answers: Sequence[Answer]) -> None:
        """Take in what resolvers told pods; the next ``load`` or ``change`` has it enforced."""
        self._answers += answers

    def wait_s(self) -> float:
        """Tell after how long ``change`` must be called, if it is not before; infinity for never."""
        due_s = max(self._lookups.next_due_s, self._expire_next_s)
        if self._compiler is not None and self._compiler.hosts.hold_answers:
            due_s = min(due_s, self._attend_next_s)
        return max(0.0, due_s - self._clock())

    def _keep_up(self, compiler: Compiler) -> None:
        """Give a compiler what pods were told, and what has become of it since; it says that somebody looks after."""
        now_s = self._clock()
        answers, self._answers = self._answers, []
        for answer in answers:
            compiler.hosts.learn(answer, now_s)
        if max(self._lookups.next_due_s, self._expire_next_s) <= now_s:
            self._expire_next_s = now_s + _EXPIRE_EVERY_S
            compiler.hosts.expire(now_s, living_pairs)
        if self._attend_next_s <= now_s:
            self._attend_next_s = now_s + ATTENDED_S / 3
            compiler.hosts.attend()

    def check_drift(self) -> bool:
        """Compare the kernel with what was committed last and repair it."""
        return bool(self._enforcer.check_drift())

    def uninstall(self) -> None:
        """Remove everything of ours; fine when there is nothing. Raises ``PodfenceError``."""
        self._enforcer.adopt()
        self._enforcer.uninstall()

    def _ranges(self, own: Node | None) -> tuple[AddressRange, ...]:
        if self._given or own is None:
            return self._given
        return own.pod_ranges

    def _moves_pods(self, change: Change) -> bool:
        """Tell whether a change gives the own node other addresses for its pods; they are part of every transaction."""
        after = change.after
        return isinstance(after, Node) and after.name == self._node and self._ranges(after) != self._settings.pod_cidrs

    def _applied(self, *, changed: bool) -> Applied:
        figures, compiler = self._enforcer.figures, self._compiler
        if compiler is None:
            raise AssertionError("only what was compiled is applied")
        return Applied(
            kind="nothing" if not changed else "full" if figures.last_was_full else "delta",
            generation=figures.generation,
            reasons=compiler.desired.reasons,
            classes=figures.classes,
            sets=figures.sets,
            elements=figures.elements,
            hosts=len(self._lookups),
            hosts_evicted=self._lookups.evicted,
        )

    def _forget_stamps(self, in_force: int) -> None:
        try:
            clear_marks(self._settings.mark_mask, in_force << self._settings.mark_shift)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise PodfenceError(f"connection marks of earlier generations cannot be cleared: {reason}") from None
