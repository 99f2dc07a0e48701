"""What containers find where their volumes are mounted, in the machine's own kernel."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from podfence.lab.volumes.keeper import VolumeError
from tests.lab.cluster import NAMESPACE, Cluster, in_cluster
from tests.lab.test_runtime_containers import main, ready

pytestmark = pytest.mark.lab

SLEEP = ["sleep", "1000"]
HTML = ("configmaps", NAMESPACE, "html")


def mount(name: str, path: str, **more: object) -> dict[str, Any]:
    return {"name": name, "mountPath": path, **more}


async def shell(cluster: Cluster, pod: str, command: str) -> str:
    """Give what a command writes in a pod's first container, its complaint if it fails."""
    done = await cluster.run(pod, "sh", "-c", command)
    return done.stdout.strip() if done.code == 0 else f"{done.code}: {done.stderr.strip()}"


def test_a_web_server_serves_the_files_of_a_config_map_and_follows_its_changes() -> None:
    async def story(cluster: Cluster) -> None:
        cluster.objects[HTML] = {"data": {"index.html": "<h1>mine</h1>\n", "style.css": "p {}"}}
        volumes = [{"name": "html", "configMap": {"name": "html"}}]
        address, _ = await cluster.start(
            "web", image="nginx", volumes=volumes, volumeMounts=[mount("html", "/usr/share/nginx/html")]
        )
        await cluster.start("own", image="busybox", command=SLEEP)
        await cluster.until("own", ready)
        await cluster.until("web", ready)
        assert await shell(cluster, "own", f"wget -qO- http://{address}") == "<h1>mine</h1>"
        assert await shell(cluster, "own", f"wget -qSO- http://{address}/style.css 2>&1 | grep -i type") == (
            "Content-Type: text/css"
        )
        assert "404 Not Found" in await shell(cluster, "own", f"wget -qO- http://{address}/none.html")
        assert "Read-only file system" in await shell(cluster, "web", "touch /usr/share/nginx/html/x")
        cluster.objects[HTML] = {"data": {"index.html": "<h1>changed</h1>\n", "new.html": "new"}}
        cluster.pods.volumes.object_changed(HTML)
        assert await shell(cluster, "own", f"wget -qO- http://{address}/") == "<h1>changed</h1>"
        assert await shell(cluster, "own", f"wget -qO- http://{address}/new.html") == "new"
        assert "404" in await shell(cluster, "own", f"wget -qO- http://{address}/style.css")

    in_cluster(story)


def test_volumes_lie_at_any_path_whatever_the_machine_has_there() -> None:
    async def story(cluster: Cluster) -> None:
        cluster.objects[HTML] = {"data": {"a": "A", "b": "B"}}
        volumes = [{"name": "config", "configMap": {"name": "html"}}, {"name": "data", "emptyDir": {}}]
        paths = [
            "/data",
            "/etc/app",
            "/usr/lib/podfence-none/deep",
            "/var/lib/app",
            "/var/run/app",
            "/tmp/app",
            "/opt",
            "/pod",
        ]
        mounts = [mount("config", path) for path in paths] + [mount("data", "/data/../made-here/deep")]
        mounts += [mount("config", "/etc/one.conf", subPath="a"), mount("data", "/var/lib/app2", subPath="made/here")]
        await cluster.start("own", command=SLEEP, volumes=volumes, volumeMounts=mounts, workingDir="/app/home")
        await cluster.until("own", ready)
        for path in paths:
            assert await shell(cluster, "own", f"cat {path}/a {path}/b") == "AB", path
        assert await shell(cluster, "own", "cat /etc/one.conf; pwd") == "A/app/home"
        assert await shell(cluster, "own", "echo 1 >/var/lib/app2/file; cat /made-here/deep/made/here/file") == "1"
        assert await shell(cluster, "own", "ls -d /usr/lib/x86* /usr/bin/env /etc/passwd /bin/sh | wc -l") != "0"
        assert await shell(cluster, "own", "test -e /.volumes/pods || ls /.podfence/bin/wget") == "/.podfence/bin/wget"
        for harm in ("touch /x", "touch /usr/lib/x", "touch /var/lib/x", "touch /etc/x", "rm /usr/bin/env"):
            assert "Read-only file system" in await shell(cluster, "own", harm), harm

    in_cluster(story)


