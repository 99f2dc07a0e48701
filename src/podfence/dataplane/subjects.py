"""Which policies are about a pod: by their subjects, through an index, in the order in which they are evaluated."""

from __future__ import annotations

from podfence.dataplane.addresses import Profile
from podfence.dataplane.classes import TIERS
from podfence.dataplane.peer_index import PeerIndex
from podfence.engine.fail_closed import closed_subject
from podfence.model.policy import Direction, PodPeer, Policy

Identity = tuple[str, str | None, str]


class Subjects:
    """The policies of a cluster by whom they are about."""

    def __init__(self) -> None:
        self._policies: dict[Identity, Policy] = {}
        self._index = PeerIndex()
        self._about: dict[PodPeer, dict[Identity, None]] = {}

    def __getitem__(self, identity: Identity) -> Policy:
        return self._policies[identity]

    def take(self, policy: Policy, *, is_there: bool) -> list[PodPeer]:
        """Put a policy in the place of the one of its name, or take that out; gives who was and is selected."""
        identity = policy.ref.identity
        subjects = []
        known = self._policies.pop(identity, None)
        if known is not None:
            subjects.append(self._forget(identity, closed_subject(known)))
        if is_there:
            self._policies[identity] = policy
            subjects.append(self._file(identity, closed_subject(policy)))
        return subjects

    def on(self, profile: Profile, namespace_labels: dict[str, str], direction: Direction) -> list[Policy]:
        """List the policies on pods that say something about a direction, in the order of evaluation."""
        found = [
            self._policies[identity]
            for subject in self._index.matching(profile.namespace, namespace_labels, profile.labels)
            for identity in self._about[subject]
        ]
        about = (policy for policy in found if policy.rules(direction) is not None)
        return sorted(about, key=lambda policy: (TIERS.index(policy.tier), policy.order, policy.ref.namespace or ""))

    def _file(self, identity: Identity, subject: PodPeer) -> PodPeer:
        about = self._about.setdefault(subject, {})
        if not about:
            self._index.add(subject)
        about[identity] = None
        return subject

    def _forget(self, identity: Identity, subject: PodPeer) -> PodPeer:
        about = self._about[subject]
        del about[identity]
        if not about:
            self._index.remove(subject)
            del self._about[subject]
        return subject
