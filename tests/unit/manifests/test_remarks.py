"""Comments that speak to Podfence: which are found, and which lines they speak of."""

from __future__ import annotations

import pytest

from podfence.manifests.documents import Item
from podfence.manifests.inputs import read_data
from podfence.manifests.remarks import Remark

POLICY = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web}\nspec:\n  podSelector: {}\n"


def remarks(text: str) -> list[Remark]:
    items = [reading for reading in read_data(text.encode(), "f.yaml") if isinstance(reading, Item)]
    return list(dict.fromkeys(remark for item in items for remark in item.remarks))


def spoken_of(text: str) -> list[tuple[int, int]]:
    return [(remark.first_line, remark.last_line) for remark in remarks(text)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (POLICY.replace("spec:", "spec: # podfence:ignore PF101 why"), [(4, 4)]),
        (POLICY.replace("spec:", "# podfence:ignore PF101 why\n\n# more\nspec:"), [(7, 7)]),
        (POLICY + "# podfence:ignore PF101 why\n", [(5, 5)]),
        ("# podfence:ignore PF101 why\n" + POLICY, [(1, 7)]),
        ("--- # podfence:ignore PF101 why\n" + POLICY, [(1, 7)]),
        ("# podfence:ignore PF101 why\n---\n" + POLICY, [(2, 8)]),
        (f"{POLICY}---\n#podfence:ignore PF101 why\n{POLICY}", [(6, 13)]),
    ],
)
def test_a_comment_speaks_of_its_line_the_next_line_or_the_document(text: str, lines: list[tuple[int, int]]) -> None:
    assert spoken_of(text) == lines


@pytest.mark.parametrize(
    "text",
    [
        POLICY.replace("{name: web}", 'name: web\n  annotations: {a: "# podfence:ignore PF101 why"}').replace(
            "metadata: name", "metadata:\n  name"
        ),
        POLICY + "  note: |\n    # podfence:ignore PF101 why\n",
        POLICY.replace("spec:", "spec: # podfence:ignored PF101 why"),
        POLICY.replace("spec:", "spec: # see podfence:ignore"),
        POLICY.replace("{name: web}", "{name: web#podfence:ignore}"),
    ],
)
def test_what_only_looks_like_such_a_comment_is_none(text: str) -> None:
    assert remarks(text) == []


def test_the_objects_of_a_list_share_the_comments_of_their_document() -> None:
    items = "".join(f"- {POLICY.rstrip().replace(chr(10), chr(10) + '  ')}\n" for _ in range(2))
    text = f"# podfence:ignore PF101 why\napiVersion: v1\nkind: List\nitems:\n{items}"
    found = [reading for reading in read_data(text.encode(), "f.yaml") if isinstance(reading, Item)]
    assert [len(item.remarks) for item in found] == [1, 1]
    assert remarks(text)[0].text == "PF101 why"
