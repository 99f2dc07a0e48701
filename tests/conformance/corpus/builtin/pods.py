"""Pods, good and bad in every rule that a person is likely to break."""

from __future__ import annotations

from tests.conformance.corpus.builtin.edits import GONE, Edit, each
from tests.conformance.corpus.text import Tree

NAMES = ("UPPER", "a_b", "-a", "a.b", "a" * 64, "a" * 254, "", "1", "a b", "ä")
PORTS = (0, -1, 1, 65535, 65536, "80")

SMALL: Tree = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "labels": {"app": "web"}},
    "spec": {"containers": [{"name": "main", "image": "nginx"}]},
}

LARGE: Tree = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "large", "labels": {"app": "large"}, "annotations": {"note": "x"}},
    "spec": {
        "serviceAccountName": "builder",
        "initContainers": [
            {"name": "first", "image": "busybox:1.36", "command": ["true"], "resources": {"limits": {"cpu": "0.1"}}}
        ],
        "containers": [
            {
                "name": "main",
                "image": "registry.example.com:5000/team/web:1.2@sha256:" + "0" * 64,
                "command": ["/bin/web"],
                "args": ["--port", "$(PORT)"],
                "workingDir": "/srv",
                "ports": [
                    {"name": "http", "containerPort": 8080},
                    {"name": "dns", "containerPort": 53, "protocol": "UDP"},
                    {"containerPort": 9, "protocol": "SCTP"},
                ],
                "env": [
                    {"name": "PORT", "value": "8080"},
                    {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
                    {"name": "KEY", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "key"}}},
                    {
                        "name": "PASS",
                        "valueFrom": {"secretKeyRef": {"name": "secret", "key": "pass", "optional": True}},
                    },
                    {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                ],
                "envFrom": [{"configMapRef": {"name": "settings"}, "prefix": "S_"}, {"secretRef": {"name": "secret"}}],
                "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
                "volumeMounts": [
                    {"name": "data", "mountPath": "/data"},
                    {"name": "settings", "mountPath": "/etc/settings", "readOnly": True, "subPath": "a/b"},
                ],
                "livenessProbe": {"httpGet": {"path": "/live", "port": "http"}, "periodSeconds": 5},
                "readinessProbe": {"tcpSocket": {"port": 8080}},
                "startupProbe": {"exec": {"command": ["true"]}, "failureThreshold": 30},
                "lifecycle": {"preStop": {"exec": {"command": ["sleep", "1"]}}},
                "securityContext": {"runAsUser": 1000, "capabilities": {"drop": ["ALL"]}},
            },
            {"name": "side", "image": "busybox", "stdin": True, "tty": True, "imagePullPolicy": "Never"},
        ],
        "volumes": [
            {"name": "data"},
            {"name": "settings", "configMap": {"name": "settings", "items": [{"key": "a", "path": "b"}]}},
            {"name": "secret", "secret": {"secretName": "secret"}},
            {"name": "host", "hostPath": {"path": "/var"}},
            {"name": "claim", "persistentVolumeClaim": {"claimName": "claim"}},
            {"name": "info", "downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
            {"name": "mix", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
        ],
        "nodeSelector": {"disk": "ssd"},
        "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["a.example"]}],
        "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "large"}}}
                ]
            }
        },
        "dnsConfig": {"nameservers": ["192.0.2.53"], "searches": ["example.com"], "options": [{"name": "ndots"}]},
        "securityContext": {"fsGroup": 1, "sysctls": [{"name": "net.ipv4.ip_forward", "value": "1"}]},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
        ],
    },
}

C = "spec.containers.0"
V = "spec.volumes.0"