def test_containers_of_a_pod_share_a_folder_that_no_other_pod_sees() -> None:
    async def story(cluster: Cluster) -> None:
        volumes = [{"name": "shared", "emptyDir": {}}]
        init = {
            "name": "writer",
            "image": "busybox",
            "command": ["sh", "-c", "umask 0; id -u; echo hello >/out/file"],
            "volumeMounts": [mount("shared", "/out")],
        }
        mounts = [mount("shared", "/in", readOnly=True)]
        for name in ("one", "two"):
            inits = [init] if name == "one" else []
            await cluster.start(name, command=SLEEP, volumes=volumes, initContainers=inits, volumeMounts=mounts)
            await cluster.until(name, ready)
        assert await shell(cluster, "one", "cat /in/file; stat -c %a /in") == "hello\n777"
        assert "Read-only file system" in await shell(cluster, "one", "touch /in/x")
        assert await shell(cluster, "two", "ls /in") == ""

    in_cluster(story)


def test_files_have_the_modes_and_paths_that_their_volume_gives_them() -> None:
    async def story(cluster: Cluster) -> None:
        secret = {"data": {"key": base64.b64encode(b"\0binary").decode()}}
        cluster.objects["secrets", NAMESPACE, "keys"] = secret
        cluster.objects[HTML] = {"data": {"a": "A", "b": "B"}}
        items = [{"key": "a", "path": "sub/deep/a.conf", "mode": 0o600}, {"key": "b", "path": "b.conf"}]
        labels = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
        name = {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}
        sources = [
            {"configMap": {"name": "html", "items": items}},
            {"secret": {"name": "keys"}},
            {"configMap": {"name": "none", "optional": True}},
            {"downwardAPI": {"items": [name, labels]}},
            {"serviceAccountToken": {"path": "token"}},
        ]
        volumes = [{"name": "all", "projected": {"sources": sources, "defaultMode": 0o440}}]
        await cluster.start("own", command=SLEEP, volumes=volumes, volumeMounts=[mount("all", "/all")])
        await cluster.until("own", ready)
        found = await shell(cluster, "own", "cd /all; stat -Lc '%n %a' sub/deep/a.conf b.conf key")
        assert found == "sub/deep/a.conf 600\nb.conf 440\nkey 440"
        assert await shell(cluster, "own", "cat /all/name; wc -c </all/key") == "own7"
        head, claims, signature = (await shell(cluster, "own", "cat /all/token")).split(".")
        assert base64.urlsafe_b64decode(head + "==") == b'{"alg":"none"}'
        assert b"system:serviceaccount:test:default" in base64.urlsafe_b64decode(claims + "==")
        assert signature == ""

    in_cluster(story)


def test_no_link_of_a_volume_leads_out_of_it() -> None:
    async def story(cluster: Cluster) -> None:
        volumes = [{"name": "shared", "emptyDir": {}}]
        init = {
            "name": "writer",
            "image": "busybox",
            "command": ["sh", "-c", "ln -s /.volumes /out/all; ln -s ../../.. /out/up; ln -s / /out/root"],
            "volumeMounts": [mount("shared", "/out")],
        }
        mounts = [mount("shared", f"/{name}", subPath=name) for name in ("up", "root")]
        await cluster.start("own", command=SLEEP, volumes=volumes, initContainers=[init], volumeMounts=mounts)
        await cluster.until("own", ready)
        assert await shell(cluster, "own", "ls /up /root") == "/root:\nall\nroot\nup\n\n/up:\nall\nroot\nup"
        mounts = [mount("shared", "/all", subPath="all")]
        await cluster.start("bad", command=SLEEP, volumes=volumes, initContainers=[init], volumeMounts=mounts)
        status = await cluster.until(
            "bad", lambda status: "containerID" in main(status) and main(status)["restartCount"]
        )
        assert (
            'error mounting volume "shared" to rootfs at "/all"' in main(status)["lastState"]["terminated"]["message"]
        )

    in_cluster(story)


def test_what_a_node_or_a_claim_would_hold_is_an_empty_folder_that_outlives_the_pod() -> None:
    async def story(cluster: Cluster) -> None:
        volumes = [
            {"name": "log", "hostPath": {"path": "/var/log"}},
            {"name": "data", "persistentVolumeClaim": {"claimName": "db"}},
            {"name": "gone", "emptyDir": {}},
        ]
        mounts = [mount("log", "/log"), mount("data", "/data"), mount("gone", "/gone")]
        for name in ("one", "two"):
            await cluster.start(name, command=SLEEP, volumes=volumes, volumeMounts=mounts)
            await cluster.until(name, ready)
            seen = await shell(cluster, name, "ls /log /data /gone")
            assert seen == ("/data:\n\n/gone:\n\n/log:" if name == "one" else "/data:\none\n\n/gone:\n\n/log:\none")
            await shell(cluster, name, f"for at in log data gone; do touch /$at/{name}; done")
            await cluster.pods.stop(NAMESPACE, name, 0)
            await cluster.pods.volumes.remove({"metadata": {"uid": f"uid-{name}"}})
        await cluster.start("far", 2, command=SLEEP, volumes=volumes, volumeMounts=mounts)
        await cluster.until("far", ready)
        assert await shell(cluster, "far", "ls /log") == ""

    in_cluster(story)


