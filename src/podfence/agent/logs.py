"""How the agent logs: lines for people on a terminal, JSON objects everywhere else."""

from __future__ import annotations

import logging
from typing import TextIO

import structlog


def configure_logs(stream: TextIO, *, verbose: bool = False, colour: bool = False) -> None:
    """Send structured logs to a stream; ``verbose`` adds what happens with each commit."""
    for_people = stream.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=colour) if for_people else structlog.processors.JSONRenderer()
    )
    tracebacks = [] if for_people else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if for_people else "iso", utc=not for_people),
            *tracebacks,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
