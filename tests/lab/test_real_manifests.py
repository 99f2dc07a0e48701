"""What people's own manifests use besides policies, through kubectl: volumes, variables, host ports, probes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest

from podfence.lab.options import LabOptions
from podfence.model.error import PodfenceError
from tests.lab.whole import Whole, lab

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl"),
]

SITE = """\
apiVersion: v1
kind: Namespace
metadata: {name: site}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: html, namespace: site}
data: {index.html: "<h1>from a ConfigMap</h1>\\n", other.html: "other\\n"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: site}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx:1.27
        ports: [{containerPort: 80, hostPort: 8080}]
        volumeMounts: [{name: html, mountPath: /usr/share/nginx/html}]
        readinessProbe: {httpGet: {path: /index.html, port: 80}, periodSeconds: 1}
      volumes: [{name: html, configMap: {name: html}}]
---
apiVersion: v1
kind: Service
metadata: {name: svc, namespace: site}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: site, labels: {app: client}}
spec:
  containers: [{name: c, image: busybox, command: [sleep, "1000"]}]
"""
DENY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: site}
spec: {podSelector: {matchLabels: {app: web}}}
"""
LATE = """\
apiVersion: v1
kind: Namespace
metadata: {name: late}
---
apiVersion: v1
kind: Pod
metadata: {name: reader, namespace: late}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: busybox
    command: [sh, -c, "cat /settings/*; echo; sleep 1000"]
    volumeMounts: [{name: settings, mountPath: /settings}, {name: log, mountPath: /log}]
  volumes:
  - {name: settings, configMap: {name: settings}}
  - {name: log, hostPath: {path: /var/log}}
---
apiVersion: v1
kind: Pod
metadata: {name: teller, namespace: late}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: busybox
    command: [sh, -c, "echo $COLOUR; sleep 1000"]
    env: [{name: COLOUR, valueFrom: {configMapKeyRef: {name: settings, key: colour}}}]
"""
SETTINGS = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: late}
data: {colour: blue}
"""
PROBED = """\
apiVersion: v1
kind: Namespace
metadata: {name: probed}
---
apiVersion: v1
kind: Pod
metadata: {name: dead, namespace: probed}
spec:
  containers:
  - name: c
    image: nginx
    livenessProbe: {tcpSocket: {port: 81}, periodSeconds: 1, failureThreshold: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: unready, namespace: probed}
spec:
  containers: [{name: c, image: nginx, readinessProbe: {httpGet: {path: /missing, port: 80}, periodSeconds: 1}}]