def small() -> list[Edit]:
    """List the changes of the small pod."""
    return [
        *each("metadata.name", *NAMES, GONE),
        *each("metadata.generateName", "gen-", "Gen-"),
        {"metadata.name": GONE, "metadata.generateName": "gen-"},
        *each("metadata.labels", {"a b": "c"}, {"a": "b c"}, {"x/y/z": "1"}, {}),
        *each("metadata|annotations", {"a b": "c"}, {"UP/er": "ok"}),
        *each("metadata.finalizers", ["bare"], ["example.com/x"]),
        *each("metadata.generation", -1, 7),
        *each("metadata.uid", "abc"),
        *each(
            "metadata.ownerReferences", [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "a", "uid": "1"}], [{}]
        ),
        *each("spec", GONE, {}, None),
        *each("spec.containers", [], GONE, [{}]),
        *each("status", {"phase": "Running", "podIP": "192.0.2.9"}),
        *each(f"{C}.name", *NAMES, GONE),
        *each(
            f"{C}.image",
            *(GONE, "", " nginx", "nginx ", "Nginx:LATEST", "nginx:latest", "nginx:1", "nginx@sha256:" + "1" * 64),
            *(
                "a/b:latest",
                "localhost:5000/x",
                "localhost:5000/x:2",
                "UPPER/x",
                "a:",
                ":",
                "nginx:latest@sha256:" + "1" * 64,
            ),
        ),
        *each(f"{C}.imagePullPolicy", "Always", "Sometimes", ""),
        *each(f"{C}.terminationMessagePolicy", "File", "Other", "FallbackToLogsOnError"),
        *each("spec.containers.1", {"name": "main", "image": "x"}, {"name": "b", "image": "y"}, {"name": "b"}),
        *each("spec.initContainers", [{"name": "main", "image": "x"}], [{"name": "i"}], []),
        *each("spec.initContainers", [{"name": "i", "image": "x", "restartPolicy": "Always"}]),
        *each("spec.initContainers", [{"name": "i", "image": "x", "restartPolicy": "Never"}]),
        *each("spec.initContainers", [{"name": "i", "image": "x", "livenessProbe": {"exec": {"command": ["a"]}}}]),
        *each(
            "spec.initContainers",
            [{"name": "i", "image": "x", "lifecycle": {"postStart": {"exec": {"command": ["a"]}}}}],
        ),
        *each("spec.ephemeralContainers", [{"name": "e", "image": "x"}]),
        *each(f"{C}.restartPolicy", "Always", "Never"),
        *each("spec.restartPolicy", "Always", "Never", "OnFailure", "Sometimes", ""),
        *each("spec.dnsPolicy", "Default", "None", "ClusterFirstWithHostNet", "Other"),
        *each("spec.dnsConfig", {}, {"nameservers": ["x"]}, {"nameservers": ["1.1.1.1"] * 4}, {"searches": ["Bad_"]}),
        *each("spec.dnsConfig", {"searches": ["a.b.", "."]}, {"options": [{}]}, {"searches": ["x"] * 40}),
        {"spec.dnsPolicy": "None", "spec.dnsConfig": {"nameservers": ["192.0.2.1"]}},
        *each("spec.terminationGracePeriodSeconds", 0, -1, 5),
        *each("spec.activeDeadlineSeconds", 0, -1, 5, 1 << 40),
        *each("spec.hostname", "Bad_", "ok", "a.b"),
        *each("spec.subdomain", "Bad_", "ok"),
        *each("spec.hostNetwork", True, False),
        {"spec.hostNetwork": True, f"{C}.ports": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 82}]},
        {"spec.hostNetwork": True, "spec.hostUsers": False},
        {"spec.hostPID": True, "spec.shareProcessNamespace": True},
        *each("spec.shareProcessNamespace", True),
        *each("spec.hostIPC", True),
        *each("spec.nodeName", "Bad_", "node-1"),
        *each("spec.nodeSelector", {"a b": "c"}, {"a": "b c"}),
        *each("spec.serviceAccountName", "Bad_", "builder"),
        *each("spec.serviceAccount", "old"),
        *each("spec.automountServiceAccountToken", False, True),
        *each("spec.schedulerName", "mine", "Bad_"),
        *each("spec.priorityClassName", "none", "system-node-critical"),
        *each("spec.priority", 5),
        *each("spec.preemptionPolicy", "Never", "Bad"),
        *each("spec.enableServiceLinks", False),
        *each("spec.runtimeClassName", "none", "Bad_"),
        *each("spec.imagePullSecrets", [{"name": "a"}], [{}], [{"name": "a"}, {"name": "a"}]),
        *each("spec.readinessGates", [{"conditionType": "x.y/z"}], [{"conditionType": "a b"}]),
        *each("spec.hostAliases", [{"ip": "x", "hostnames": ["a"]}], [{"ip": "1.2.3.4", "hostnames": ["A_"]}], [{}]),
        *each("spec.hostAliases", [{"ip": "01.2.3.4"}]),
        *each("spec.tolerations", [{}], [{"operator": "Exists"}], [{"key": "a b"}], [{"key": "a", "operator": "X"}]),
        *each("spec.tolerations", [{"key": "a", "value": "v", "operator": "Exists"}], [{"key": "a", "effect": "X"}]),
        *each("spec.tolerations", [{"key": "a", "tolerationSeconds": 3}], [{"key": "a", "value": "b c"}]),
        *each(
            "spec.tolerations",
            [
                {
                    "key": "node.kubernetes.io/not-ready",
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": 9,
                }
            ],
            [{"operator": "Exists", "effect": "NoExecute"}],
        ),
        *each(f"{C}.command", [], ["a", ""], "sh"),
        *each(f"{C}.stdin", True, "yes", 1),
        *each("spec.securityContext", {}, {"runAsUser": -1}, {"runAsUser": 5, "runAsNonRoot": True}, {"fsGroup": -1}),
        *each("spec.securityContext", {"sysctls": [{"name": "a b", "value": "1"}]}, {"supplementalGroups": [-1]}),
        *each("spec.securityContext", {"sysctls": [{"name": "a", "value": "1"}, {"name": "a", "value": "1"}]}),
        *each(
            "spec.securityContext", {"seccompProfile": {"type": "RuntimeDefault"}}, {"seccompProfile": {"type": "X"}}
        ),
        *each("spec.securityContext", {"fsGroupChangePolicy": "X"}, {"runAsGroup": -5}),
        *each(f"{C}.securityContext", {"privileged": True}, {"privileged": True, "allowPrivilegeEscalation": False}),
        *each(f"{C}.securityContext", {"runAsUser": -1}, {"runAsGroup": -1}, {"capabilities": {"add": ["X"]}}, {}),
        *each(f"{C}.securityContext", {"procMount": "X"}, {"readOnlyRootFilesystem": True}),
        *each(
            f"{C}.securityContext",
            {"capabilities": {"add": ["CAP_SYS_ADMIN"]}, "allowPrivilegeEscalation": False},
            {"seccompProfile": {"type": "Localhost"}},
            {"seccompProfile": {"type": "Localhost", "localhostProfile": "../x"}},
        ),
        *each("spec.topologySpreadConstraints", [{}], [{"maxSkew": 0, "topologyKey": "a", "whenUnsatisfiable": "X"}]),
        *each("spec.os", {"name": "linux"}, {"name": "plan9"}, {"name": "windows"}),
        *each("spec.schedulingGates", [{"name": "a"}], [{"name": "a b"}], [{"name": "a"}, {"name": "a"}]),
        *each("spec.overhead", {"cpu": "1"}),
        *each("spec.foo", 1),
        *each("spec.Containers", []),
        *each("foo", {}),
        *affinity(),
    ]


