"""The words of ``kubectl explain``: every field has some, nothing has words that is not there, and all read alike.

What there is to describe is taken from the table of types, which is made from the API server's own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
import yaml

from podfence.lab.apiserver.builtin import builtin_resources
from podfence.lab.apiserver.crds.policies import policy_crd
from podfence.lab.openapi.documents import document, swagger
from podfence.lab.openapi.schemas import SPECIAL_NAMES
from podfence.lab.openapi.served import Served
from podfence.lab.openapi.words import (
    EVERY_LIST,
    EVERY_TYPE,
    FOLDER,
    ITSELF,
    descriptions,
    field_words,
    kind_words,
    short_name,
)
from podfence.manifests.types import RecordType, all_kinds, record_type, type_of
from podfence.manifests.validation.admission import Api
from podfence.manifests.validation.cluster_policy import Channel

LONGEST = 200
SENTENCE_END = re.compile(r"[.?!](?= [A-Z{]|$)")
CLUSTER_POLICIES = (Api.CLUSTER_NETWORK_POLICY, Api.ADMIN_NETWORK_POLICY, Api.BASELINE_ADMIN_NETWORK_POLICY)


def kinds() -> list[RecordType]:
    found = [type_of(api_version, kind) for api_version, kind in all_kinds()]
    return [each for each in found if each is not None]


def types() -> dict[str, RecordType]:
    """Give every type that some kind holds, by its short name."""
    found: dict[str, RecordType] = {}
    waiting = kinds()
    while waiting:
        record = waiting.pop()
        if found.setdefault(short_name(record.name), record) is record:
            inner = (field.type for field in record.fields.values() if field.record is not None)
            waiting.extend(record_type(name) for name in inner if short_name(name) not in found)
    return found


def policy_schemas() -> Iterator[tuple[str, dict[str, Any]]]:
    for api in CLUSTER_POLICIES:
        for channel in Channel:
            [version] = policy_crd(api, channel)["spec"]["versions"]
            yield f"{api.kind} {channel.value}", version["schema"]["openAPIV3Schema"]


def described_fields(path: str, schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Give every field of a schema by its path, and what is said of it."""
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field.get("description", "")
        yield from described_fields(f"{path}.{name}", field)
    if "items" in schema:
        yield from described_fields(f"{path}[]", schema["items"])


def all_words() -> list[tuple[str, str]]:
    written = [(f"{name} {field}", words) for name, field, words in descriptions()]
    schemas = list(policy_schemas())
    policies = [(path, schema["description"]) for path, schema in schemas]
    return [*written, *policies, *(each for path, schema in schemas for each in described_fields(path, schema))]


def test_every_field_of_every_type_is_described() -> None:
    fields = [(record.name, field) for record in types().values() for field in record.fields]
    assert [(name, field) for name, field in fields if not field_words(name, field)] == []
    assert len(fields) >= 2000


def test_every_kind_is_described() -> None:
    assert [record.name for record in kinds() if not kind_words(record.name)] == []


def test_every_field_of_the_cluster_scoped_policies_is_described() -> None:
    found = [each for path, schema in policy_schemas() for each in described_fields(path, schema)]
    assert [path for path, words in found if not words] == []
    assert len(found) >= 300


def test_nothing_is_described_that_is_not_there() -> None:
    known = types()
    special = {short_name(name) for name in SPECIAL_NAMES.values()} | {"meta.v1.FieldsV1"}
    unknown = [
        (name, field)
        for name, field, _ in descriptions()
        if name not in {EVERY_TYPE, EVERY_LIST}
        and not (name in known and field in {ITSELF, *known[name].fields})
        and not (name in special and field == ITSELF)
    ]
    assert unknown == []


def test_words_for_every_type_are_those_of_some_type() -> None:
    own = {(name, field) for name, field, _ in descriptions()}
    shared = {field for name, field in own if name == EVERY_TYPE}
    used = {field for name, record in types().items() for field in record.fields if (name, field) not in own}
    assert shared <= used


def test_nothing_is_described_twice() -> None:
    counts = Counter((name, field) for name, field, _ in descriptions())
    assert [each for each, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("file", sorted(each.name for each in files("podfence.lab.openapi").joinpath(FOLDER).iterdir()))
def test_no_file_has_a_key_twice(file: str) -> None:
    # The loader would keep the last one and say nothing.
    def repeated(node: yaml.Node | None) -> Iterator[str]:
        if isinstance(node, yaml.MappingNode):
            counts = Counter(key.value for key, _ in node.value)
            yield from (key for key, count in counts.items() if count > 1)
            for _, value in node.value:
                yield from repeated(value)

    text = files("podfence.lab.openapi").joinpath(FOLDER).joinpath(file).read_text("utf-8")
    assert list(repeated(yaml.compose(text, yaml.SafeLoader))) == []


def test_a_description_is_one_or_two_short_sentences() -> None:
    odd = [
        (where, words)
        for where, words in all_words()
        if not (len(words) <= LONGEST and words.endswith(".") and 1 <= len(SENTENCE_END.findall(words)) <= 2)
    ]
    assert odd == []


def test_a_type_does_not_repeat_what_its_field_says() -> None:
    # kubectl prints one below the other.
    repeated = [
        (record.name, field.name)
        for record in types().values()
        for field in record.fields.values()
        if field.record is not None and field_words(record.name, field.name) == kind_words(field.type)
    ]
    assert repeated == []


def test_whatever_a_lab_serves_is_described_in_both_dialects() -> None:
    served = [
        Served(each.group, each.version, each.kind, each.plural, each.namespaced)
        for each in builtin_resources()
        if type_of(each.api_version, each.kind) is not None
    ]
    for schemas in (document(served)["components"]["schemas"], swagger(served)["definitions"]):
        fields = [each for name, schema in schemas.items() for each in described_fields(name, schema)]
        assert [path for path, words in fields if not words] == []
        assert len(fields) >= 1500


def test_what_trips_people_is_said_where_they_ask() -> None:
    policy = "io.k8s.api.networking.v1.NetworkPolicy"
    assert "DNS" in field_words(f"{policy}Spec", "egress")
    assert "kubernetes.io/metadata.name" in field_words(f"{policy}Peer", "namespaceSelector")
    assert "either" in kind_words(f"{policy}Peer")
    assert "targetPort" in field_words("io.k8s.api.core.v1.ServicePort", "port")


def test_a_list_is_described_as_one_whatever_its_kind() -> None:
    assert kind_words("io.k8s.api.core.v1.PodList") == kind_words("io.k8s.api.batch.v1.JobList") != ""
    assert "page" in field_words("io.k8s.api.core.v1.PodList", "metadata")
    assert "page" not in field_words("io.k8s.api.apps.v1.Deployment", "metadata")


def test_what_is_not_known_has_no_words() -> None:
    assert kind_words("com.example.stable.v1.CronTab") == ""
    assert field_words("com.example.stable.v1.CronTab", "cron") == ""
