"""The agent's tests say nothing of what it logs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def silent_logs() -> Iterator[None]:
    """Log to nowhere."""
    structlog.configure(processors=[_drop])
    yield
    structlog.reset_defaults()


def _drop(*_: object) -> structlog.typing.EventDict:
    raise structlog.DropEvent
