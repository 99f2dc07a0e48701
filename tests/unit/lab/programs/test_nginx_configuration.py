"""What of a configuration the stand-in for nginx obeys."""

from __future__ import annotations

from pathlib import Path

import pytest

from podfence.lab.programs.nginx_configuration import Configuration, read_configuration


def read(top: Path, **files: str) -> Configuration:
    """Read the configuration of a pod that has mounted these files, ``conf_d`` for one in conf.d."""
    folder = top / "etc/nginx/conf.d"
    folder.mkdir(parents=True)
    for name, text in files.items():
        path = folder.parent / "nginx.conf" if name == "main" else folder / f"{name}.conf"
        path.write_text(text, encoding="utf-8")
    return read_configuration(lambda path: path.is_file(), top)


def test_without_a_configuration_of_the_pod_nginx_is_as_its_image_has_it(tmp_path: Path) -> None:
    assert read(tmp_path) == Configuration((80,), "/usr/share/nginx/html", is_own=False)


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("server { listen 8080; }", (8080,)),
        ("server{listen 8080 default_server;listen [::]:8080 ipv6only=on;}", (8080,)),
        ("server { listen 127.0.0.1:8000; }\nserver {\n\tlisten\t*:9000 ssl;\n}", (8000, 9000)),
        ("server { # listen 81;\n listen 82; listen unix:/run/s; }", (82,)),
        ("server { server_name listen; }", (80,)),
    ],
)
def test_it_listens_where_the_pods_own_default_server_says(tmp_path: Path, text: str, ports: tuple[int, ...]) -> None:
    assert read(tmp_path, default=text).ports == ports


def test_a_folder_of_the_pods_own_takes_the_place_of_the_images_default_server(tmp_path: Path) -> None:
    found = read(tmp_path, more="server { listen 8080; root /data/www; }")
    assert found == Configuration((8080,), "/data/www", is_own=True)


def test_a_main_file_decides_whether_the_others_count(tmp_path: Path) -> None:
    main = "events {} http { server { listen 7000; } }"
    assert read(tmp_path / "alone", main=main, default="server { listen 1; }").ports == (7000,)
    included = main.replace("http {", "http { include /etc/nginx/conf.d/*.conf;")
    assert read(tmp_path / "both", main=included, default="server { listen 1; }").ports == (7000, 1)
