"""Address blocks: rows I01 to I27 of the checklist."""

# ruff: noqa: E501 (one case, one line)

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.manifests.validation.admission import Api, Server, validate_update
from podfence.manifests.validation.cidr import is_strict, parse_sloppy, strict_complaint
from podfence.manifests.validation.ip_block import CidrRegime, cidr_warnings
from podfence.model.net import parse_cidr
from tests.unit.manifests.validation.answers import OLD_SERVER, ask, faults_of, network_policy, parse

CIDR = "Invalid .cidr"
EXCEPT = "Invalid .except[0]"

STRICT = [
    ("I01 cidr missing", "{except: [x]}", ["Required .cidr"]),
    ("I01 cidr empty", '{cidr: "", except: [x]}', ["Required .cidr"]),
    ("I01 cidr null", "{cidr: null}", ["Required .cidr"]),
    ("I02 no slash", "{cidr: 10.0.0.1}", [CIDR]),
    ("I03 prefix 33", "{cidr: 10.0.0.0/33}", [CIDR]),
    ("I03 prefix 129", '{cidr: "::/129"}', [CIDR]),
    ("I03 prefix -1", "{cidr: 10.0.0.0/-1}", [CIDR]),
    ("I03 prefix empty", "{cidr: 10.0.0.0/}", [CIDR]),
    ("I03 prefix of letters", "{cidr: 10.0.0.0/a}", [CIDR]),
    ("I03 prefix with a sign", "{cidr: 10.0.0.0/+8}", [CIDR]),
    ("I04 octet 256", "{cidr: 10.0.0.256/32}", [CIDR]),
    ("I04 three octets", "{cidr: 10.0.0/8}", [CIDR]),
    ("I04 five octets", "{cidr: 10.0.0.0.0/8}", [CIDR]),
    ("I05 zone", '{cidr: "fe80::1%eth0/64"}', [CIDR]),
    ("I05 space before", '{cidr: " 10.0.0.0/8"}', [CIDR]),
    ("I05 space after", '{cidr: "10.0.0.0/8 "}', [CIDR]),
    ("I06 bad cidr hides excepts", '{cidr: x, except: ["y"]}', [CIDR]),
    ("I07 bad except does not hide later ones", "{cidr: 10.0.0.0/8, except: [x, 11.0.0.0/16]}", [EXCEPT, "Invalid .except[1]"]),
    ("I08 every IPv4 address", "{cidr: 0.0.0.0/0}", []),
    ("I08 every IPv6 address", '{cidr: "::/0"}', []),
    ("I09 one IPv4 address", "{cidr: 10.0.0.1/32}", []),
    ("I09 one IPv6 address", '{cidr: "::1/128"}', []),
    ("I09 nothing can be excepted from one address", "{cidr: 10.0.0.1/32, except: [10.0.0.1/32]}", [EXCEPT]),
    ("I10 except equal to cidr", "{cidr: 10.0.0.0/8, except: [10.0.0.0/8]}", [EXCEPT]),
    ("I11 except wider than cidr", "{cidr: 10.0.0.0/16, except: [10.0.0.0/8]}", [EXCEPT]),
    ("I12 except elsewhere", "{cidr: 10.0.0.0/8, except: [11.0.0.0/16]}", [EXCEPT]),
    ("I13 except of the other family", '{cidr: 0.0.0.0/0, except: ["2001:db8::/32"]}', [EXCEPT]),
    ("I14 overlapping and repeated excepts", "{cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.1.0.0/16, 10.1.1.0/24]}", []),
    ("I15 empty except is invalid, not required", '{cidr: 10.0.0.0/8, except: [""]}', [EXCEPT]),
    ("I16 host bits", "{cidr: 10.0.0.1/8}", [CIDR]),
    ("I17 leading zero in an octet", "{cidr: 010.0.0.0/8}", [CIDR]),
    ("I17 leading zero in the prefix", "{cidr: 10.0.0.0/08}", [CIDR]),
    ("I18 IPv4-mapped", '{cidr: "::ffff:10.0.0.0/104"}', [CIDR]),
    ("I19 upper case IPv6", '{cidr: "2001:DB8::/32"}', []),
    ("I19 zeros not compressed", '{cidr: "2001:db8:0:0::/32"}', []),
    ("I22 zeros before mapped before host bits", '{cidr: "::ffff:010.0.0.1/104"}', [CIDR]),
    ("I23 format and subset fault of one except", "{cidr: 10.0.0.0/8, except: [11.0.0.1/16]}", [EXCEPT, EXCEPT]),
]  # fmt: skip


@pytest.mark.parametrize(("block", "expected"), [case[1:] for case in STRICT], ids=[case[0] for case in STRICT])
def test_a_block_is_judged_as_the_newest_server_does(block: str, expected: list[str]) -> None:
    faults = faults_of(f"{{ingress: [{{from: [{{ipBlock: {block}}}]}}]}}")
    assert faults == [fault.replace(" ", " spec.ingress[0].from[0].ipBlock") for fault in expected]


