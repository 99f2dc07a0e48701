"""The kernel of one node behind the shape of ``agent.interface``: compiles what changed and has it enforced."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from podfence.agent.interface import AgentOptions, Applied
from podfence.dataplane.compiler import Compiler
from podfence.dataplane.conntrack import clear_marks
from podfence.dataplane.enforcer import Enforcer
from podfence.dataplane.runner import Runner
from podfence.dataplane.settings import Settings
from podfence.model.change import Change
from podfence.model.error import PodfenceError
from podfence.model.net import AddressRange
from podfence.model.objects import Node
from podfence.model.snapshot import Snapshot


def settings_of(options: AgentOptions) -> Settings:
    """Give the dataplane's settings for what a person chose."""
    return Settings(
        node=options.node,
        pod_cidrs=options.pod_ranges,
        unready="drop" if options.drops_unready else "accept",
        audit=options.audit,
        cutoff="all" if options.cuts_off else "none",
    )


class Kernel:
    """Compiler and enforcer of one node; a ``Dataplane``.

    Where nobody said which addresses the node's pods have, its Node object does, once it has been given some.
    """

    def __init__(self, options: AgentOptions, runner: Runner) -> None:
        self._settings = settings_of(options)
        self._node = options.node
        self._given = options.pod_ranges
        self._enforcer = Enforcer(runner, forget_stamps=self._forget_stamps)
        self._compiler: Compiler | None = None

    def adopt(self) -> None:
        """Read what an earlier agent left, changing nothing. Raises ``PodfenceError``."""
        self._enforcer.adopt()

    def load(self, snapshot: Snapshot, *, log_allowed: bool) -> Applied:
        """Make the kernel enforce a whole cluster in one transaction."""
        own = next((node for node in snapshot.nodes if node.name == self._node), None)
        self._settings = msgspec.structs.replace(self._settings, pod_cidrs=self._ranges(own), log_allowed=log_allowed)
        self._compiler = None
        compiler = Compiler(snapshot, self._settings)
        self._enforcer.apply(compiler.desired)
        self._compiler = compiler
        return self._applied(changed=True)

    def change(self, changes: Sequence[Change]) -> Applied | None:
        """Make the kernel follow what changed; ``None`` when only ``load`` can."""
        compiler = self._compiler
        if compiler is None or any(self._moves_pods(change) for change in changes):
            return None
        found = compiler.apply(changes)
        self._compiler = None
        self._enforcer.apply_difference(found, compiler.desired)
        self._compiler = compiler
        return self._applied(changed=not found.is_empty)

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
        )

    def _forget_stamps(self, in_force: int) -> None:
        try:
            clear_marks(self._settings.mark_mask, in_force << self._settings.mark_shift)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise PodfenceError(f"connection marks of earlier generations cannot be cleared: {reason}") from None
