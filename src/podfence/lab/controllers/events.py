"""Events: what ``kubectl describe`` and ``kubectl events`` tell of an object's life. Repeated ones are counted."""

from __future__ import annotations

from podfence.lab.apiserver.status import StatusError
from podfence.lab.controllers.clock import Clock, timestamp
from podfence.lab.interface import Object, ObjectStore, Resource

EVENTS = Resource("", "events")

_MOST_REMEMBERED = 4096


class EventRecorder:
    """Writes events as one component of the cluster, such as ``replicaset-controller``."""

    def __init__(self, store: ObjectStore, component: str, clock: Clock, host: str = "") -> None:
        self._store, self._component, self._clock, self._host = store, component, clock, host
        self._number = 0
        self._known: dict[tuple[str, ...], tuple[str, str]] = {}

    def normal(self, about: Object, reason: str, message: str, *, field_path: str = "") -> None:
        """Tell of something that goes as it should."""
        self._record(about, "Normal", reason, message, field_path)

    def warning(self, about: Object, reason: str, message: str, *, field_path: str = "") -> None:
        """Tell of something that somebody should look at."""
        self._record(about, "Warning", reason, message, field_path)

    def _record(self, about: Object, kind: str, reason: str, message: str, field_path: str) -> None:
        involved = _reference(about) | ({"fieldPath": field_path} if field_path else {})
        key = (involved.get("uid", ""), kind, reason, message, field_path)
        try:
            if not self._counted(key):
                self._create(key, involved, kind, reason, message)
        except StatusError:  # an event is never worth a failure: its namespace may just be going
            self._known.pop(key, None)

    def _counted(self, key: tuple[str, ...]) -> bool:
        namespace, name = self._known.get(key, ("", ""))
        event = self._store.get(EVENTS, namespace, name) if name else None
        if event is None:
            return False
        now = timestamp(self._clock())
        self._store.update(EVENTS, namespace, event | {"count": event.get("count", 1) + 1, "lastTimestamp": now})
        return True

    def _create(self, key: tuple[str, ...], involved: Object, kind: str, reason: str, message: str) -> None:
        namespace = involved.get("namespace") or "default"
        # In the order of their names they are in that of time, whoever told of them.
        self._number = max(self._number + 1, int(self._clock() * 1_000_000_000))
        name = f"{involved['name']}.{self._number:x}"
        now = timestamp(self._clock())
        source = {"component": self._component} | ({"host": self._host} if self._host else {})
        event: Object = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": namespace}}
        event |= {"involvedObject": involved, "reason": reason, "message": message, "type": kind, "count": 1}
        event |= {"source": source, "firstTimestamp": now, "lastTimestamp": now, "eventTime": None}
        event |= {"reportingComponent": self._component, "reportingInstance": self._host}
        self._store.create(EVENTS, namespace, event)
        if len(self._known) >= _MOST_REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[key] = namespace, name


def _reference(about: Object) -> Object:
    metadata = about["metadata"]
    names = ("namespace", "name", "uid", "resourceVersion")
    known = {name: metadata[name] for name in names if metadata.get(name)}
    return {"kind": about["kind"], "apiVersion": about["apiVersion"]} | known
