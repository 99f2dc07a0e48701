"""What to suggest for a field that the API does not have."""

from __future__ import annotations

import pytest

from podfence.manifests.validation.admission import Api
from podfence.manifests.validation.cluster_policy import Channel
from podfence.manifests.validation.field_names import suggestion

NP = Api.NETWORK_POLICY
CNP = Api.CLUSTER_NETWORK_POLICY
FROM = "spec.ingress[0].from[0]"

CASES = [
    (NP, f"{FROM}.podselector", 'did you mean "podSelector"?'),
    (NP, f"{FROM}.ip_block", 'did you mean "ipBlock"?'),
    (NP, "spec.ingress[0].form", 'did you mean "from"?'),
    (NP, "spec.policytype", 'did you mean "policyTypes"?'),
    (NP, "metadata.lables", 'did you mean "labels"?'),
    (NP, f"{FROM}.ports", '"ports" belongs to spec.ingress[0]'),
    (NP, "spec.podSelector.app", "known here: matchExpressions, matchLabels"),
    (NP, "status", "known here: apiVersion, kind, metadata, spec"),
    (CNP, "spec.egress[0].to[0].network", 'did you mean "networks"?'),
    (CNP, "metadata.annotation", 'did you mean "annotations"?'),
]


@pytest.mark.parametrize(("api", "field", "expected"), CASES, ids=[case[1] for case in CASES])
def test_a_suggestion_for_an_unknown_field(api: Api, field: str, expected: str) -> None:
    assert suggestion(api, field, Channel.EXPERIMENTAL) == expected


def test_a_field_of_the_other_channel_is_told_as_such() -> None:
    text = suggestion(CNP, "spec.egress[0].to[0].domainNames", Channel.STANDARD)
    assert text == "it exists in the experimental channel only"


def test_a_path_through_a_label_with_dots_is_no_problem() -> None:
    assert suggestion(NP, "spec.podSelector.matchLabels.a.b/c.x", Channel.EXPERIMENTAL) == ""
