"""The agent of one node: its parts put together, their start and their end.

Whatever ends the agent, the rules stay in the kernel; only ``podfence agent uninstall`` removes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, closing
from pathlib import Path

import msgspec
import structlog

from podfence.agent.answers.passing import Passing
from podfence.agent.answers.pump import AnswerPump
from podfence.agent.end_pump import EndPump
from podfence.agent.flow_server import FlowServer
from podfence.agent.forgetting import Forgetting
from podfence.agent.health import Health, HealthServer, health_app
from podfence.agent.host_checks import check_host
from podfence.agent.interface import AgentOptions, Parts
from podfence.agent.log_pump import LogPump
from podfence.agent.metrics import Metrics
from podfence.agent.reconcile import Reconciler
from podfence.dataplane.conntrack import forget_addresses
from podfence.dataplane.endings import EndingsReader
from podfence.dataplane.settings import HIGH_BITS
from podfence.flows.nflog import ANSWER_GROUP, NflogReader
from podfence.flows.owners import Owners
from podfence.flows.recent import Recent
from podfence.flows.resolve import Resolver
from podfence.model.error import PodfenceError

_BEAT_S = 1.0
_ANSWER_S = 5.0


class Places(msgspec.Struct, frozen=True):
    """Where the agent can be spoken to: its health port (0: any) and the socket of its flow records."""

    host: str
    port: int
    flows_socket: Path


def refuse_unfit_host(parts: Parts, root: Path = Path("/")) -> None:
    """Warn about what weakens enforcement on this host; raises ``PodfenceError`` where there could be none."""
    log = structlog.get_logger()
    refusals = []
    for problem in check_host(parts.nft_version, root):
        if problem.refuses:
            refusals.append(problem.message)
        else:
            log.warning(problem.message)
    if refusals:
        raise PodfenceError("; ".join(refusals))


async def run_agent(
    options: AgentOptions,
    parts: Parts,
    places: Places,
    stop: asyncio.Event,
    open_log: Callable[[], NflogReader] = NflogReader,
    open_answers: Callable[[], NflogReader] = lambda: NflogReader(ANSWER_GROUP, whole=True),
) -> None:
    """Enforce until ``stop`` is set; raises ``PodfenceError`` when that is not possible here."""
    health, metrics, owners = Health(), Metrics(), Owners()
    async with AsyncExitStack() as stack:
        # First of all: it fails when another agent enforces here.
        reader = stack.enter_context(closing(open_log()))
        answers = stack.enter_context(closing(open_answers()))
        passing = stack.enter_context(closing(Passing()))
        resolver = Resolver(options.node, owners, audit=options.audit)
        forgetting = Forgetting(forget_addresses)
        reconciler = Reconciler(
            options.node, parts, owners, health, metrics, on_commit=resolver.follow, on_release=forgetting.add
        )
        loop = asyncio.get_running_loop()
        health.enforced = lambda: asyncio.run_coroutine_threadsafe(reconciler.enforced(), loop).result(_ANSWER_S)
        server = FlowServer(
            places.flows_socket,
            Recent(),
            on_interest=reconciler.log_allowed,
            on_interest_in_ends=lambda is_there: ends.want(is_there),  # noqa: PLW0108 (it is made below)
        )
        ends = EndPump(lambda: EndingsReader(HIGH_BITS), resolver, server, metrics)
        await server.start()
        stack.push_async_callback(server.stop)
        stack.enter_context(closing(HealthServer(places.host, places.port, health_app(health, metrics.registry))))
        answer_pump = AnswerPump(
            answers,
            passing,
            reconciler,
            metrics,
            on_answer=lambda answer: resolver.hear(answer.asker, answer.name, answer.addresses),
            only_listens=options.audit,
        )
        pumps = (LogPump(reader, resolver, server, metrics), answer_pump, ends)
        runs = (parts.cluster.run(), reconciler.run(), forgetting.run(), *(pump.run() for pump in pumps))
        await _until(stop, *runs, _heart(health))


async def _until(stop: asyncio.Event, *runs: Coroutine[None, None, None]) -> None:
    """Run everything until told to stop; the first that fails ends the others, and its error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run) for run in runs]
            await stop.wait()
            structlog.get_logger().info("the agent ends; its rules stay enforced")
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as errors:
        raise _first(errors) from None


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _heart(health: Health) -> None:
    while True:
        health.beat()
        await asyncio.sleep(_BEAT_S)
