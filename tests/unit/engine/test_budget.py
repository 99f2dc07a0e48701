"""What would take too much memory is refused before it is taken; what fits is not."""

from __future__ import annotations

import tracemalloc

import pytest

from podfence.engine.budget import TooLargeError, estimate, size_text
from podfence.engine.connectivity import Connectivity
from podfence.engine.endpoints import Grouping
from podfence.engine.frame import Frame
from podfence.model.labels import EVERYTHING, Operator, Requirement, label_set, selector
from podfence.model.net import AddressRange
from podfence.model.objects import ObjectRef, Pod
from podfence.model.policy import Action, AddressPeer, Peer, PodPeer, Policy, Rule, Tier
from podfence.model.snapshot import Snapshot
from tests.unit.report.maps import namespace, shop

MIB = 1 << 20


def hostile(pods: int, policies: int) -> Snapshot:
    """Give every policy a broad peer set of its own, every pod labels of its own."""
    return Snapshot(
        (namespace("a"),),
        tuple(Pod("a", f"p{n:05}", label_set({"n": str(n)}), workload=("Pod", f"p{n:05}")) for n in range(pods)),
        policies=tuple(
            policy(n, PodPeer(None, EVERYTHING, selector({}, Requirement("n", Operator.NOT_IN, (str(n),)))))
            for n in range(policies)
        ),
    )


def policy(number: int, peer: Peer) -> Policy:
    rule = Rule(Action.ACCEPT, (peer,), None, "spec.ingress[0]", "from", "ports")
    subject = PodPeer("a", None, selector({"n": str(number)}))
    ref = ObjectRef("NetworkPolicy", "a", f"p{number}")
    return Policy(ref, Tier.NETWORK_POLICY, 0, subject, (rule,), None)


def test_broad_peer_sets_over_unique_labels_are_refused_under_a_small_limit_and_fit_a_large_one() -> None:
    snapshot = hostile(3000, 3000)
    with pytest.raises(TooLargeError, match="3,000 policies select 6,000 different sets among 3,000 pods") as error:
        Frame(snapshot, limit=128 * MIB)
    assert error.value.needed > error.value.limit == 128 * MIB
    assert "--max-memory" in str(error.value)
    Frame(snapshot, limit=4096 * MIB)


def test_blocks_that_lie_in_each_other_are_refused_under_a_small_limit() -> None:
    blocks = [AddressPeer((AddressRange(n, 2**31 - n),), f"b{n}") for n in range(3000)]
    snapshot = Snapshot((namespace("a"),), policies=tuple(policy(n, block) for n, block in enumerate(blocks)))
    with pytest.raises(TooLargeError, match="blocks of addresses"):
        Frame(snapshot, limit=128 * MIB)


def test_an_ordinary_cluster_fits_a_small_limit() -> None:
    Frame(shop(), limit=64 * MIB)


@pytest.mark.parametrize(("pods", "policies"), [(400, 400), (800, 300)])
def test_an_answer_takes_no_more_than_was_estimated(pods: int, policies: int) -> None:
    snapshot = hostile(pods, policies)
    frame = Frame(snapshot)
    classes = frame.classes
    members = sum(found.bit_count() for found in classes.sets)
    estimated = estimate(snapshot, frame.vocabulary, classes.total, members)
    del frame, classes
    tracemalloc.start()
    try:
        for _ in Connectivity(snapshot, Grouping.POD).connections():
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= estimated.total


def test_sizes_are_written_as_people_do() -> None:
    assert [size_text(size) for size in (MIB, 512 * MIB, 2560 * MIB)] == ["1 MiB", "512 MiB", "2.5 GiB"]