def test_a_volume_that_shows_what_is_not_there_is_refused_in_the_kubelets_words() -> None:
    async def story(cluster: Cluster) -> None:
        cluster.objects[HTML] = {"data": {"a": "A"}}
        for source, words in (
            ({"configMap": {"name": "none"}}, 'configmap "none" not found'),
            ({"secret": {"secretName": "none"}}, 'secret "none" not found'),
            (
                {"configMap": {"name": "html", "items": [{"key": "k", "path": "p"}]}},
                "references non-existent config key: k",
            ),
            (
                {"hostPath": {"path": "/var/run/docker.sock", "type": "Socket"}},
                "hostPath type check failed: /var/run/docker.sock is not a socket file",
            ),
        ):
            with pytest.raises(VolumeError) as caught:
                await cluster.start("own", command=SLEEP, volumes=[{"name": "v", **source}])
            assert str(caught.value) == f'MountVolume.SetUp failed for volume "v" : {words}'

    in_cluster(story)


def test_a_container_starts_once_the_object_of_its_variables_is_there() -> None:
    async def story(cluster: Cluster) -> None:
        source = {"configMapRef": {"name": "html"}}
        await cluster.start("own", command=["sh", "-c", "echo $A; sleep 1000"], envFrom=[source])
        status = await cluster.until("own", lambda status: "reason" in main(status)["state"].get("waiting", {}))
        waiting = {"reason": "CreateContainerConfigError", "message": 'configmap "html" not found'}
        status = await cluster.until("own", lambda status: main(status)["state"] == {"waiting": waiting})
        assert status["phase"] == "Pending"
        cluster.objects[HTML] = {"data": {"A": "there"}}
        cluster.pods.volumes.object_changed(HTML)
        status = await cluster.until("own", ready)
        assert main(status)["restartCount"] == 0
        assert await shell(cluster, "own", "echo $A") == "there"

    in_cluster(story)


def test_a_web_server_listens_where_its_mounted_configuration_says() -> None:
    async def story(cluster: Cluster) -> None:
        conf = "server { listen 8080; root /www; }"
        cluster.objects[HTML] = {"data": {"default.conf": conf, "index.html": "mine"}}
        volumes = [{"name": "html", "configMap": {"name": "html"}}]
        mounts = [mount("html", "/etc/nginx/conf.d/default.conf", subPath="default.conf"), mount("html", "/www")]
        address, _ = await cluster.start("web", image="nginx", volumes=volumes, volumeMounts=mounts)
        await cluster.until("web", ready)
        await cluster.start("own", image="busybox", command=SLEEP)
        await cluster.until("own", ready)
        assert await shell(cluster, "own", f"wget -qO- http://{address}:8080/") == "mine"
        assert await cluster.connect("own", f"{address}:80") == "REFUSED"
        mounts = [mount("html", "/etc/nginx/conf.d/more.conf", subPath="default.conf")]
        address, _ = await cluster.start("more", image="nginx", volumes=volumes, volumeMounts=mounts)
        await cluster.until("more", ready)
        assert [await cluster.connect("own", f"{address}:{port}") for port in (80, 8080)] == ["OK", "OK"]

    in_cluster(story)


def test_labels_in_a_file_follow_those_of_the_pod() -> None:
    async def story(cluster: Cluster) -> None:
        item = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
        volumes = [{"name": "me", "downwardAPI": {"items": [item]}}]
        await cluster.start("own", command=SLEEP, volumes=volumes, volumeMounts=[mount("me", "/me")])
        await cluster.until("own", ready)
        assert await shell(cluster, "own", "cat /me/labels") == ""
        labels = {"tier": "web", "app": 'a "b"'}
        metadata = {"namespace": NAMESPACE, "name": "own", "uid": "uid-own", "labels": labels}
        cluster.pods.volumes.pod_changed({"metadata": metadata, "spec": {"volumes": volumes, "containers": []}})
        assert await shell(cluster, "own", "cat /me/labels") == 'app="a \\"b\\""\ntier="web"'

    in_cluster(story)
