"""What the agent counts and measures, under the names that dashboards know."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector

from podfence.agent.interface import Applied
from podfence.flows.record import FlowRecord, FlowVerdict

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one agent, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

        def histogram(name: str, text: str, labels: tuple[str, ...] = ()) -> Histogram:
            return Histogram(name, text, labels, namespace="podfence", buckets=_SECONDS, registry=registry)

        def counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
            return Counter(name, text, labels, namespace="podfence", registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, namespace="podfence", registry=registry)

        self.policy_apply_seconds = histogram("policy_apply_seconds", "From a watch event to its commit.")
        self.pod_program_seconds = histogram("pod_program_seconds", "From a local pod's address to its commit.")
        self.nft_txn_seconds = histogram(
            "nft_txn_seconds", "From taking up what changed to its commit, by kind.", ("kind",)
        )
        self.nft_errors = counter("nft_errors", "Commits that failed; the last good state stayed.")
        self.drift_repairs = counter("drift_repairs", "Checks that found something else in the kernel, and mended it.")
        self.fail_closed_drops = counter(
            "fail_closed_drops", "Drops that no policy asked for: unready, forged, untracked."
        )
        self.flows = counter("flows", "Packets that were logged.", ("verdict", "direction"))
        self.nflog_lost = counter("nflog_lost", "Packets that the kernel logged and could not deliver.")
        self.ct_events_lost = counter("ct_events_lost", "Ends of connections that the kernel could not deliver.")
        self.fqdn_answers = counter("fqdn_answers", "Answers of resolvers that were held, by their end.", ("result",))
        self.fqdn_hold_seconds = histogram("fqdn_hold_seconds", "From an answer that a policy needs to its commit.")
        self._fqdn_hosts = gauge("fqdn_hosts", "Addresses of names that pods were told and may connect to.")
        self._fqdn_evicted = counter("fqdn_evicted", "Addresses of names that were forgotten early for want of room.")
        self._evicted = 0
        self._generation = gauge("generation", "Generation of the rules that are enforced.")
        self._classes = gauge("classes", "Chains of rules, each shared by the pods it is about.")
        self._sets = gauge("sets", "Sets in the kernel.")
        self._elements = gauge("elements", "Elements of all sets and maps in the kernel.")

    def committed(self, applied: Applied, took_s: float) -> None:
        """Take a commit in."""
        if applied.kind != "nothing":
            self.nft_txn_seconds.labels(applied.kind).observe(took_s)
        self._generation.set(applied.generation)
        self._classes.set(applied.classes)
        self._sets.set(applied.sets)
        self._elements.set(applied.elements)
        self._fqdn_hosts.set(applied.hosts)
        self._fqdn_evicted.inc(applied.hosts_evicted - self._evicted)
        self._evicted = applied.hosts_evicted

    def logged(self, record: FlowRecord) -> None:
        """Take a logged packet in."""
        self.flows.labels(record.verdict, record.direction or "none").inc(record.count)
        nobody_asked = record.decided_by is None and not record.isolated_by
        if nobody_asked and record.verdict is not FlowVerdict.ALLOW:
            self.fail_closed_drops.inc(record.count)
