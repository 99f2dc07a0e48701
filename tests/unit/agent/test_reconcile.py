"""The loop that keeps the kernel equal to the cluster, with a scripted cluster, a fake kernel and virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import pytest

from podfence.agent.health import Health
from podfence.agent.metrics import Metrics
from podfence.agent.pacing import DRIFT_CHECK_S, SHARED_TRANSACTION_S
from podfence.agent.reconcile import Reconciler
from podfence.dataplane.lookups import Answer, Need
from podfence.flows.owners import Owners
from podfence.model.reason import Reason
from tests.unit.agent.fakes import FakeCluster, FakeDataplane, FakeKernel, parts, pod, policy
from tests.unit.agent.virtual_time import run


async def at_once(function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401 (stands in for to_thread)
    return function(*arguments)


class Bench:
    """A reconciler between fakes, running until the story is told."""

    def __init__(self, *objects: Any, kernel: FakeKernel | None = None, failures: int = 0) -> None:  # noqa: ANN401
        self.kernel = kernel or FakeKernel()
        self.kernel.clock = asyncio.get_running_loop().time
        self.cluster = FakeCluster(*objects)
        self.dataplane = FakeDataplane(self.kernel, failures)
        self.health = Health(clock=asyncio.get_running_loop().time)
        self.metrics = Metrics()
        self.reasons: list[Mapping[str, Reason]] = []
        self.released: list[int] = []
        self.owners = Owners()
        self.reconciler = Reconciler(
            "n1",
            parts(self.cluster, self.dataplane),
            self.owners,
            self.health,
            self.metrics,
            on_commit=self.reasons.append,
            on_release=self._release,
            run_blocking=at_once,
        )
        self._task: asyncio.Task[None] | None = None

    def _release(self, addresses: Collection[int]) -> None:
        self.released += sorted(addresses)

    def begin(self) -> None:
        self._task = asyncio.ensure_future(self.reconciler.run())

    async def begin_synced(self) -> None:
        self.cluster.synced.set()
        self.begin()
        await asyncio.sleep(0.5)

    async def kill(self) -> None:
        """End it wherever it stands, as kill -9 would."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def names(self) -> set[str]:
        assert self.kernel.enforced is not None
        return set(self.kernel.enforced.names)

    def logs_allowed(self) -> bool:
        return self.kernel.enforced is not None and self.kernel.enforced.log_allowed

    def count(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(name)


def story(tell: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Make a test of a coroutine, told in virtual time."""

    def test() -> None:
        async def main() -> None:
            await tell()

        run(main())

    test.__name__, test.__doc__ = tell.__name__, tell.__doc__
    return test


@story
async def test_nothing_is_committed_before_the_cluster_is_known_completely() -> None:
    bench = Bench(pod("a", 1), policy("p"))
    bench.begin()
    await asyncio.sleep(3600)
    assert bench.dataplane.adopted == 1
    assert bench.kernel.history == []
    assert bench.health.not_ready() == "the cluster is not known completely yet"
    bench.cluster.synced.set()
    await asyncio.sleep(1)
    assert len(bench.kernel.history) == 1
    assert bench.names == {"a", "p"}
    assert bench.health.not_ready() == ""
    await bench.kill()


@story
async def test_the_first_event_after_quiet_is_committed_at_once() -> None:
    bench = Bench(pod("a", 1))
    await bench.begin_synced()
    await asyncio.sleep(10)
    now_s = asyncio.get_running_loop().time()
    bench.cluster.put(policy("p"))
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    assert bench.kernel.history[-1][0] == now_s
    assert bench.names == {"a", "p"}
    await bench.kill()


@story
async def test_events_soon_after_a_commit_share_a_transaction_within_20_ms() -> None:
    bench = Bench()
    await bench.begin_synced()
    await asyncio.sleep(10)
    began_s = asyncio.get_running_loop().time()
    for number in range(10):
        bench.cluster.put(policy(f"p{number}"))
        await asyncio.sleep(0.001)
    await asyncio.sleep(1)
    times = [time_s - began_s for time_s, _ in bench.kernel.history[1:]]
    assert times == pytest.approx([0, SHARED_TRANSACTION_S])
    assert bench.names == {f"p{number}" for number in range(10)}
    await bench.kill()


@story
async def test_a_flood_of_policies_is_a_transaction_each_20_ms_and_ends_complete() -> None:
    bench = Bench()
    await bench.begin_synced()
    for number in range(1000):
        bench.cluster.put(policy(f"p{number}"))
        await asyncio.sleep(0.001)
    await asyncio.sleep(1)
    assert len(bench.kernel.history) <= 2 + 1 / SHARED_TRANSACTION_S
    assert bench.names == {f"p{number}" for number in range(1000)}
    assert bench.dataplane.loads == 1
    await bench.kill()


@story
async def test_a_failed_commit_keeps_what_is_enforced_and_is_tried_again_with_what_is_newest() -> None:
    bench = Bench(policy("old"))
    await bench.begin_synced()
    bench.dataplane.failures = 3
    bench.cluster.put(policy("new"))
    await asyncio.sleep(0.05)
    assert bench.names == {"old"}
    assert bench.health.not_ready() == ""
    bench.cluster.put(policy("newer"))
    await asyncio.sleep(1)
    assert bench.names == {"old", "new", "newer"}
    assert bench.count("podfence_nft_errors_total") == 3
    await bench.kill()


@story
async def test_failing_for_long_makes_the_agent_unready_until_a_commit_succeeds() -> None:
    bench = Bench()
    await bench.begin_synced()
    bench.dataplane.failures = 10_000
    bench.cluster.put(policy("p"))
    await asyncio.sleep(29)
    assert bench.health.not_ready() == ""
    await asyncio.sleep(2)
    assert bench.health.not_ready().startswith("commits have failed for 3")
    assert bench.health.not_ready().endswith("nft: no")
    bench.dataplane.failures = 0
    await asyncio.sleep(31)
    assert bench.health.not_ready() == ""
    assert bench.names == {"p"}
    await bench.kill()


@story
async def test_a_bug_in_compiling_is_survived_by_beginning_anew() -> None:
    bench = Bench(policy("old"))
    await bench.begin_synced()
    bench.dataplane.stumbles = True
    bench.cluster.put(policy("new"))
    await asyncio.sleep(1)
    assert bench.names == {"old", "new"}
    assert bench.dataplane.loads == 2
    await bench.kill()


@story
async def test_a_server_that_is_away_for_an_hour_changes_nothing() -> None:
    bench = Bench(policy("p"))
    await bench.begin_synced()
    await asyncio.sleep(3600)
    assert bench.names == {"p"}
    assert len(bench.kernel.history) == 1
    assert bench.dataplane.drift_checks == 3600 / DRIFT_CHECK_S
    assert bench.health.not_ready() == ""
    await bench.kill()


@story
async def test_drift_is_repaired_and_counted() -> None:
    bench = Bench(policy("p"))
    await bench.begin_synced()
    bench.dataplane.drifted = True
    await asyncio.sleep(2 * DRIFT_CHECK_S + 1)
    assert bench.dataplane.drift_checks == 2
    assert bench.count("podfence_drift_repairs_total") == 1
    await bench.kill()


@story
async def test_drift_is_looked_for_however_busy_the_cluster_is() -> None:
    bench = Bench()
    await bench.begin_synced()
    for number in range(300):
        bench.cluster.put(policy(f"p{number % 7}"))
        await asyncio.sleep(1)
    assert bench.dataplane.drift_checks >= 4
    await bench.kill()


@story
async def test_addresses_that_pods_of_the_node_gave_back_are_released_after_the_commit() -> None:
    bench = Bench(pod("a", 1), pod("b", 2), pod("elsewhere", 3, node="n2"))
    await bench.begin_synced()
    bench.dataplane.before_commit = lambda: seen.append(list(bench.released))
    seen: list[list[int]] = []
    bench.cluster.drop("a")
    bench.cluster.drop("elsewhere")
    await asyncio.sleep(1)
    assert seen == [[]]
    assert bench.released == [1]
    bench.cluster.put(pod("b", 4))
    await asyncio.sleep(1)
    assert bench.released == [1, 2]
    await bench.kill()


@story
async def test_an_address_released_during_failures_is_not_forgotten() -> None:
    bench = Bench(pod("a", 1))
    await bench.begin_synced()
    bench.dataplane.failures = 2
    bench.cluster.drop("a")
    await asyncio.sleep(0.05)
    assert bench.released == []
    await asyncio.sleep(1)
    assert bench.released == [1]
    await bench.kill()


@story
async def test_a_wish_for_accepted_connections_is_committed_and_taken_back() -> None:
    bench = Bench(policy("p"))
    await bench.begin_synced()
    bench.reconciler.log_allowed(wanted=True)
    await asyncio.sleep(1)
    assert bench.logs_allowed()
    bench.reconciler.log_allowed(wanted=False)
    await asyncio.sleep(1)
    assert not bench.logs_allowed()
    await bench.kill()


@story
async def test_reasons_and_owners_follow_each_commit() -> None:
    bench = Bench(pod("a", 1), policy("p"))
    await bench.begin_synced()
    bench.cluster.put(policy("q"))
    bench.cluster.put(pod("b", 2))
    await asyncio.sleep(1)
    assert set(bench.reasons[-1]) == {"a", "b", "p", "q"}
    assert bench.owners.owner(2) == pod("b", 2)
    assert bench.count("podfence_pod_program_seconds_count") == 1
    assert bench.count("podfence_generation") == 2
    await bench.kill()


@story
async def test_killed_at_any_moment_the_kernel_keeps_the_last_good_state() -> None:
    kernel = FakeKernel()
    names = {"p0"}
    for round_ in range(20):
        bench = Bench(*(policy(name) for name in sorted(names)), kernel=kernel, failures=round_ % 3)
        bench.cluster.synced.set()
        bench.begin()
        bench.cluster.put(policy(f"p{round_ + 1}"))
        # Another moment each time: before adopting, while failing, between commits, after them.
        await asyncio.sleep(round_ * 0.017)
        await bench.kill()
        names.add(f"p{round_ + 1}")
        sizes = [len(state.names) if state is not None else 0 for _, state in kernel.history]
        assert sizes == sorted(sizes), "a state was ever poorer than the one before"
    last = Bench(*(policy(name) for name in sorted(names)), kernel=kernel)
    await last.begin_synced()
    assert last.names == names
    assert None not in [state for _, state in kernel.history]
    await last.kill()


@story
async def test_a_new_agent_leaves_what_it_finds_until_it_knows_better() -> None:
    kernel = FakeKernel()
    first = Bench(policy("p"), kernel=kernel)
    await first.begin_synced()
    await first.kill()
    second = Bench(policy("p"), policy("q"), kernel=kernel)
    second.begin()
    await asyncio.sleep(600)
    assert second.names == {"p"}
    second.cluster.synced.set()
    await asyncio.sleep(1)
    assert second.names == {"p", "q"}
    assert len(kernel.history) == 2
    await second.kill()


def told() -> Answer:
    return Answer(1, "www.example.com", (2,), 60)


@story
async def test_an_answer_is_released_when_it_is_enforced_and_not_before() -> None:
    bench = Bench(pod("web"))
    released: list[int] = []
    assert bench.reconciler.need(told()) is Need.NEW
    bench.reconciler.learn(told(), lambda: released.append(len(bench.kernel.history)))
    bench.dataplane.failures = 2
    await bench.begin_synced()
    assert bench.dataplane.learnt == [told()]
    assert released == [1]
    bench.reconciler.learn(told(), lambda: released.append(len(bench.kernel.history)))
    await asyncio.sleep(0.5)
    assert released == [1, 2]


@story
async def test_what_an_answer_is_to_a_pod_the_dataplane_says_once_it_is_loaded() -> None:
    bench = Bench(pod("web"))
    bench.dataplane.needs = Need.KNOWN
    assert bench.reconciler.need(told()) is Need.NEW
    await bench.begin_synced()
    assert bench.reconciler.need(told()) is Need.KNOWN
    assert bench.reconciler.may_need(1, "www.example.com")
    bench.dataplane.needs = Need.NONE
    assert not bench.reconciler.may_need(1, "www.example.com")


@story
async def test_an_answer_does_not_wait_for_what_comes_with_it() -> None:
    bench = Bench(pod("web"))
    await bench.begin_synced()
    released: list[float] = []
    clock = asyncio.get_running_loop().time
    for _ in range(3):
        began = clock()
        bench.reconciler.learn(told(), lambda: released.append(clock() - began))  # noqa: B023 (called at once)
        await asyncio.sleep(SHARED_TRANSACTION_S / 4)
    assert released == [0.0, 0.0, 0.0]


@story
async def test_the_kernel_is_told_again_when_it_is_due_though_nothing_changed() -> None:
    bench = Bench(pod("web"))
    await bench.begin_synced()
    commits = len(bench.kernel.history)
    bench.dataplane.due_in_s = 10.0
    bench.cluster.put(pod("new"))
    await asyncio.sleep(0.5)
    assert len(bench.kernel.history) == commits + 1
    await asyncio.sleep(10.0)
    assert len(bench.kernel.history) == commits + 2
    assert bench.dataplane.drift_checks == 0