def affinity() -> list[Edit]:
    """List affinities, good and bad."""
    node = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
    pod = "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution"
    soft = "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution"
    term = {"topologyKey": "zone"}
    return [
        *each("spec.affinity", {}),
        *each(node, {}, {"nodeSelectorTerms": [{}]}),
        *each(
            f"{node}.nodeSelectorTerms",
            [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}],
            [{"matchExpressions": [{"key": "a", "operator": "In"}]}],
            [{"matchExpressions": [{"key": "a b", "operator": "Exists"}]}],
            [{"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1", "2"]}]}],
            [{"matchExpressions": [{"key": "a", "operator": "X"}]}],
            [{"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}],
            [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}],
            [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n", "m"]}]}],
            [{"matchFields": [{"key": "spec.x", "operator": "NotIn", "values": ["n"]}]}],
            [{"matchFields": [{"key": "metadata.name", "operator": "Exists"}]}],
        ),
        *each(pod, [term], [{}], [{**term, "topologyKey": "a b"}], [{**term, "namespaces": ["Bad_"]}]),
        *each(pod, [{**term, "labelSelector": {"matchLabels": {"a b": "c"}}}]),
        *each(pod, [{**term, "labelSelector": {"matchExpressions": [{"key": "a", "operator": "X"}]}}]),
        *each(soft, [{"weight": 0, "podAffinityTerm": term}], [{"weight": 100, "podAffinityTerm": term}], [{}]),
        *each(soft, [{"weight": 101, "podAffinityTerm": term}]),
    ]


