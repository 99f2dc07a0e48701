"""The resources that are part of Kubernetes, as far as the lab serves them, and the policy CRDs' resources.

Names, short names, categories, verbs and subresources are those of a real server (``kubectl api-resources``).
"""

from __future__ import annotations

from collections.abc import Iterator

from podfence.lab.apiserver.resources import ALL_VERBS, ApiResource, Subresource

_ALL = ("all",)
_STATUS = Subresource("status", ("get", "patch", "update"))
_SCALE = Subresource("scale", ("get", "patch", "update"), "autoscaling", "v1", "Scale")


def _streams(name: str, kind: str) -> Subresource:
    return Subresource(name, ("create", "get"), kind=kind)


def _proxy(kind: str) -> Subresource:
    return Subresource("proxy", ("create", "delete", "get", "patch", "update"), kind=f"{kind}ProxyOptions")


_POD_PARTS = (
    _streams("attach", "PodAttachOptions"),
    Subresource("binding", ("create",), kind="Binding"),
    Subresource("ephemeralcontainers", ("get", "patch", "update")),
    Subresource("eviction", ("create",), "policy", "v1", "Eviction"),
    _streams("exec", "PodExecOptions"),
    Subresource("log", ("get",)),
    _streams("portforward", "PodPortForwardOptions"),
    _proxy("Pod"),
    Subresource("resize", ("get", "patch", "update")),
    _STATUS,
)
_SCALED = (_SCALE, _STATUS)
_FINALIZE = Subresource("finalize", ("update",))
_WITHOUT_COLLECTION = tuple(verb for verb in ALL_VERBS if verb != "deletecollection")
_TOKEN = Subresource("token", ("create",), "authentication.k8s.io", "v1", "TokenRequest")