"""
DATABASE = """\
apiVersion: v1
kind: Namespace
metadata: {name: stored}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: stored}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: db
        image: busybox
        command: [sh, -c, "date +%N >>/var/lib/db/starts; sleep 1000"]
        volumeMounts: [{name: data, mountPath: /var/lib/db}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""


@pytest.fixture(scope="module")
def whole() -> Iterator[Whole]:
    with lab(LabOptions(nodes=2)) as found:
        yield found


def until(text: Callable[[], str], wanted: str) -> None:
    """Ask again and again, until an answer holds a text."""
    for _ in range(100):
        said = text()
        if wanted in said:
            return
    raise AssertionError(f"{wanted!r} is not in {said}")


def test_a_page_from_a_config_map_is_served_at_its_service_and_host_port_as_policies_let_it(whole: Whole) -> None:
    whole.apply_text(SITE)
    whole.ready()

    def fetch(where: str) -> str:
        return whole.kubectl(
            *("exec", "-n", "site", "client", "--", "sh", "-c", f"wget -T 1 -qO- http://{where} 2>&1 || true")
        )

    until(lambda: fetch("svc"), "<h1>from a ConfigMap</h1>\n")
    assert fetch("svc/other.html") == "other\n"
    assert "404 Not Found" in fetch("svc/none")
    nodes = whole.kubectl("get", "nodes", "-o", "jsonpath={.items[*].status.addresses[0].address}").split()
    assert [fetch(f"{node}:8080/other.html") for node in nodes] == ["other\n", "other\n"]
    whole.apply_text(DENY)
    whole.ready()
    assert ["timed out" in fetch(f"{node}:8080") for node in nodes] == [True, True]
    whole.kubectl("delete", "networkpolicy", "web", "-n", "site")
    whole.ready()
    whole.apply_text(SITE.replace("from a ConfigMap", "changed"))
    until(lambda: fetch("svc"), "<h1>changed</h1>")


def test_a_pod_knows_its_account_and_where_the_api_server_is(whole: Whole) -> None:
    whole.apply_text(SITE)
    whole.ready()
    script = (
        "cat /var/run/secrets/kubernetes.io/serviceaccount/namespace; echo; "
        "wget -qO- http://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/readyz; echo; "
        "wget -qO- http://$SVC_SERVICE_HOST:$SVC_SERVICE_PORT/other.html"
    )
    assert whole.kubectl("exec", "-n", "site", "client", "--", "sh", "-c", script) == "site\nok\nother\n"


def test_pods_wait_for_a_config_map_say_so_and_start_when_it_comes(whole: Whole) -> None:
    whole.apply_text(LATE)
    until(lambda: whole.kubectl("get", "pods", "-n", "late"), "ContainerCreating")
    until(lambda: whole.kubectl("get", "pods", "-n", "late"), "CreateContainerConfigError")
    reader = whole.kubectl("describe", "pod", "-n", "late", "reader")
    assert 'MountVolume.SetUp failed for volume "settings" : configmap "settings" not found' in reader
    assert reader.index("Scheduled ") < reader.index("FailedMount ")
    assert 'Error: configmap "settings" not found' in whole.kubectl("describe", "pod", "-n", "late", "teller")
    whole.apply_text(SETTINGS)
    whole.ready()
    until(lambda: whole.kubectl("logs", "-n", "late", "reader"), "blue")
    until(lambda: whole.kubectl("logs", "-n", "late", "teller"), "blue")
    assert "/var/log is an empty folder that the pods of node-" in whole.kubectl("events", "-n", "late")
    assert "BackOff" not in whole.kubectl("get", "events", "-n", "late")
    whole.kubectl("delete", "namespace", "late", "--timeout=60s")


def test_up_says_what_a_pod_waits_for_and_the_pod_can_be_deleted(whole: Whole) -> None:
    whole.apply_text(LATE.replace("late", "never"))
    until(lambda: whole.kubectl("get", "pods", "-n", "never"), "ContainerCreating")
    with pytest.raises(PodfenceError) as caught:
        whole.ready(timeout_s=0.3)
    assert "not ready after 0.3 s: " in str(caught.value)
    missing = 'configmap "settings" not found'
    assert f'never/reader (MountVolume.SetUp failed for volume "settings" : {missing})' in str(caught.value)
    assert f"never/teller (Error: {missing})" in str(caught.value)
    whole.kubectl("delete", "namespace", "never", "--timeout=60s")


def test_failing_probes_are_told_in_the_words_of_a_kubelet(whole: Whole) -> None:
    whole.apply_text(PROBED)

    def described() -> str:
        return whole.kubectl("describe", "pod", "-n", "probed")

    until(described, "Readiness probe failed: HTTP probe failed with statuscode: 404")
    until(described, "Liveness probe failed: dial tcp 10.244.")
    until(described, ":81: connect: connection refused")
    until(described, "Container c failed liveness probe, will be restarted")
    until(described, "Back-off restarting failed container c in pod dead_probed(")
    whole.kubectl("delete", "namespace", "probed", "--timeout=60s")


def test_a_pod_of_a_stateful_set_finds_what_its_predecessor_left(whole: Whole) -> None:
    whole.apply_text(DATABASE)
    whole.ready()

    def starts() -> str:
        return whole.run("kubectl", "exec", "-n", "stored", "db-0", "--", "wc", "-l", "/var/lib/db/starts").stdout

    until(starts, "1 /var/lib/db/starts")
    whole.kubectl("delete", "pod", "-n", "stored", "db-0")
    until(starts, "2 /var/lib/db/starts")
    claim = whole.kubectl("get", "pvc", "-n", "stored", "--no-headers").split()
    assert (claim[0], claim[1], claim[3:5]) == ("data-db-0", "Bound", ["1Gi", "RWO"])
    whole.kubectl("delete", "namespace", "stored", "--timeout=60s")


def test_the_server_lists_its_checks_to_whoever_wants_to_know(whole: Whole) -> None:
    assert whole.kubectl("get", "--raw", "/readyz?verbose").splitlines()[-1] == "readyz check passed"
    assert whole.kubectl("get", "--raw", "/livez/ping") == "ok"
