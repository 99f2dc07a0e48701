"""Callers by relation: pods that need the API server, and pods that the API server or Prometheus calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from podfence.engine import bitset
from podfence.lint.api_server import SERVICE_PORT, ApiServer, api_server, may_be_server
from podfence.lint.exposure import classes_of, of_classes
from podfence.lint.found import Check, Found
from podfence.lint.inspection import Inspection, speaks_of, target_ports
from podfence.lint.manual.callers import API_SERVER_EGRESS, API_SERVICE_CUT_OFF, METRICS_SCRAPE, WEBHOOK_CUT_OFF
from podfence.lint.mend import Mend
from podfence.lint.names import and_more, is_one, pods_text
from podfence.lint.opening import openings
from podfence.lint.peers import peers_of_pods
from podfence.lint.scrapes import Scrape, scrapers, scrapes
from podfence.manifests.loaded import Identity
from podfence.manifests.manual.rule import Rule, Severity
from podfence.manifests.write import cidrs
from podfence.model.net import Protocol, format_address
from podfence.model.objects import Pod
from podfence.model.policy import Direction, PodPeer, Policy
from podfence.model.policy import Rule as PolicyRule
from podfence.model.surroundings import Called


def api_server_egress(inspection: Inspection) -> Iterator[Found]:
    """Find pods that have a role in the cluster and may not reach the API server."""
    roles = _roles(inspection)
    server = api_server(inspection)
    cut: dict[tuple[Identity, str], tuple[Policy, list[Pod]]] = {}
    for number in inspection.isolated(Direction.EGRESS) if roles else ():
        bound = [(role, pod) for pod in inspection.members[number] if (role := _role_of(inspection, pod, roles))]
        if bound and not _reaches_server(inspection, number, server):
            isolating = inspection.isolating(number, Direction.EGRESS)
            policy = next((item for item in isolating if item.egress), isolating[0])
            for role, pod in bound:
                cut.setdefault((policy.ref.identity, role), (policy, []))[1].append(pod)
    for (_, role), (policy, pods) in cut.items():
        yield _no_server(inspection, policy, pods, role, server)


def _roles(inspection: Inspection) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for binding in inspection.surroundings.bindings:
        for account in binding.accounts:
            found.setdefault(account, f"{binding.role} ({binding.ref.kind} {binding.ref.name})")
    return found


def _role_of(inspection: Inspection, pod: Pod, roles: dict[tuple[str, str], str]) -> str:
    details = inspection.details(pod)
    return roles.get((pod.namespace, details.service_account), "") if details is not None else ""


def _reaches_server(inspection: Inspection, number: int, server: ApiServer) -> bool:
    """Tell whether a class reaches the API server, as far as anybody can know."""
    if server.addresses:
        classes = [inspection.class_of_address(address) for address in server.addresses]
        return all(inspection.leaving(number, Protocol.TCP, port) >> c & 1 for port in server.ports for c in classes)
    if server.ranges:
        within = inspection.classes_within(server.ranges)
        return all(within & ~inspection.leaving(number, Protocol.TCP, port) == 0 for port in server.ports)
    rules = [placed.rule for placed in inspection.accepts(number, Direction.EGRESS)]
    to_addresses = [rule for rule in rules if _names_more_than_pods(rule)]
    if not server.ports:
        return bool(to_addresses)
    return all(any(speaks_of(rule, Protocol.TCP, port) for rule in to_addresses) for port in server.ports)


def _names_more_than_pods(rule: PolicyRule) -> bool:
    return rule.peers is None or any(not isinstance(peer, PodPeer) for peer in rule.peers)


def _no_server(inspection: Inspection, policy: Policy, pods: list[Pod], role: str, server: ApiServer) -> Found:
    ports = list(dict.fromkeys((SERVICE_PORT, *server.ports)))
    listens = f"it listens on {server.text}" if server.ports else "it runs on nodes, where no podSelector finds it"
    mends: tuple[Mend, ...] = ()
    if server.ports and policy.ref.namespace is not None:
        rule: dict[str, Any] = {"ports": [{"protocol": "TCP", "port": port} for port in ports]}
        if server.addresses:
            to = [{"ipBlock": {"cidr": _host(address)}} for address in server.addresses]
            rule = {"to": to, **rule}
        elif server.ranges:
            rule = {"to": [{"ipBlock": {"cidr": text}} for text in cidrs(server.ranges)], **rule}
        mends = openings(inspection, policy, pods, Direction.EGRESS, rule)
    return Found(
        API_SERVER_EGRESS,
        policy.ref,
        "spec.egress" if policy.egress else "spec",
        f"{pods_text(pods)} use{'s' if is_one(pods) else ''} the Kubernetes API (bound to {role}), but "
        f"{policy.ref} lets {'it' if is_one(pods) else 'them'} reach no such address and port: {listens}, "
        f"behind port 443 of its Service, and most plugins look after translation.",
        felt="the program cannot list or watch anything: time-outs at start, then restarts.",
        hint="this depends on the plugin: a few look at the Service's port 443 as well, so allow both",
        mends=mends,
    )


def _host(address: int) -> str:
    text = format_address(address)
    return f"{text}/{128 if ':' in text else 32}"


def called(inspection: Inspection, wanted: Rule, kinds: tuple[str, ...]) -> Iterator[Found]:
    """Find pods that the API server calls and that do not let it in."""
    services = {(service.namespace, service.name): service for service in inspection.snapshot.services}
    calls = [item for item in inspection.surroundings.called if item.ref.kind in kinds]
    seen: set[tuple[object, ...]] = set()
    for call in calls:
        service = services.get((call.namespace, call.service))
        for port in service.ports if service is not None else ():
            if service is None or port.port != call.port:
                continue
            pods = [pod for pod in inspection.behind(service) if not pod.host_network]
            for (protocol, number), listening in target_ports(port, pods).items():
                deaf = _deaf(inspection, protocol, number, listening)
                for policy, classes in inspection.to_blame(deaf, Direction.INGRESS):
                    key = (call.ref.identity, policy.ref.identity, number)
                    if key not in seen:
                        seen.add(key)
                        called_pods = of_classes(inspection, listening, classes)
                        yield _not_called(inspection, wanted, call, policy, called_pods, number)


def _deaf(inspection: Inspection, protocol: Protocol, port: int, pods: list[Pod]) -> list[int]:
    """List the classes that do not let the API server in."""
    return [
        number
        for number in dict.fromkeys(c for pod in pods for c in classes_of(inspection, pod))
        if inspection.is_isolated(number, Direction.INGRESS) and not _lets_server_in(inspection, number, protocol, port)
    ]


def _lets_server_in(inspection: Inspection, number: int, protocol: Protocol, port: int) -> bool:
    """Tell whether the API server may come in, by its own address or through pods that pass its calls on."""
    for placed in inspection.accepts(number, Direction.INGRESS):
        if speaks_of(placed.rule, protocol, port, inspection.members[number]) and (
            placed.rule.peers is None or any(may_be_server(inspection, peer) for peer in placed.rule.peers)
        ):
            return True
    addresses = api_server(inspection).addresses
    if addresses and all(map(inspection.own_node_has(addresses), inspection.members[number])):
        return True
    return bool(addresses) and all(
        inspection.lets_in(inspection.class_of_address(address), number, protocol, port) for address in addresses
    )


def _not_called(inspection: Inspection, rule: Rule, call: Called, policy: Policy, pods: list[Pod], port: int) -> Found:
    server = api_server(inspection)
    new: dict[str, Any] = {"ports": [{"protocol": "TCP", "port": port}]}
    if server.addresses:
        new = {"from": [{"ipBlock": {"cidr": _host(address)}} for address in server.addresses], **new}
    felt = "creating and changing the objects that it is asked about times out."
    if rule is API_SERVICE_CUT_OFF:
        felt = "every request to this API fails, and the deletion of namespaces gets stuck."
    if not call.blocks:
        felt = "requests take seconds longer, and pass unchecked."
    return Found(
        rule,
        policy.ref,
        "spec.podSelector",
        f"{call.ref.kind} {call.name} → Service {call.namespace}/{call.service}:{call.port} → {pods_text(pods)} "
        f"TCP {port}: {policy.ref} isolates these pods, and nothing lets the API server in on {port}. It calls from a "
        f"node of the control plane, where no podSelector finds it.",
        felt=felt,
        hint="" if server.addresses else "the API server's address is not in the input; narrow the rule with it",
        mends=openings(inspection, policy, pods, Direction.INGRESS, new),
        severity=None if call.blocks else Severity.WARNING,
    )


def webhook_cut_off(inspection: Inspection) -> Iterator[Found]:
    """Find webhooks that the API server cannot call."""
    kinds = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "CustomResourceDefinition")
    yield from called(inspection, WEBHOOK_CUT_OFF, kinds)


def api_service_cut_off(inspection: Inspection) -> Iterator[Found]:
    """Find aggregated APIs that the API server cannot call."""
    yield from called(inspection, API_SERVICE_CUT_OFF, ("APIService",))


def metrics_scrape(inspection: Inspection) -> Iterator[Found]:
    """Find ports that Prometheus is told to scrape and may not."""
    clients = scrapers(inspection)
    found: dict[tuple[Identity, int, tuple[int, ...]], tuple[Policy, list[Scrape]]] = {}
    for scrape in scrapes(inspection):
        left_out = [
            number
            for number in scrape.classes
            if inspection.is_isolated(number, Direction.INGRESS)
            and not _scraped(inspection, number, scrape.port, clients)
        ]
        for policy, numbers in inspection.to_blame(left_out, Direction.INGRESS):
            key = (policy.ref.identity, scrape.port, tuple(numbers))
            found.setdefault(key, (policy, []))[1].append(scrape)
    for (_, port, classes), (policy, left) in found.items():
        pods = of_classes(inspection, (pod for scrape in left for pod in scrape.pods), classes)
        yield _not_scraped(inspection, [scrape.title for scrape in left], port, policy, pods, clients)


def _scraped(inspection: Inspection, number: int, port: int, clients: list[int]) -> bool:
    """Tell whether a scraper may come in; where none is known, whether anybody from elsewhere may."""
    pods = inspection.members[number]
    accepts = inspection.accepts(number, Direction.INGRESS)
    rules = [placed.rule for placed in accepts if speaks_of(placed.rule, Protocol.TCP, port, pods)]
    if not clients:
        return bool(rules)
    known = inspection.pods(bitset.make(clients))
    return any(inspection.lets_in(client, number, Protocol.TCP, port) for client in clients) or any(
        inspection.may_mean(rule, known) for rule in rules
    )


def _not_scraped(
    inspection: Inspection, titles: list[str], port: int, policy: Policy, pods: list[Pod], clients: list[int]
) -> Found:
    known = inspection.pods(bitset.make(clients))
    who_scrapes = f"{and_more(titles)} scrape{'s' if len(titles) == 1 else ''}"
    who = f"from {pods_text(known)}" if known else "from anybody, Prometheus included"
    mends: tuple[Mend, ...] = ()
    if known and policy.ref.namespace is not None:
        rule = {
            "from": peers_of_pods(inspection, known, policy.ref.namespace),
            "ports": [{"protocol": "TCP", "port": port}],
        }
        mends = openings(inspection, policy, pods, Direction.INGRESS, rule)
    return Found(
        METRICS_SCRAPE,
        policy.ref,
        "spec.podSelector",
        f"{who_scrapes[:1].upper()}{who_scrapes[1:]} {pods_text(pods)} on TCP {port}, but {policy.ref} isolates "
        f"{'it' if is_one(pods) else 'them'}, and ingress to {port} is not allowed {who}.",
        felt="the targets are down in Prometheus, and alerts about them fire or fall silent.",
        hint="" if known else "Prometheus is not in the input; let its namespace in on that port",
        mends=mends,
    )


CHECKS = (
    Check(API_SERVER_EGRESS, api_server_egress, by_profile=True),
    Check(METRICS_SCRAPE, metrics_scrape),
    Check(WEBHOOK_CUT_OFF, webhook_cut_off, by_profile=True),
    Check(API_SERVICE_CUT_OFF, api_service_cut_off, by_profile=True),
)
