"""The map as a page that a person opens offline: namespaces that fold, a focus, a matrix, the policies on each edge."""

from __future__ import annotations

from collections.abc import Iterator

from podfence.engine.excerpt import Excerpt
from podfence.engine.picture import Picture
from podfence.report.html_page import html_page
from podfence.report.overview import Asked, overview
from podfence.report.picture_json import picture_json
from podfence.report.words import Words


def map_html(excerpt: Excerpt, asked: Asked | None = None) -> Iterator[str]:
    """Write a map in chunks; endpoints must be pods or workloads. It opens with what was asked for."""
    asked = asked or Asked()
    picture = Picture(excerpt)
    words = Words(excerpt.connectivity)
    endpoints = excerpt.connectivity.endpoints
    title = f"Who reaches whom{f' in {asked.namespace}' if asked.namespace is not None else ''}"
    focus = [number for number in sorted(asked.focused) if number in picture.positions]
    yield from html_page(
        f"{title} · Podfence",
        {
            "title": title,
            "summary": overview(excerpt, words, picture.pairs(), asked),
            "noun": words.noun,
            "focus": endpoints[focus[0]].id if focus else None,
            "depth": asked.depth,
            "view": "exposed" if asked.exposed and not focus else None,
            "picture": picture_json(picture),
        },
    )
