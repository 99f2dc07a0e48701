"""What a lab leaves behind: nothing, however it ends; and that it needs no root."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from podfence.lab import orders
from podfence.lab.machine import missing_for_lab
from tests.lab.cluster import Cluster, in_cluster, outcome
from tests.lab.ordinary_user import environment, interpreter_for_all

pytestmark = pytest.mark.lab

STORY = textwrap.dedent("""
    import asyncio, sys
    from tests.lab.cluster import cluster

    async def story():
        async with cluster() as made:
            near, far = await made.porter("near", 1), await made.porter("far", 2)
            made.objects["configmaps", "test", "settings"] = {"data": {"key": "value"}}
            mounts = [{"name": "all", "mountPath": path} for path in ("/data", "/usr/share/none/here", "/var/run/at")]
            await made.start("files", command=["sleep", "1000"], volumeMounts=mounts,
                             volumes=[{"name": "all", "configMap": {"name": "settings"}}])
            await made.until("files", lambda status: status["phase"] == "Running")
            shown = await made.run("files", "sh", "-c", "cat /data/key /usr/share/none/here/key /var/run/at/key")
            print(await made.connect("near", f"{far[0]}:80"), await made.connect("near", f"[{far[1]}]:82", "sctp"),
                  (await made.run("near", "id", "-u")).stdout.strip(), shown.stdout, made.zygote._process.pid,
                  flush=True)
            await asyncio.sleep(float(sys.argv[1]))

    asyncio.run(story())
