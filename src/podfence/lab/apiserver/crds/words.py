"""What ``kubectl explain`` says of the fields of the cluster-scoped policies."""

from __future__ import annotations

from typing import Any, Final

Object = dict[str, Any]

_WORDS: Final = {
    "apiVersion": "The group and version of this object.",
    "kind": "The kind of this object.",
    "metadata": "Name, labels and the like.",
    "spec": "What is wanted.",
    "status": "What implementations say about the policy.",
    "conditions": "One entry for each thing that is said about the policy.",
    "lastTransitionTime": "When the condition last changed.",
    "message": "The reason in a sentence.",
    "observedGeneration": "The generation of the policy that the condition is about.",
    "reason": "The reason in one word.",
    "type": "What the condition is about.",
    "tier": "Where the policy stands: Admin is asked before NetworkPolicies, Baseline after them.",
    "priority": "The order among policies: the lower number is asked first. Give each its own.",
    "subject": "The pods that the policy is about; pods in the network of their node never are.",
    "ingress": "Rules about connections to the pods; the first that matches decides. No match is no denial.",
    "egress": "Rules about connections from the pods; the first that matches decides. No match is no denial.",
    "action": "What happens to a connection that the rule matches. Pass leaves it to what is asked next.",
    "name": "A name for the rule, for people.",
    "from": "Where the connection comes from: any of these.",
    "to": "Where the connection goes: any of these.",
    "protocols": "The protocols and ports that the rule is about. Left out: all.",
    "ports": "The ports that the rule is about. Left out: all.",
    "namespaces": "All pods of the namespaces with these labels; {} means all namespaces.",
    "pods": "Pods by their own labels and those of their namespace; both must match.",
    "namespaceSelector": "The labels of the pods' namespaces.",
    "podSelector": "The labels of the pods.",
    "networks": "Ranges of addresses in CIDR form.",
    "nodes": "The nodes with these labels.",
    "domainNames": "Names whose addresses are meant; *.example.com stands for all names below.",
    "matchLabels": "Labels that must be there with these values.",
    "matchExpressions": "Conditions on labels, all of which must hold.",
    "key": "The label.",
    "operator": "In, NotIn, Exists or DoesNotExist.",
    "values": "The values for In and NotIn.",
    "tcp": "TCP, and to which ports.",
    "udp": "UDP, and to which ports.",
    "sctp": "SCTP, and to which ports.",
    "destinationPort": "The port that is connected to. It must be given.",
    "destinationNamedPort": "The name of a port of the pod that is connected to. Pods without the name never match.",
    "number": "One port.",
    "range": "All ports from start to end.",
    "start": "The first port.",
    "end": "The last port.",
    "portNumber": "One port of a protocol.",
    "portRange": "All ports of a protocol from start to end.",
    "namedPort": "The name of a port of the pod that is connected to. Pods without the name never match.",
    "port": "The number of the port.",
    "protocol": "TCP, UDP or SCTP.",
}


def described(schema: Object, words: str = "") -> Object:
    """Add descriptions to an ``openAPIV3Schema`` and to all fields in it."""
    told: Object = {**schema, **({"description": words} if words else {})}
    if "properties" in schema:
        told["properties"] = {
            # A condition's status is a word, not what stands beside a spec.
            name: described(field, "True, False or Unknown." if _is_word(name, field) else _WORDS.get(name, ""))
            for name, field in schema["properties"].items()
        }
    if "items" in schema:
        told["items"] = described(schema["items"])
    return told


def _is_word(name: str, field: Object) -> bool:
    return name == "status" and field.get("type") == "string"