LENIENT = [
    ("I16 host bits", "10.0.0.1/8", ["is ambiguous in this context"]),
    ("I17 leading zero in an octet", "010.0.0.0/8", ["is invalid: use"]),
    ("I17 leading zero in the prefix", "10.0.0.0/08", ["is invalid: use"]),
    ("I18 IPv4-mapped", "::ffff:10.0.0.0/104", ["is invalid: use"]),
    ("I19 upper case IPv6", "2001:DB8::/32", ["RFC 5952"]),
    ("I20 canonical IPv6", "2001:db8::/32", []),
    ("I20 plain IPv4", "10.0.0.0/8", []),
    ("I21 host bits and zeros both", "010.0.0.1/8", ["is ambiguous in this context", "is invalid: use"]),
    ("I21 no RFC 5952 beside host bits", "2001:DB8::1/32", ["is ambiguous in this context"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in LENIENT], ids=[case[0] for case in LENIENT])
def test_older_servers_accept_with_a_warning(text: str, expected: list[str]) -> None:
    answer = ask(network_policy(f'{{egress: [{{to: [{{ipBlock: {{cidr: "{text}"}}}}]}}]}}'), server=OLD_SERVER)
    assert answer.code == 201
    assert len(answer.warnings) == len(expected)
    assert all(part in warning for part, warning in zip(expected, answer.warnings, strict=True))


def test_I16_the_warning_offers_the_network_and_the_single_address() -> None:
    assert [message for _, _, message in cidr_warnings("10.0.0.1/8", "f")] == [
        'f: CIDR value "10.0.0.1/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.0.0.1/32"?)'
    ]


def test_I22_only_the_first_of_the_strict_faults_is_told() -> None:
    texts = ("::ffff:010.0.0.1/104", "::ffff:10.0.0.1/104", "10.0.0.1/8")
    complaints = [strict_complaint(cidr) for cidr in map(parse_sloppy, texts) if cidr is not None]
    assert complaints == [
        "must not have leading 0s in IP or prefix length",
        "must not have an IPv4-mapped IPv6 address",
        "must not have bits set beyond the prefix length",
    ]


@pytest.mark.parametrize(
    ("cidr", "hole", "inside"),
    [
        ("10.0.0.9/8", "10.1.0.0/16", True),
        ("10.0.0.0/8", "10.0.0.9/8", False),
        ("10.0.0.0/8", "::ffff:10.1.0.0/112", True),
        ("::/0", "::ffff:10.1.0.0/112", False),
        ("::ffff:10.0.0.0/104", "10.1.0.0/16", False),
        ("::ffff:10.0.0.0/104", "::ffff:10.1.0.0/112", True),
    ],
    ids=[
        "I24 host bits of the block are masked", "I24 host bits of the hole are masked", "I24 mapped hole in IPv4",
        "I24 mapped hole in IPv6", "I24 IPv4 hole in a mapped block", "I24 mapped hole in a mapped block",
    ],
)  # fmt: skip
def test_older_servers_compare_the_masked_networks(cidr: str, hole: str, inside: bool) -> None:  # noqa: FBT001 (a table)
    spec = f'{{ingress: [{{from: [{{ipBlock: {{cidr: "{cidr}", except: ["{hole}"]}}}}]}}]}}'
    assert (faults_of(spec, OLD_SERVER) == []) is inside


def update(new: str, old: str) -> list[str]:
    def value(block: str) -> dict[str, object]:
        spec = f"{{ingress: [{{from: [{{ipBlock: {block}}}]}}]}}"
        return parse(network_policy(spec)) | {"metadata": {"name": "web", "namespace": "default"}}

    causes = validate_update(Api.NETWORK_POLICY, value(new), value(old), Server(CidrRegime.STRICT))
    return [cause.message for cause in causes]


def test_I25_an_update_keeps_odd_texts_of_the_stored_policy_wherever_they_move() -> None:
    assert update("{cidr: 10.0.0.1/8}", "{cidr: 10.0.0.1/8}") == []
    assert update("{cidr: 10.1.0.1/16}", "{cidr: 10.0.0.0/8, except: [10.1.0.1/16]}") == []
    assert len(update("{cidr: 10.0.0.2/8}", "{cidr: 10.0.0.1/8}")) == 1


def test_I26_a_kept_text_must_still_lie_inside() -> None:
    old = "{cidr: 10.0.0.1/8, except: [11.0.0.1/16]}"
    (message,) = update(old, old)
    assert "strict subset" in message


def test_I27_leading_zeros_are_decimal() -> None:
    parsed = parse_sloppy("010.0.0.010/32")
    assert parsed is not None
    assert parsed.canonical_network() == "10.0.0.10/32"


ODD = st.sampled_from(
    ["", "0", "00", "7", "10", "010", "255", "256", "ffff", "db8", ":", "::", ".", "/", "/8", "/24", "/104", "%", " "]
)


@given(st.lists(ODD, max_size=12).map("".join))
def test_I27_what_the_server_stores_the_engine_can_read(text: str) -> None:
    parsed = parse_sloppy(text)
    if parsed is None:
        return
    block = parse_cidr(text)
    assert block.last - block.first + 1 == 1 << (parsed.bits - parsed.prefix)


@given(st.ip_addresses(), st.integers(0, 128))
def test_strict_and_plain_text_agree_with_pythons_own_reading(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, prefix: int
) -> None:
    text = f"{address}/{prefix}"
    parsed = parse_sloppy(text)
    readable = prefix <= address.max_prefixlen
    assert (parsed is not None) is readable
    if parsed is not None and not parsed.mapped:
        network = ipaddress.ip_network(text, strict=False)
        assert parsed.canonical_network() == str(network)
        assert is_strict(text)
        assert (strict_complaint(parsed) is None) is (str(network.network_address) == str(address))
