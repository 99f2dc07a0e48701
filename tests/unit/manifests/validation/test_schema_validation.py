"""What the server says by a schema, apart from any policy."""

from __future__ import annotations

from podfence.manifests.validation.cause import NO_FIELD
from podfence.manifests.validation.schema import Rule, Schema
from podfence.manifests.validation.schema_validation import validate_by_schema

SPEC = Schema("object", {"cron": Schema("string")}, required=("cron",))
RULE = Rule("some-rule", "must hold", lambda _: True)


def test_nothing_is_said_of_unchecked_rules_where_a_schema_has_none() -> None:
    (cause,) = validate_by_schema(Schema("object", {"spec": SPEC}), {"spec": {}}, ())
    assert (cause.field, cause.message) == ("spec.cron", "Required value")


def test_rules_anywhere_in_the_schema_are_said_to_be_unchecked() -> None:
    deep = Schema("object", {"spec": SPEC, "list": Schema("array", items=Schema("string", rules=(RULE,)))})
    causes = list(validate_by_schema(deep, {"spec": {}}, ()))
    assert [cause.field for cause in causes] == ["spec.cron", NO_FIELD]