""")


def start(command: list[str], seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*command, "-c", STORY, str(seconds)], env=environment(), cwd="/", stdout=subprocess.PIPE, text=True
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an ordinary user")
def test_an_ordinary_user_has_the_same_lab() -> None:
    command = interpreter_for_all()
    if command is None:
        pytest.skip("no Python that an ordinary user may run has msgspec")
    with start(command, 0) as lab:
        assert lab.stdout is not None
        assert lab.stdout.readline().split()[:4] == ["OK", "OK", "0", "valuevaluevalue"]
        assert lab.wait(30) == 0


def test_nothing_is_left_when_the_server_is_killed() -> None:
    before = _left()
    with start([sys.executable], 600) as lab:
        assert lab.stdout is not None
        words = lab.stdout.readline().split()
        ground = int(words[4])
        assert len(_tree(ground)) >= 4, "the ground, the zygote and the pods"
        tree = _tree(ground)
        lab.send_signal(signal.SIGKILL)
        lab.wait()
        _wait_for_end(tree)
    assert _left() == before


def test_nothing_is_left_when_the_grounds_parent_is_killed() -> None:
    async def story(cluster: Cluster) -> list[int]:
        await cluster.porter("own")
        tree = _tree(cluster.zygote._process.pid)
        os.kill(cluster.zygote._process.pid, signal.SIGKILL)
        await cluster.zygote.ended
        with pytest.raises(OSError, match="the lab's zygote has ended"):
            await cluster.connect("own", "10.244.1.2:80")
        return tree

    _wait_for_end(in_cluster(story))


def test_pods_that_come_and_go_leave_no_descriptor_and_no_zombie() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.porter("stays")
        zygote = max(_tree(cluster.zygote._process.pid)[1:2])

        async def come_and_go(name: str) -> None:
            await cluster.porter(name)
            await cluster.connect(name, "127.0.0.1:80")
            await cluster.run(name, "true")
            await cluster.pods.stop("test", name, 0)

        await asyncio.gather(*(come_and_go(f"pod-{n}") for n in range(5)))
        counts = _descriptors(zygote), _descriptors(os.getpid())
        for _ in range(3):
            await asyncio.gather(*(come_and_go(f"pod-{n}") for n in range(5)))
        assert (_descriptors(zygote), _descriptors(os.getpid())) == counts
        states = [_state(pid) for pid in _tree(zygote)]
        assert "Z" not in states
        assert len(states) == 2, "the zygote and the pod that stays"

    in_cluster(story)


def test_pods_leave_none_of_their_own_volumes() -> None:
    async def story(cluster: Cluster) -> None:
        (folder,) = await cluster.zygote.ask(orders.OpenVolumes())
        volumes = [{"name": "own", "emptyDir": {}}, {"name": "kept", "persistentVolumeClaim": {"claimName": "db"}}]
        mounts = [{"name": name, "mountPath": f"/{name}"} for name in ("own", "kept")]
        stubborn = "mkdir -p /own/deep; touch /own/deep/file; chmod 0 /own/deep; touch /kept/file; sleep 1000"
        await cluster.start("own", command=["sh", "-c", stubborn], volumes=volumes, volumeMounts=mounts)
        await cluster.until("own", lambda status: status["phase"] == "Running")
        await cluster.run("own", "sh", "-c", "until test -e /kept/file; do :; done")
        await cluster.pods.stop("test", "own", 0)
        await cluster.pods.volumes.remove({"metadata": {"uid": "uid-own"}})
        found = {path: names for path, _, names, _ in os.fwalk(".", dir_fd=folder)}
        os.close(folder)
        folders = (".", "./claims", "./claims/test", "./pods")
        assert found == {"./claims/test/db": ["file"], **{path: [] for path in folders}}

    in_cluster(story)


def test_two_labs_side_by_side_do_not_see_each_other() -> None:
    async def outer(first: Cluster) -> None:
        await first.porter("own")

        async def inner() -> None:
            from tests.lab.cluster import cluster  # noqa: PLC0415

            async with cluster() as second:
                await second.start("other", command=["sleep", "1000"])
                await second.until("other", lambda status: status["phase"] == "Running")
                assert await second.connect("other", "10.244.1.2:80") == "REFUSED", "its own address there"
                assert await first.connect("own", "10.244.1.2:80") == "OK"

        await inner()

    in_cluster(outer)


def test_two_hundred_pods_run_at_once() -> None:
    async def story(cluster: Cluster) -> None:
        async def start_one(number: int) -> str:
            return (await cluster.porter(f"pod-{number}", number % 2 + 1))[0]

        addresses = await asyncio.gather(*(start_one(number) for number in range(200)))
        assert len(set(addresses)) == 200
        targets = [f"{address}:80" for address in addresses[::10]]
        found = await asyncio.gather(*(cluster.connect("pod-0", target) for target in targets))
        assert set(found) == {"OK"}

    in_cluster(story)


def test_programs_of_nodes_share_a_folder_with_the_machine_and_pods_do_not_see_it(tmp_path: Path) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.porter("own")
        path = {"PATH": "/usr/bin:/bin"}
        touch = await cluster.zygote.run("node/node-1", ["touch", "/run/podfence/from-node"], path)
        assert (await outcome(touch)).code == 0
        assert (await cluster.run("own", "ls", "-A", "/run")).stdout == ""

    in_cluster(story, str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["from-node"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mask a part of /proc")
def test_a_partly_masked_proc_is_no_obstacle() -> None:
    """Containers mask parts of /proc; the kernel then refuses to mount another."""
    masked = ["unshare", "-m", "sh", "-c", 'mount --bind /dev/null /proc/uptime && exec "$@"', "sh", sys.executable]
    with start(masked, 0) as lab:
        assert lab.stdout is not None
        assert lab.stdout.readline().split()[:4] == ["OK", "OK", "0", "valuevaluevalue"]
        assert lab.wait(30) == 0


def test_a_machine_that_can_run_a_lab_lacks_nothing() -> None:
    assert missing_for_lab() is None


def test_a_machine_without_user_namespaces_is_told_what_to_set() -> None:
    # The switch is written inside a user namespace of its own, where it bounds nobody else.
    question = f"{sys.executable} -c 'from podfence.lab.machine import missing_for_lab; print(missing_for_lab())'"
    script = f"echo 0 >/proc/sys/user/max_user_namespaces && {question}"
    asked = subprocess.run(["unshare", "-Ur", "sh", "-c", script], check=True, capture_output=True, text=True)
    assert asked.stdout == ("user namespaces are switched off here; set the sysctl user.max_user_namespaces to 10000\n")


def _left() -> tuple[str, str]:
    links = subprocess.run(["ip", "-o", "link"], check=True, capture_output=True, text=True).stdout
    return links, Path("/proc/self/mountinfo").read_text()


def _tree(pid: int) -> list[int]:
    """Give a process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    below = [int(word) for word in children.read_text().split()] if children.exists() else []
    return [pid, *(one for child in below for one in _tree(child))]


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _wait_for_end(pids: list[int]) -> None:
    """Wait for the end of processes that are none of our children."""
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            assert select.select([descriptor], [], [], 30)[0], f"process {pid} still runs"
        finally:
            os.close(descriptor)
