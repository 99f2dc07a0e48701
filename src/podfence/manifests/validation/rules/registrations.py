"""Classes, webhooks, revisions and API services: what extends a cluster (pkg/apis)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.names import service_name_complaints
from podfence.manifests.validation.quantity import parse_quantity
from podfence.manifests.validation.rules.causes import (
    MAX_PORT,
    Object,
    complaints,
    dns_label,
    dns_subdomain,
    forbidden,
    invalid,
    not_negative,
    not_supported,
    one_of_if_given,
    qualified_name,
    required,
)
from podfence.manifests.validation.rules.interface import Rules
from podfence.manifests.validation.selectors import validate_selector

_HIGHEST_PRIORITY = 1_000_000_000
_PREEMPTION = ("PreemptLowerPriority", "Never")
_ADMISSION = "admissionregistration.k8s.io/v1"


def validate_priority_class(priority: Object) -> Iterator[Cause]:
    """Judge a PriorityClass."""
    name = (priority.get("metadata") or {}).get("name", "")
    if name.startswith("system-"):
        detail = (
            "priority class names with 'system-' prefix are reserved for system use only. error: "
            f"{name} is not a known system priority class"
        )
        yield forbidden("metadata.name", detail)
    elif priority.get("value", 0) > _HIGHEST_PRIORITY:
        detail = f"maximum allowed value of a user defined priority is {_HIGHEST_PRIORITY}"
        yield forbidden("value", detail)
    yield from one_of_if_given("preemptionPolicy", priority.get("preemptionPolicy"), _PREEMPTION)


def _update_priority_class(new: Object, old: Object) -> Iterator[Cause]:
    if new.get("value", 0) != old.get("value", 0):
        yield forbidden("value", "may not be changed in an update.")
    policy = new.get("preemptionPolicy")
    if policy != old.get("preemptionPolicy"):
        yield invalid("preemptionPolicy", policy, "field is immutable")


def _update_storage_class(new: Object, old: Object) -> Iterator[Cause]:
    yield from validate_storage_class(new)
    for name in ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"):
        if new.get(name) != old.get(name):
            yield invalid(name, new.get(name), "field is immutable")


def validate_storage_class(storage: Object) -> Iterator[Cause]:
    """Judge a StorageClass."""
    provisioner = storage.get("provisioner", "")
    if not provisioner:
        yield required("provisioner")
    else:
        yield from qualified_name("provisioner", provisioner.lower())
    for key in storage.get("parameters") or ():
        if not key:
            yield invalid("parameters", key, "field can not be empty.")
    yield from one_of_if_given("reclaimPolicy", storage.get("reclaimPolicy"), ("Delete", "Retain"))
    yield from one_of_if_given(
        "volumeBindingMode", storage.get("volumeBindingMode"), ("Immediate", "WaitForFirstConsumer")
    )


def validate_runtime_class(runtime: Object) -> Iterator[Cause]:
    """Judge a RuntimeClass."""
    if not runtime.get("handler"):
        yield required("handler")
    else:
        yield from dns_label("handler", runtime["handler"])
    amounts = (runtime.get("overhead") or {}).get("podFixed") or {}
    for name, amount in amounts.items():
        if parse_quantity(amount).value < 0:
            yield from not_negative_amount(f"overhead.limits[{name}]", amount)


def not_negative_amount(field: str, amount: str) -> Iterator[Cause]:
    """Refuse an amount below nothing."""
    yield invalid(field, amount, "must be greater than or equal to 0")


def validate_revision(revision: Object) -> Iterator[Cause]:
    """Judge a ControllerRevision."""
    if revision.get("data") is None:
        yield required("data", "data is mandatory")
    yield from not_negative("revision", revision.get("revision"))


_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_REVIEWS = ("v1", "v1beta1")


def validate_webhooks(configuration: Object) -> Iterator[Cause]:
    """Judge a configuration of admission webhooks."""
    for at, webhook in enumerate(configuration.get("webhooks") or ()):
        yield from _webhook(webhook, f"webhooks[{at}]")


def _webhook(webhook: Object, field: str) -> Iterator[Cause]:
    yield from _hook_name(webhook.get("name", ""), f"{field}.name")
    for at, rule in enumerate(webhook.get("rules") or ()):
        yield from _hook_rule(rule, f"{field}.rules[{at}]")
    yield from one_of_if_given(f"{field}.failurePolicy", webhook.get("failurePolicy"), ("Fail", "Ignore"))
    yield from one_of_if_given(f"{field}.matchPolicy", webhook.get("matchPolicy"), ("Equivalent", "Exact"))
    effects = webhook.get("sideEffects")
    if effects is None:
        yield required(f"{field}.sideEffects", "must specify one of None, NoneOnDryRun")
    else:
        yield from one_of_if_given(f"{field}.sideEffects", effects, ("None", "NoneOnDryRun"))
    seconds = webhook.get("timeoutSeconds")
    if seconds is not None and not 1 <= seconds <= 30:
        yield invalid(f"{field}.timeoutSeconds", seconds, "the timeout value must be between 1 and 30 seconds")
    yield from one_of_if_given(f"{field}.reinvocationPolicy", webhook.get("reinvocationPolicy"), ("IfNeeded", "Never"))
    for name in ("namespaceSelector", "objectSelector"):
        yield from validate_selector(webhook.get(name) or {}, f"{field}.{name}")
    yield from _hook_client(webhook.get("clientConfig") or {}, f"{field}.clientConfig")
    yield from _reviews(webhook.get("admissionReviewVersions") or [], f"{field}.admissionReviewVersions")


def _hook_name(name: str, field: str) -> Iterator[Cause]:
    if not name:
        yield required(field)
        return
    found = list(dns_subdomain(field, name))
    yield from found
    if not found and len(name.split(".")) < 3:
        yield invalid(field, name, "should be a domain with at least three segments separated by dots")


def _reviews(versions: list[str], field: str) -> Iterator[Cause]:
    if not versions:
        yield required(field, f"must specify one of {', '.join(_REVIEWS)}")
        return
    seen: set[str] = set()
    for at, version in enumerate(versions):
        if version in seen:
            yield invalid(f"{field}[{at}]", version, "duplicate version")
            continue
        seen.add(version)
        yield from complaints(f"{field}[{at}]", version, service_name_complaints)
    if not seen & set(_REVIEWS):
        yield invalid(field, versions, f"must include at least one of {', '.join(_REVIEWS)}")


def _hook_rule(rule: Object, field: str) -> Iterator[Cause]:
    operations = list(rule.get("operations") or ())
    if not operations:
        yield required(f"{field}.operations")
    if len(operations) > 1 and "*" in operations:
        yield invalid(f"{field}.operations", operations, "if '*' is present, must not specify other operations")
    for at, operation in enumerate(operations):
        if operation not in _OPERATIONS:
            yield not_supported(f"{field}.operations[{at}]", operation, _OPERATIONS)
    for name, what in (("apiGroups", "API groups"), ("apiVersions", "API versions")):
        values = list(rule.get(name) or ())
        if not values:
            yield required(f"{field}.{name}")
        if len(values) > 1 and "*" in values:
            yield invalid(f"{field}.{name}", values, f"if '*' is present, must not specify other {what}")
        for at, value in enumerate(values):
            if not value and name == "apiVersions":
                yield required(f"{field}.{name}[{at}]")
    yield from _hook_resources(list(rule.get("resources") or ()), f"{field}.resources")
    yield from one_of_if_given(f"{field}.scope", rule.get("scope"), ("*", "Cluster", "Namespaced"))


def _hook_resources(resources: Sequence[str], field: str) -> Iterator[Cause]:
    if not resources:
        yield required(field)
    several = len(resources) > 1
    if several and "*/*" in resources:
        yield invalid(field, list(resources), "if '*/*' is present, must not specify other resources")
    if several and "*" in resources and any("/" not in each and each != "*" for each in resources):
        detail = "if '*' is present, must not specify other resources without subresources"
        yield invalid(field, list(resources), detail)
    for at, resource in enumerate(resources):
        if not resource:
            yield required(f"{field}[{at}]")


def _hook_client(client: Object, field: str) -> Iterator[Cause]:
    url, service = client.get("url"), client.get("service")
    if (url is None) == (service is None):
        yield required(field, "exactly one of url or service is required")
    elif url is not None:
        yield from _hook_url(url, f"{field}.url")
    else:
        yield from _hook_service(service or {}, f"{field}.service", ("namespace", "name"))


def _hook_url(url: str, field: str) -> Iterator[Cause]:
    form = "; desired format: https://host[/path]"
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|[^:]*$", url):
        yield required(field, f'url must be a valid URL: parse "{url}": missing protocol scheme{form}')
        return
    parts = urlsplit(url)
    if parts.scheme != "https":
        yield invalid(field, parts.scheme, f"'https' is the only allowed URL scheme{form}")
    if not parts.netloc:
        yield invalid(field, parts.netloc, f"host must be specified{form}")


def _hook_service(service: Object, field: str, shown: tuple[str, str] = ("name", "namespace")) -> Iterator[Cause]:
    # Of a webhook's service the server names the one field where it means the other.
    for name, path in zip(("name", "namespace"), shown, strict=True):
        if not service.get(name):
            yield required(f"{field}.{path}")
    port = service.get("port", 443)
    if not 1 <= port <= MAX_PORT:
        detail = f"port is not valid: must be between 1 and {MAX_PORT}, inclusive"
        yield invalid(f"{field}.port", port, detail)


def validate_api_service(service: Object) -> Iterator[Cause]:
    """Judge an APIService."""
    spec = service.get("spec") or {}
    name = (service.get("metadata") or {}).get("name", "")
    wanted = f"{spec.get('version', '')}.{spec.get('group', '')}"
    if name and name != wanted:
        yield invalid("metadata.name", name, f'must be `spec.version+"."+spec.group`: {wanted!r}'.replace("'", '"'))
    for field, most in (("groupPriorityMinimum", 20000), ("versionPriority", 1000)):
        value = spec.get(field, 0)
        if not 0 < value <= most:
            yield invalid(f"spec.{field}", value, f"must be positive and less than {most}")
    if spec.get("service") is not None:
        yield from _hook_service(spec["service"], "spec.service")


RULES = {
    "scheduling.k8s.io/v1/PriorityClass": Rules(validate_priority_class, _update_priority_class),
    "storage.k8s.io/v1/StorageClass": Rules(validate_storage_class, _update_storage_class),
    "node.k8s.io/v1/RuntimeClass": Rules(validate_runtime_class),
    "apps/v1/ControllerRevision": Rules(validate_revision),
    f"{_ADMISSION}/ValidatingWebhookConfiguration": Rules(validate_webhooks),
    f"{_ADMISSION}/MutatingWebhookConfiguration": Rules(validate_webhooks),
    "apiregistration.k8s.io/v1/APIService": Rules(validate_api_service),
}