def containers() -> list[Edit]:
    """List the changes of the small pod's container: ports, environment, probes, resources, mounts."""
    http = {"httpGet": {"port": 80}}
    return [
        *([{f"{C}.ports": [{"containerPort": port}]} for port in PORTS]),
        *each(f"{C}.ports", [{}], [{"containerPort": 80, "protocol": "tcp"}], [{"containerPort": 80, "name": "Bad_"}]),
        *each(f"{C}.ports", [{"containerPort": 80, "name": "a" * 16}], [{"containerPort": 80, "name": "80"}]),
        *each(f"{C}.ports", [{"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "a"}]),
        *each(f"{C}.ports", [{"containerPort": 80}, {"containerPort": 80}]),
        *each(f"{C}.ports", [{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80}]),
        *each(f"{C}.ports", [{"containerPort": 80, "hostPort": 70000}], [{"containerPort": 80, "hostIP": "x"}]),
        *each(f"{C}.ports", [{"containerPort": 80, "protocol": "SCTP"}], [{"containerPort": 80, "protocol": ""}]),
        *each(
            f"{C}.env", [{}], [{"name": ""}], [{"name": "a=b"}], [{"name": "1a"}], [{"name": "a b"}], [{"name": "ä"}]
        ),
        *each(f"{C}.env", [{"name": "A", "value": 5}], [{"name": "A", "value": True}], [{"name": "A"}, {"name": "A"}]),
        *each(f"{C}.env", [{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
        *each(f"{C}.env", [{"name": "A", "valueFrom": {}}], [{"name": "A", "valueFrom": {"fieldRef": {}}}]),
        *(
            {f"{C}.env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": path}}}]}
            for path in ("status.podIP", "metadata.labels['a']", "metadata.labels", "nope", "status.hostIPs", "spec.x")
        ),
        *each(
            f"{C}.env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name", "apiVersion": "v2"}}}]
        ),
        *each(f"{C}.env", [{"name": "A", "valueFrom": {"configMapKeyRef": {}}}]),
        *each(f"{C}.env", [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "a b"}}}]),
        *each(f"{C}.env", [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a"}}}]),
        *each(f"{C}.env", [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.foo"}}}]),
        *each(
            f"{C}.env",
            [
                {
                    "name": "A",
                    "valueFrom": {
                        "secretKeyRef": {"name": "a", "key": "k"},
                        "configMapKeyRef": {"name": "a", "key": "k"},
                    },
                }
            ],
        ),
        *each(f"{C}.envFrom", [{}], [{"configMapRef": {}}], [{"configMapRef": {"name": "a"}, "prefix": "a=b"}]),
        *each(
            f"{C}.envFrom",
            [{"configMapRef": {"name": "a"}, "secretRef": {"name": "a"}}],
            [{"secretRef": {"name": "A_"}}],
        ),
        *(
            {f"{C}.{probe}": value}
            for probe in ("livenessProbe", "readinessProbe", "startupProbe")
            for value in ({}, http, {**http, "successThreshold": 2}, {**http, "exec": {"command": ["a"]}})
        ),
        *each(f"{C}.livenessProbe", {"exec": {}}, {"tcpSocket": {}}, {"tcpSocket": {"port": "Bad_"}}, {"httpGet": {}}),
        *each(f"{C}.livenessProbe", {"httpGet": {"port": 0}}, {"httpGet": {"port": 80, "scheme": "FTP"}}),
        *each(
            f"{C}.livenessProbe",
            {"httpGet": {"port": 80, "path": ""}},
            {"httpGet": {"port": 80, "httpHeaders": [{"name": "a b"}]}},
        ),
        *each(
            f"{C}.livenessProbe",
            {**http, "timeoutSeconds": -1},
            {**http, "periodSeconds": -1},
            {**http, "initialDelaySeconds": -1},
        ),
        *each(f"{C}.livenessProbe", {**http, "failureThreshold": -1}, {**http, "terminationGracePeriodSeconds": 0}),
        *each(
            f"{C}.livenessProbe", {"grpc": {"port": 5}}, {"grpc": {"port": 0}}, {"grpc": {"port": 5, "service": "x"}}
        ),
        *each(f"{C}.readinessProbe", {**http, "terminationGracePeriodSeconds": 5}),
        *each(
            f"{C}.lifecycle",
            {},
            {"postStart": {}},
            {"preStop": {"httpGet": {"port": 80}}},
            {"preStop": {"sleep": {"seconds": 1}}},
        ),
        *each(f"{C}.lifecycle", {"preStop": {"sleep": {"seconds": 100}}}, {"preStop": {"tcpSocket": {"port": 80}}}),
        *(
            {f"{C}.resources": value}
            for value in (
                {},
                {"limits": {"cpu": 1}},
                {"limits": {"cpu": "1500m", "memory": "1.5Gi"}},
                {"limits": {"cpu": "0.0001"}},
                {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}},
                {"requests": {"cpu": "-1"}},
                {"limits": {"foo": "1"}},
                {"limits": {"example.com/gpu": "1"}},
                {"limits": {"example.com/gpu": "1.5"}},
                {"requests": {"example.com/gpu": "1"}},
                {"requests": {"example.com/gpu": "1"}, "limits": {"example.com/gpu": "2"}},
                {"limits": {"hugepages-2Mi": "4Mi"}},
                {"limits": {"hugepages-2Mi": "4Mi", "cpu": "1"}},
                {"limits": {"storage": "1Gi"}},
                {"limits": {"ephemeral-storage": "1Gi"}},
                {"limits": {"cpu": "abc"}},
                {"limits": {"cpu": ""}},
                {"limits": {"cpu": "1e3"}},
                {"limits": {"cpu": "0.5"}, "requests": {"cpu": "500m"}},
                {"limits": {"cpu": None}},
                {"limits": {"cpu": True}},
                {"limits": {"memory": "128974848000m"}},
                {"claims": [{"name": "x"}]},
            )
        ),
        *each(f"{C}.resizePolicy", [{"resourceName": "cpu", "restartPolicy": "NotRequired"}], [{"resourceName": "x"}]),
        *mounts(),
    ]


def mounts() -> list[Edit]:
    """List volumes and mounts, good and bad."""
    base = {"spec.volumes": [{"name": "v"}]}
    mount = {"name": "v", "mountPath": "/v"}
    sources: tuple[Tree, ...] = (
        {"emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
        {"emptyDir": {"sizeLimit": "-1"}},
        {"emptyDir": {"medium": "X"}},
        {"hostPath": {}},
        {"hostPath": {"path": "/a/../b"}},
        {"hostPath": {"path": "/a", "type": "X"}},
        {"hostPath": {"path": "/a", "type": "Directory"}},
        {"configMap": {}},
        {"configMap": {"name": "c", "defaultMode": 1000}},
        {"configMap": {"name": "c", "items": [{}]}},
        {"configMap": {"name": "c", "items": [{"key": "a", "path": "/abs"}]}},
        {"configMap": {"name": "c", "items": [{"key": "a", "path": "../up"}]}},
        {"configMap": {"name": "c", "items": [{"key": "a", "path": "b", "mode": 512}]}},
        {"secret": {}},
        {"secret": {"secretName": "s", "optional": True}},
        {"persistentVolumeClaim": {}},
        {"persistentVolumeClaim": {"claimName": "c", "readOnly": True}},
        {"downwardAPI": {"items": [{}]}},
        {"downwardAPI": {"items": [{"path": "p", "resourceFieldRef": {"resource": "limits.cpu"}}]}},
        {"downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath": "status.podIP"}}]}},
        {"projected": {}},
        {"projected": {"sources": []}},
        {"projected": {"sources": [{}]}},
        {"projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "s"}}]}},
        {"projected": {"sources": [{"serviceAccountToken": {}}]}},
        {"projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 1}}]}},
        {"projected": {"sources": [{"configMap": {"name": "c"}, "secret": {"name": "s"}}]}},
        {"nfs": {"server": "s", "path": "/p"}},
        {"nfs": {}},
        {"gitRepo": {"repository": "r"}},
        {"csi": {"driver": "d"}},
        {"csi": {}},
        {"image": {"reference": "r"}},
        {"iscsi": {"targetPortal": "t", "iqn": "iqn.2001-04.com.example:x", "lun": 0}},
        {"emptyDir": {}, "hostPath": {"path": "/"}},
        {"ephemeral": {}},
        {
            "ephemeral": {
                "volumeClaimTemplate": {
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
                }
            }
        },
    )
    return [
        *({**base, f"{C}.volumeMounts": value} for value in mount_lists(mount)),
        *({"spec.volumes": [{"name": "v", **source}], f"{C}.volumeMounts": [mount]} for source in sources),
        *({"spec.volumes": [{"name": name}]} for name in NAMES),
        *each("spec.volumes", [{}], [{"name": "a"}, {"name": "a"}]),
        {
            "spec.volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}],
            f"{C}.volumeDevices": [{"name": "v", "devicePath": "/d"}],
        },
        {**base, f"{C}.volumeDevices": [{"name": "v", "devicePath": "/d"}]},
    ]


def mount_lists(mount: Tree) -> list[Tree]:
    """List what stands in volumeMounts."""
    return [
        [mount],
        [{"name": "none", "mountPath": "/v"}],
        [{"name": "v"}],
        [{"mountPath": "/v"}],
        [mount, mount],
        [{**mount, "mountPath": "rel:ative"}],
        [{**mount, "subPath": "/abs"}],
        [{**mount, "subPath": "../up"}],
        [{**mount, "subPathExpr": "$(A)"}],
        [{**mount, "subPath": "a", "subPathExpr": "b"}],
        [{**mount, "mountPropagation": "X"}],
        [{**mount, "mountPropagation": "Bidirectional"}],
        [{**mount, "mountPropagation": "HostToContainer", "readOnly": False}],
        [{**mount, "recursiveReadOnly": "Enabled"}],
        [{**mount, "recursiveReadOnly": "Disabled", "readOnly": True}],
    ]


def large() -> list[Edit]:
    """List the changes of the large pod: lists that are left out, nulls, and empty values."""
    spec = [f"spec.{name}" for name in LARGE["spec"]]
    inner = [f"{C}.{name}" for name in LARGE["spec"]["containers"][0]]
    empty: tuple[Tree, ...] = (GONE, None, {}, [], "", 0)
    return [{path: value} for value in empty for path in (*spec, *inner)]
