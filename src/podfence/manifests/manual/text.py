"""Rules about the text of a manifest: can it be read at all, and does it have the fields of its API."""

from __future__ import annotations

from podfence.manifests.manual.rule import Rule, error, network_policy

_SELECTS_WEB = "podSelector:\n  matchLabels:\n    app: web"

_POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
  labels:
    version: {label}
spec:
  containers:
  - name: web
    image: nginx
"""

RULES: tuple[Rule, ...] = (
    error(
        "PF001",
        "not-readable",
        what="The text cannot be read as a Kubernetes object: no valid YAML or JSON, or no apiVersion or kind.",
        why="kubectl refuses the whole file, and what was meant in this document is not known. The other documents "
        "of the file are judged all the same.",
        example="apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n\tname: web\n",
        fix="apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: web\n",
    ),
    error(
        "PF002",
        "wrong-type",
        what="A field holds a value of another type: a number where a text belongs, one item where a list belongs.",
        why="The API server cannot decode the object and refuses it. Plain `yes`, `no`, `on`, `off`, `y`, `n` are "
        "booleans to kubectl and plain digits are numbers, so label values of that look need quotes.",
        example=network_policy("podSelector:\n  matchLabels:\n    version: 2"),
        fix=network_policy('podSelector:\n  matchLabels:\n    version: "2"'),
    ),
    error(
        "PF003",
        "unknown-field",
        what="The API has no field of this name in this place. Names are case-sensitive.",
        why="kubectl apply refuses it. A client that does not (validation off) drops the field in silence: a misspelt "
        "selector then selects everything, a misspelt `from` lets everybody in.",
        example=network_policy("podSelector: {}\ningress:\n- from:\n  - podselector: {}"),
        fix=network_policy("podSelector: {}\ningress:\n- from:\n  - podSelector: {}"),
    ),
    error(
        "PF004",
        "duplicate-field",
        what="A field is written twice in the same object.",
        why="Only the last one counts. kubectl drops the first without a word when it reads YAML; the API server "
        "refuses the object when it sees both.",
        example=network_policy("podSelector: {}\npolicyTypes: [Ingress]\npolicyTypes: [Egress]"),
        fix=network_policy("podSelector: {}\npolicyTypes: [Ingress, Egress]"),
    ),
    error(
        "PF005",
        "missing-separator",
        what="Two objects run into each other: the line `---` between them is missing.",
        why="YAML then reads one object whose fields are all written twice. The last of each wins, so the first "
        "object is lost, and nothing says so when it is applied.",
        example=network_policy(_SELECTS_WEB, "name: first") + network_policy(_SELECTS_WEB, "name: second"),
        fix=network_policy(_SELECTS_WEB, "name: first") + "---\n" + network_policy(_SELECTS_WEB, "name: second"),
    ),
    error(
        "PF006",
        "api-version-gone",
        what="The object uses an API version that Kubernetes no longer serves.",
        why="`extensions/v1beta1` is gone since Kubernetes 1.16: no server accepts the object. Its policies mean the "
        "same under networking.k8s.io/v1, so changing apiVersion is all there is to do.",
        example=network_policy(_SELECTS_WEB).replace("networking.k8s.io/v1", "extensions/v1beta1"),
        fix=network_policy(_SELECTS_WEB),
    ),
    error(
        "PF007",
        "unreadable-field",
        what="A field of an object other than a policy that decides about connections, or tells who will connect (an "
        "Ingress, a monitor, a webhook), is not what the API allows.",
        why="The API server refuses the object, and answers about who can reach it would be guesses.",
        example=_POD.format(label="2"),
        fix=_POD.format(label='"2"'),
    ),
    error(
        "PF008",
        "not-json",
        what="The file starts with `{` or `[` but is YAML, not JSON.",
        why="kubectl before 1.33 takes a file that starts so for JSON and refuses everything that only YAML allows: "
        "unquoted keys and texts, comments, trailing commas. Later ones read it.",
        example="{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: web}}\n",
        fix='{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web"}}\n',
    ),
    error(
        "PF009",
        "api-version-unknown",
        what="No server has ever served this kind under this apiVersion.",
        why="The API server does not know what to do with the object: kubectl says that there are no matches for the "
        "kind, and nothing of it is applied.",
        example=network_policy(_SELECTS_WEB).replace("networking.k8s.io/v1", "networking.k8s.io/v1beta1"),
        fix=network_policy(_SELECTS_WEB),
    ),
)
