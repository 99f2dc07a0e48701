"""What a container of a given image runs in the lab. Pure; registry, tag and digest of an image do not matter.

The lab has no images. Usual ones are known by name: their programs are the machine's or our own. Any other image
runs the command that its container names if the machine has such a program; else a server stands in for it that
answers on its declared ports with the pod's name.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from podfence.lab.environment import PATH, expand
from podfence.lab.interface import Object

_FOLDER = "/.podfence/bin/"
STAND_IN = _FOLDER + "serve-ports"


class Image(msgspec.Struct, frozen=True):
    """An image's entry point and default arguments; ``folders`` come first in its PATH."""

    entrypoint: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    folders: str = ""


class Invocation(msgspec.Struct, frozen=True):
    """What to run: a command, its PATH, and what stands in if the machine has no such program."""

    command: tuple[str, ...]
    path: str
    stand_in: tuple[str, ...] = ()


_SHELL = Image(arguments=("/bin/sh",))
# Their wget, nc and nslookup are busybox's, which GNU's and others of the same name do not behave like.
_BUSYBOX = Image(arguments=("sh",), folders=_FOLDER[:-1])
_ALPINE = Image(arguments=("/bin/sh",), folders=_FOLDER[:-1])
_NGINX = Image(arguments=("nginx", "-g", "daemon off;"), folders=_FOLDER[:-1])

_IMAGES = {
    "agnhost": Image(("/agnhost",), ("pause",)),
    "pause": Image(("/pause",)),
    # Its port is served by the lab itself (``dns_pods``).
    "coredns": Image(("/pause",)),
    "nginx": _NGINX,
    "nginx-unprivileged": Image(arguments=("nginx", "-g", "daemon off;", "--port=8080"), folders=_FOLDER[:-1]),
    "httpd": Image(arguments=("httpd-foreground",), folders=_FOLDER[:-1]),
    "hello-world": Image(arguments=(_FOLDER + "hello",)),
    "hello-app": Image(arguments=(_FOLDER + "hello-app",)),
    "echoserver": Image(arguments=("echo-server", "--port=8080"), folders=_FOLDER[:-1]),
    "echo-server": Image(arguments=("echo-server", "--port=80"), folders=_FOLDER[:-1]),
    "http-echo": Image((_FOLDER + "http-echo",)),
    "whoami": Image((_FOLDER + "whoami",)),
    "busybox": _BUSYBOX,
    "alpine": _ALPINE,
    "ubuntu": Image(arguments=("/bin/bash",)),
    "debian": Image(arguments=("bash",)),
    "curl": Image((_FOLDER + "curl-entrypoint",), ("curl",)),
    "netshoot": _SHELL,
    "network-multitool": _NGINX,
    "dnsutils": Image(arguments=("sleep", "infinity")),
    "jessie-dnsutils": Image(arguments=("sleep", "infinity")),
}
_ALIASES = {
    "alpine-curl": "curl",
    "busyboxplus": "busybox",
    "busyboxplus:curl": "busybox",
    "apache": "httpd",
    "multitool": "network-multitool",
    "praqma-network-multitool": "network-multitool",
}
# Where usual servers listen whose manifests often leave the port out.
_PORTS = {
    "redis": 6379, "postgres": 5432, "postgresql": 5432, "mysql": 3306, "mariadb": 3306, "mongo": 27017,
    "mongodb": 27017, "memcached": 11211, "rabbitmq": 5672, "elasticsearch": 9200, "kafka": 9092, "nats": 4222,
    "etcd": 2379, "tomcat": 8080, "wordpress": 80, "caddy": 80, "traefik": 80, "registry": 5000, "prometheus": 9090,
    "grafana": 3000, "cassandra": 9042, "zookeeper": 2181, "haproxy": 80, "envoy": 10000,
}  # fmt: skip


def image_name(image: str) -> str:
    """Reduce ``registry.example:5000/team/nginx:1.27@sha256:…`` to ``nginx``."""
    name = image.partition("@")[0].rpartition("/")[2]
    base, _, tag = name.partition(":")
    return f"{base}:{tag}" if f"{base}:{tag}" in _ALIASES else base


def is_known(image: str) -> bool:
    """Whether an image's own behaviour is known here, so that nothing needs to stand in for it."""
    name = image_name(image)
    return _ALIASES.get(name, name) in _IMAGES


def invocation(container: Object, pod_name: str, environment: Mapping[str, str]) -> Invocation:
    """Tell what to run for a container; ``command`` and ``args`` override the image as Kubernetes has it.

    ``command`` replaces the entry point and drops the image's arguments, ``args`` replaces the arguments.
    """
    name = image_name(container.get("image", ""))
    image = _IMAGES.get(_ALIASES.get(name, name))
    command = [expand(word, environment) for word in container.get("command") or []]
    arguments = [expand(word, environment) for word in container.get("args") or []]
    path = environment.get("PATH", PATH)
    stand_in = (STAND_IN, pod_name, *_served_ports(container, name))
    if image is None:
        words = tuple(command + arguments) if command else (stand_in[0],)
        return Invocation(words if command else stand_in, path, stand_in)
    words = (*command, *arguments) if command else (*image.entrypoint, *(arguments or image.arguments))
    return Invocation(words, f"{image.folders}:{path}" if image.folders else path)


def _served_ports(container: Object, name: str) -> list[str]:
    declared = [f"{port['containerPort']}/{port.get('protocol') or 'TCP'}" for port in container.get("ports") or []]
    return sorted(set(declared)) or ([f"{_PORTS[name]}/TCP"] if name in _PORTS else [])
