"""Questions about permissions, which a lab answers with yes: it has one user, who may do everything."""

from __future__ import annotations

from typing import Any, Final

Object = dict[str, Any]

USER: Final = "podfence-lab"
_GROUPS: Final = ("system:masters", "system:authenticated")


def review(kind: str, body: Object) -> Object:
    """Answer a review; the answer is the question with its status."""
    answered = {"kind": kind, "apiVersion": body.get("apiVersion", "")}
    answered["metadata"] = {"creationTimestamp": None}
    if "spec" in body:
        answered["spec"] = body["spec"]
    answered["status"] = _STATUS[kind](body)
    return answered


def _allowed(_: Object) -> Object:
    return {"allowed": True}


def _rules(_: Object) -> Object:
    return {
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
        "incomplete": False,
    }


def _who(_: Object) -> Object:
    return {"userInfo": {"username": USER, "groups": list(_GROUPS)}}


def _token(_: Object) -> Object:
    return {"authenticated": True, "user": {"username": USER, "groups": list(_GROUPS)}}


_STATUS: Final = {
    "SelfSubjectAccessReview": _allowed,
    "SubjectAccessReview": _allowed,
    "LocalSubjectAccessReview": _allowed,
    "SelfSubjectRulesReview": _rules,
    "SelfSubjectReview": _who,
    "TokenReview": _token,
}
KINDS: Final = frozenset(_STATUS)
