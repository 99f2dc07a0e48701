"""What the server makes up for new objects: names from ``generateName``, uids and times."""

from __future__ import annotations

import secrets
import time
import uuid
from datetime import UTC, datetime
from typing import Final

from podfence.manifests.validation.metadata import MAX_GENERATED_BASE

_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
SUFFIX_LENGTH: Final = 5


class Making:
    """Clock and chance in one place, so that tests can replace them."""

    def now(self) -> float:
        """Give the time in seconds since the epoch."""
        return time.time()

    def uid(self) -> str:
        """Make a new uid."""
        return str(uuid.uuid4())

    def suffix(self, length: int = SUFFIX_LENGTH) -> str:
        """Make the random end of a name."""
        return "".join(secrets.choice(_LETTERS) for _ in range(length))

    def name(self, base: str) -> str:
        """Make a name from ``generateName``."""
        return base.encode()[:MAX_GENERATED_BASE].decode(errors="ignore") + self.suffix()


def rfc3339(seconds: float) -> str:
    """Write a time as Kubernetes does, to the second, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(text: str) -> float:
    """Read a time that Kubernetes wrote."""
    return datetime.fromisoformat(text).timestamp()
