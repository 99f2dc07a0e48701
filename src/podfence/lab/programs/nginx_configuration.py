"""What the stand-in for nginx reads of a configuration that a pod has mounted: the ports it listens on, and its root.

Nothing else of it is obeyed. A port matters here, since policies are about ports.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

_MAIN = "etc/nginx/nginx.conf"
_FOLDER = "etc/nginx/conf.d"
_DEFAULT_PORT = 80
_DEFAULT_ROOT = "/usr/share/nginx/html"
_COMMENT = re.compile(r"#[^\n]*")
_LISTEN = re.compile(r"(?:^|[;{}\s])listen\s+(?:(?:\[[^\]]*\]|[^\s;:]+):)?([0-9]+)(?=[\s;])")
_ROOT = re.compile(r"(?:^|[;{}\s])root\s+[\"']?([^\s;\"']+)")


class Configuration(NamedTuple):
    """Where a web server listens and what it serves; ``is_own`` if the pod has brought a configuration."""

    ports: Sequence[int] = (_DEFAULT_PORT,)
    root: str = _DEFAULT_ROOT
    is_own: bool = False


def read_configuration(is_own: Callable[[Path], bool], top: Path = Path("/")) -> Configuration:
    """Read what the pod has mounted below /etc/nginx; ``is_own`` tells its files from those of the machine."""
    main, folder = top / _MAIN, top / _FOLDER
    texts = [_read(main)] if is_own(main) else []
    ports: list[int] = []
    if not texts or "conf.d" in texts[0]:
        own = [path for path in _files(folder) if is_own(path)]
        texts += [_read(path) for path in own]
        # Where only single files are mounted (``subPath``), the image's own default.conf is still there.
        if folder / "default.conf" not in own and all(_is_mounted_alone(path) for path in own):
            ports.append(_DEFAULT_PORT)
    if not texts:
        return Configuration()
    text = _COMMENT.sub("", "\n".join(texts))
    ports += [int(port) for port in _LISTEN.findall(text) if 0 < int(port) < 65536]
    root = _ROOT.search(text)
    wanted = tuple(dict.fromkeys(ports)) or (_DEFAULT_PORT,)
    return Configuration(wanted, root[1] if root else _DEFAULT_ROOT, is_own=True)


def _is_mounted_alone(path: Path) -> bool:
    try:
        return path.lstat().st_dev != path.parent.stat().st_dev
    except OSError:
        return False


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.conf"))
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
