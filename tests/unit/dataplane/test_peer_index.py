"""The index finds what a comparison with everything finds."""

from __future__ import annotations

from random import Random

from podfence.dataplane.peer_index import PeerIndex
from podfence.engine.decide import selects
from podfence.model.labels import NAMESPACE_NAME_LABEL
from podfence.model.policy import PodPeer
from tests.properties import clusters


def random_peer(rng: Random) -> PodPeer:
    if rng.random() < 0.4:
        return PodPeer(rng.choice(clusters.NAMESPACES), None, clusters._selector(rng))
    return PodPeer(None, clusters._namespace_selector(rng), clusters._selector(rng))


def test_every_peer_that_selects_a_pod_is_found_once_and_no_other() -> None:
    for seed in range(100):
        rng = Random(seed)
        index, peers = PeerIndex(), {random_peer(rng): None for _ in range(20)}
        for peer in peers:
            index.add(peer)
        for peer in rng.sample(list(peers), 5):
            index.remove(peer)
            del peers[peer]
        for _ in range(10):
            namespace = rng.choice(clusters.NAMESPACES)
            of_namespace = {**clusters._labels(rng), NAMESPACE_NAME_LABEL: namespace}
            labels = clusters._labels(rng)
            found = list(index.matching(namespace, of_namespace, labels))
            assert len(found) == len(set(found))
            assert set(found) == {peer for peer in peers if selects(peer, namespace, of_namespace, labels)}


def test_an_index_is_empty_after_all_have_left() -> None:
    rng = Random(1)
    index, peers = PeerIndex(), {random_peer(rng): None for _ in range(30)}
    for peer in peers:
        index.add(peer)
    for peer in peers:
        index.remove(peer)
    assert not index._by_fact