def _core() -> Iterator[ApiResource]:
    for kind, plural, short in (
        ("ConfigMap", "configmaps", "cm"),
        ("Secret", "secrets", ""),
        ("PodTemplate", "podtemplates", ""),
    ):
        yield _of_core(kind, plural, short, returns_deleted=kind == "PodTemplate")
    yield ApiResource(
        *("", "v1", "Endpoints", "endpoints", True),
        short_names=("ep",),
        create_on_update=True,
        deprecation="v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    )
    for kind, plural, short in (
        ("Event", "events", "ev"),
        ("LimitRange", "limitranges", "limits"),
    ):
        yield _of_core(kind, plural, short, create_on_update=True)
    for kind, plural, short in (
        ("PersistentVolumeClaim", "persistentvolumeclaims", "pvc"),
        ("ResourceQuota", "resourcequotas", "quota"),
    ):
        yield _of_core(kind, plural, short, subresources=(_STATUS,), returns_deleted=True)
    yield ApiResource("", "v1", "Binding", "bindings", namespaced=True, verbs=("create",))
    yield _of_core("Pod", "pods", "po", categories=_ALL, subresources=_POD_PARTS, returns_deleted=True)
    yield _of_core("ReplicationController", "replicationcontrollers", "rc", categories=_ALL, subresources=_SCALED)
    yield _of_core("ServiceAccount", "serviceaccounts", "sa", subresources=(_TOKEN,), returns_deleted=True)
    yield _of_core(
        "Service", "services", "svc", categories=_ALL, subresources=(_proxy("Service"), _STATUS), returns_deleted=True
    )


def _of_core(
    kind: str,
    plural: str,
    short: str,
    *,
    categories: tuple[str, ...] = (),
    subresources: tuple[Subresource, ...] = (),
    create_on_update: bool = False,
    returns_deleted: bool = False,
) -> ApiResource:
    return ApiResource(
        *("", "v1", kind, plural, True),
        short_names=(short,) if short else (),
        categories=categories,
        subresources=subresources,
        create_on_update=create_on_update,
        returns_deleted=returns_deleted,
    )


def _cluster_core() -> Iterator[ApiResource]:
    for kind, plural, short, verbs, parts in (
        ("Namespace", "namespaces", "ns", _WITHOUT_COLLECTION, (_FINALIZE, _STATUS)),
        ("Node", "nodes", "no", ALL_VERBS, (_proxy("Node"), _STATUS)),
        ("PersistentVolume", "persistentvolumes", "pv", ALL_VERBS, (_STATUS,)),
    ):
        yield ApiResource(
            "", "v1", kind, plural, namespaced=False, short_names=(short,), verbs=verbs, subresources=parts
        )


def _workloads() -> Iterator[ApiResource]:
    for kind, plural, short, parts in (
        ("DaemonSet", "daemonsets", "ds", (_STATUS,)),
        ("Deployment", "deployments", "deploy", _SCALED),
        ("ReplicaSet", "replicasets", "rs", _SCALED),
        ("StatefulSet", "statefulsets", "sts", _SCALED),
    ):
        yield ApiResource(
            *("apps", "v1", kind, plural, True),
            short_names=(short,),
            categories=_ALL,
            subresources=parts,
        )
    yield ApiResource("apps", "v1", "ControllerRevision", "controllerrevisions", namespaced=True)
    for kind, plural, shorts in (("CronJob", "cronjobs", ("cj",)), ("Job", "jobs", ())):
        yield ApiResource(
            *("batch", "v1", kind, plural, True),
            short_names=shorts,
            categories=_ALL,
            subresources=(_STATUS,),
        )
    for version, alias_of in (("v2", ""), ("v1", "autoscaling/v2")):
        yield ApiResource(
            *("autoscaling", version, "HorizontalPodAutoscaler", "horizontalpodautoscalers", True),
            short_names=("hpa",),
            categories=_ALL,
            subresources=(_STATUS,),
            alias_of=alias_of,
        )


def _reviews() -> Iterator[ApiResource]:
    for group, kind, plural, namespaced in (
        ("authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews", False),
        ("authentication.k8s.io", "TokenReview", "tokenreviews", False),
        ("authorization.k8s.io", "LocalSubjectAccessReview", "localsubjectaccessreviews", True),
        ("authorization.k8s.io", "SelfSubjectAccessReview", "selfsubjectaccessreviews", False),
        ("authorization.k8s.io", "SelfSubjectRulesReview", "selfsubjectrulesreviews", False),
        ("authorization.k8s.io", "SubjectAccessReview", "subjectaccessreviews", False),
    ):
        yield ApiResource(group, "v1", kind, plural, namespaced, verbs=("create",))


def _cluster() -> Iterator[ApiResource]:
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        yield ApiResource(
            *("admissionregistration.k8s.io", "v1", kind, f"{kind.lower()}s", False),
            categories=("api-extensions",),
        )
    yield ApiResource(
        *("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", False),
        short_names=("crd", "crds"),
        categories=("api-extensions",),
        subresources=(_STATUS,),
        unconditional_update=False,
    )
    lease = ApiResource("coordination.k8s.io", "v1", "Lease", "leases", namespaced=True, create_on_update=True)
    yield lease
    yield ApiResource(
        *("events.k8s.io", "v1", "Event", "events", True), short_names=("ev",), create_on_update=True, alias_of="v1"
    )
    yield ApiResource("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", namespaced=False)
    yield ApiResource("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", namespaced=True)
    yield ApiResource(
        "scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", namespaced=False, short_names=("pc",)
    )
    yield ApiResource("storage.k8s.io", "v1", "StorageClass", "storageclasses", namespaced=False, short_names=("sc",))


def _networking() -> Iterator[ApiResource]:
    group = "networking.k8s.io"
    yield ApiResource(group, "v1", "IngressClass", "ingressclasses", namespaced=False)
    yield ApiResource(
        *(group, "v1", "Ingress", "ingresses", True),
        short_names=("ing",),
        subresources=(_STATUS,),
    )
    yield ApiResource(*(group, "v1", "NetworkPolicy", "networkpolicies", True), short_names=("netpol",))
    yield ApiResource(
        *("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", True),
        short_names=("pdb",),
        subresources=(_STATUS,),
    )


def _rbac() -> Iterator[ApiResource]:
    group = "rbac.authorization.k8s.io"
    for kind, namespaced in (
        ("ClusterRoleBinding", False),
        ("ClusterRole", False),
        ("RoleBinding", True),
        ("Role", True),
    ):
        yield ApiResource(group, "v1", kind, f"{kind.lower()}s", namespaced, create_on_update=True)


def _others() -> Iterator[ApiResource]:
    """Give what clients expect to find, and what nothing in a lab acts on."""
    yield ApiResource(
        *("apiregistration.k8s.io", "v1", "APIService", "apiservices", False),
        categories=("api-extensions",),
        subresources=(_STATUS,),
        unconditional_update=False,
    )
    yield ApiResource(
        *("certificates.k8s.io", "v1", "CertificateSigningRequest", "certificatesigningrequests", False),
        short_names=("csr",),
        subresources=(Subresource("approval", ("get", "patch", "update")), _STATUS),
    )
    for kind, plural in (
        ("FlowSchema", "flowschemas"),
        ("PriorityLevelConfiguration", "prioritylevelconfigurations"),
    ):
        yield ApiResource("flowcontrol.apiserver.k8s.io", "v1", kind, plural, namespaced=False, subresources=(_STATUS,))
    for kind, plural, namespaced, parts in (
        ("DeviceClass", "deviceclasses", False, ()),
        ("ResourceClaim", "resourceclaims", True, (_STATUS,)),
        ("ResourceClaimTemplate", "resourceclaimtemplates", True, ()),
        ("ResourceSlice", "resourceslices", False, ()),
    ):
        yield ApiResource("resource.k8s.io", "v1", kind, plural, namespaced, subresources=parts)


def builtin_resources() -> Iterator[ApiResource]:
    """Give every resource that needs no CRD."""
    for resources in (_core, _cluster_core, _cluster, _workloads, _reviews, _networking, _rbac, _others):
        yield from resources()
