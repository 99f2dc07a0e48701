"""What runs for an image: the image's own behaviour, the container's command, or a stand-in."""

from __future__ import annotations

import pytest

from podfence.lab.images import STAND_IN, image_name, invocation
from podfence.lab.programs.commands import COMMANDS, FOLDER


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("nginx", "nginx"),
        ("nginx:1.27-alpine", "nginx"),
        ("registry.k8s.io/e2e-test-images/agnhost:2.53", "agnhost"),
        ("localhost:5000/team/redis", "redis"),
        ("docker.io/library/busybox@sha256:0123", "busybox"),
        ("curlimages/curl:8.5.0", "curl"),
    ],
)
def test_registry_tag_and_digest_do_not_matter(image: str, name: str) -> None:
    assert image_name(image) == name


def words(image: str, **container: object) -> tuple[str, ...]:
    return invocation({"image": image, **container}, "web-1", {"GREETING": "hi"}).command


def test_command_replaces_the_entry_point_and_args_the_arguments() -> None:
    assert words("agnhost") == ("/agnhost", "pause")
    assert words("agnhost", args=["porter"]) == ("/agnhost", "porter")
    assert words("agnhost", command=["/agnhost"]) == ("/agnhost",)
    assert words("agnhost", command=["/agnhost", "porter"]) == ("/agnhost", "porter")
    assert words("busybox", args=["echo", "$(GREETING)"]) == ("echo", "hi")


def test_an_unknown_image_serves_its_declared_ports_with_the_pods_name() -> None:
    ports = [
        {"containerPort": 53, "protocol": "UDP"},
        {"containerPort": 8080},
        {"containerPort": 9, "protocol": "SCTP"},
    ]
    served = (STAND_IN, "web-1", "53/UDP", "8080/TCP", "9/SCTP")
    assert words("registry.example/shop/cart:v3", ports=ports) == served
    assert invocation({"image": "shop/cart", "command": ["/server"], "ports": ports}, "web-1", {}).stand_in == served


def test_a_usual_server_is_served_on_its_usual_port_when_none_is_declared() -> None:
    assert words("redis:7") == (STAND_IN, "web-1", "6379/TCP")
    assert words("redis:7", ports=[{"containerPort": 7000}]) == (STAND_IN, "web-1", "7000/TCP")


def test_nothing_stands_in_for_an_image_that_is_known() -> None:
    assert invocation({"image": "busybox", "command": ["nosuch"]}, "web-1", {}).stand_in == ()


def test_every_program_of_ours_that_an_image_names_exists() -> None:
    for image in ("agnhost", "pause", "hello-world", "hello-app", "http-echo", "whoami", "curl", "shop/cart"):
        program = words(image)[0]
        assert program.removeprefix(FOLDER) in COMMANDS, image
    for image in ("nginx", "httpd", "echoserver"):
        found = invocation({"image": image}, "web-1", {})
        assert found.command[0] in COMMANDS
        assert found.path.startswith(FOLDER.rstrip("/") + ":")
