"""Containers as a kubelet runs them: order, restarts, probes, hooks, logs, streams, exit codes."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest

from podfence.lab import container
from podfence.lab.probes import read_all
from tests.lab.cluster import NAMESPACE, Cluster, in_cluster, outcome, read_until

pytestmark = pytest.mark.lab


def main(status: dict[str, Any]) -> dict[str, Any]:
    """Give the status of the pod's container."""
    found: dict[str, Any] = status["containerStatuses"][0]
    return found


def ready(status: dict[str, Any]) -> bool:
    return bool(main(status)["ready"])


def test_a_program_ends_with_its_code_and_says_what_it_said() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.start("own", command=["sleep", "1000"])
        await cluster.until("own", ready)
        assert await cluster.run("own", "sh", "-c", "echo out; echo err >&2; exit 7") == (7, "out\n", "err\n")
        assert await cluster.run("own", "cat", stdin=b"through") == (0, "through", "")
        assert (await cluster.run("own", "sh", "-c", "kill -9 $$")).code == 137
        big = await cluster.run("own", "head", "-c", "3000000", "/dev/zero")
        assert len(big.stdout) == 3_000_000
        with pytest.raises(FileNotFoundError, match=r'exec: "nosuch": executable file not found in \$PATH'):
            await cluster.run("own", "nosuch")
        with pytest.raises(PermissionError):
            await cluster.run("own", "/etc/passwd")
        with pytest.raises(LookupError, match="container other is not valid"):
            await cluster.pods.exec(NAMESPACE, "own", "other", ["true"], stdin=False, tty=False)

    in_cluster(story)


def test_many_programs_at_once_do_not_mix() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.start("own", command=["sleep", "1000"])
        await cluster.until("own", ready)
        found = await asyncio.gather(*(cluster.run("own", "sh", "-c", f"echo {n}; exit {n}") for n in range(60)))
        assert found == [(n, f"{n}\n", "") for n in range(60)]

    in_cluster(story)


def test_what_is_too_long_for_a_program_is_refused() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.start("own", command=["sleep", "1000"])
        await cluster.until("own", ready)
        with pytest.raises(OSError, match="Argument list too long"):
            await cluster.run("own", "echo", "x" * 200_000)

    in_cluster(story)


def test_a_program_that_nobody_waits_for_any_more_is_killed() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.start("own", command=["sleep", "1000"])
        await cluster.until("own", ready)
        starting = [asyncio.ensure_future(cluster.run("own", "sleep", "77")) for _ in range(10)]
        await asyncio.sleep(0)
        for one in starting:
            one.cancel()
        await asyncio.gather(*starting, return_exceptions=True)
        while (await cluster.run("own", "sh", "-c", "cat /proc/[0-9]*/cmdline")).stdout.count("77\0"):
            pass

    in_cluster(story)


def test_a_pod_lives_as_long_as_its_sidecar() -> None:
    async def story(cluster: Cluster) -> None:
        side = {"name": "side", "image": "busybox", "restartPolicy": "Always", "command": ["sleep", "1000"]}
        await cluster.start("own", initContainers=[side], command=["true"], restartPolicy="Never")
        status = await cluster.until("own", lambda status: "terminated" in main(status)["state"])
        assert status["phase"] == "Running"
        assert "running" in status["initContainerStatuses"][0]["state"]

    in_cluster(story)


def test_a_terminal_has_a_size_and_passes_signals_on() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.start("own", command=["sleep", "1000"])
        await cluster.until("own", ready)
        waiting = ["sh", "-c", "trap 'exit 9' INT; read line; stty size; while :; do sleep 0.01; done"]
        shell = await cluster.pods.exec(NAMESPACE, "own", "", waiting, stdin=True, tty=True)
        assert shell.stdin == shell.stdout
        assert shell.stdin is not None
        shell.resize(101, 33)
        os.write(shell.stdin, b"go\n")
        await read_until(shell.stdin, b"33 101\r\n")
        os.write(shell.stdin, b"\x03")
        assert (await outcome(shell)).code == 9
        sleeper = await cluster.pods.exec(
            NAMESPACE, "own", "", ["sh", "-c", "sleep 1000; true"], stdin=False, tty=False
        )
        sleeper.signal(signal.SIGTERM)
        assert (await outcome(sleeper)).code == 128 + signal.SIGTERM

    in_cluster(story)


def test_a_pod_sees_its_own_files_and_none_that_it_could_harm() -> None:
    async def story(cluster: Cluster) -> None:
        addresses = await cluster.start("own", command=["sleep", "1000"], hostname="web")
        await cluster.until("own", ready)
        assert (await cluster.run("own", "hostname")).stdout == "web\n"
        assert f"{addresses[0]}\tweb\n" in (await cluster.run("own", "cat", "/etc/hosts")).stdout
        assert "nameserver 10.96.0.10" in (await cluster.run("own", "cat", "/etc/resolv.conf")).stdout
        assert (await cluster.run("own", "sh", "-c", "echo 1 >/tmp/a && cat /tmp/a; ls /run")).stdout == "1\n"
        for harm in (
            "touch /usr/x",
            "touch /x",
            "touch /etc/x",
            "mount -t tmpfs none /tmp",
            "echo 1 >/proc/sys/kernel/panic",
            "echo s >/proc/sysrq-trigger",
            "grep -q . /etc/shadow",
            "test -e /home -o -e /run/podfence -o -e /var/log",
        ):
            assert (await cluster.run("own", "sh", "-c", harm)).code != 0, harm
        assert (await cluster.run("own", "sh", "-c", "ls /proc | grep -c '^[0-9]'")).stdout in {"3\n", "4\n", "5\n"}

    in_cluster(story)


def test_init_containers_run_in_order_before_the_others_and_sidecars_stay() -> None:
    async def story(cluster: Cluster) -> None:
        inits = [
            {"name": "first", "image": "busybox", "command": ["sh", "-c", "echo first"]},
            {"name": "side", "image": "busybox", "restartPolicy": "Always", "command": ["sleep", "1000"]},
            {"name": "last", "image": "busybox", "command": ["sh", "-c", "exit 0"]},
        ]
        await cluster.start("own", initContainers=inits, command=["sleep", "1000"])
        status = await cluster.until("own", ready)
        states = {one["name"]: (list(one["state"]), one["ready"]) for one in status["initContainerStatuses"]}
        assert states == {
            "first": (["terminated"], True),
            "side": (["running"], True),
            "last": (["terminated"], True),
        }

    in_cluster(story)


def test_a_failed_init_container_fails_a_pod_that_never_restarts() -> None:
    async def story(cluster: Cluster) -> None:
        init = {"name": "first", "image": "busybox", "command": ["false"]}
        await cluster.start("own", initContainers=[init], command=["sleep", "1000"], restartPolicy="Never")
        status = await cluster.until("own", lambda status: status["phase"] == "Failed")
        assert main(status)["state"] == {"waiting": {"reason": "PodInitializing"}}

    in_cluster(story)


@pytest.mark.parametrize(
    ("policy", "command", "phase", "restarts"),
    [
        ("Never", ["false"], "Failed", 0),
        ("Never", ["true"], "Succeeded", 0),
        ("OnFailure", ["true"], "Succeeded", 0),
    ],
)
def test_a_pod_ends_as_its_restart_policy_says(policy: str, command: list[str], phase: str, restarts: int) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.start("own", command=command, restartPolicy=policy)
        status = await cluster.until("own", lambda status: status["phase"] in {"Succeeded", "Failed"})
        assert (status["phase"], main(status)["restartCount"]) == (phase, restarts)

    in_cluster(story)


def test_a_program_that_keeps_ending_is_restarted_once_and_then_backed_off() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.start("own", command=["sh", "-c", "echo run; exit 3"])
        status = await cluster.until(
            "own", lambda status: "waiting" in main(status)["state"] and main(status)["restartCount"]
        )
        assert main(status)["state"]["waiting"] == {
            "reason": "CrashLoopBackOff",
            "message": "back-off 10s restarting failed container=main pod=own_test(uid-own)",
        }
        assert main(status)["lastState"]["terminated"]["exitCode"] == 3
        assert status["phase"] == "Running"
        assert await cluster.log("own", follow=False) == b"run\n"
        assert await cluster.log("own", follow=False, previous=True) == b"run\n"

    in_cluster(story)


def test_a_program_that_the_machine_lacks_is_said_as_a_container_runtime_says_it() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.start("own", command=["nosuch"], restartPolicy="Never")
        status = await cluster.until("own", lambda status: status["phase"] == "Failed")
        ended = main(status)["state"]["terminated"]
        assert (ended["exitCode"], ended["reason"]) == (128, "StartError")
        assert 'exec: "nosuch": executable file not found in $PATH: unknown' in ended["message"]

    in_cluster(story)


def test_a_stand_in_serves_for_a_program_that_the_machine_lacks_and_its_own_probes_pass() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.porter("own", 2)
        addresses = await cluster.start(
            "cart",
            image="registry.example/shop/cart:v1",
            command=["/app/server"],
            ports=[{"containerPort": 7070, "name": "web"}],
            readinessProbe={"exec": {"command": ["/app/check"]}},
            livenessProbe={"httpGet": {"port": "web", "path": "/healthz"}},
        )
        await cluster.until("cart", ready)
        assert await cluster.connect("own", f"{addresses[0]}:7070") == "OK"
        assert await cluster.connect("own", f"{addresses[0]}:7071") == "REFUSED"

    in_cluster(story)


def test_readiness_follows_its_probe_and_liveness_restarts() -> None:
    async def story(cluster: Cluster) -> None:
        probe = {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 0.02, "failureThreshold": 1}
        alive = {
            "exec": {"command": ["test", "!", "-e", "/tmp/dead"]},
            "periodSeconds": 0.02,
            "failureThreshold": 2,
            "terminationGracePeriodSeconds": 0,
        }
        await cluster.start("own", command=["sleep", "1000"], readinessProbe=probe, livenessProbe=alive)
        await cluster.until("own", lambda status: status["phase"] == "Running" and not ready(status))
        await cluster.run("own", "touch", "/tmp/ready")
        await cluster.until("own", ready)
        await cluster.run("own", "rm", "/tmp/ready")
        await cluster.until("own", lambda status: not ready(status))
        await cluster.run("own", "touch", "/tmp/dead")
        status = await cluster.until(
            "own", lambda status: main(status)["restartCount"] == 1 and "running" in main(status)["state"]
        )
        ended = main(status)["lastState"]["terminated"]
        assert ended["exitCode"] == 137
        assert ended["message"] == "Container main failed liveness probe, will be restarted"
        told = [(event.reason, event.message, event.is_warning) for event in cluster.events]
        assert ("Unhealthy", "Readiness probe failed: ", True) in told
        assert ("Unhealthy", "Liveness probe failed: ", True) in told
        assert ("Killing", "Container main failed liveness probe, will be restarted", False) in told

    in_cluster(story)


@pytest.mark.parametrize(
    "probe",
    [{"httpGet": {"path": "/healthz", "port": 8080}}, {"tcpSocket": {"port": 8080}}, {"httpGet": {"port": "web"}}],
)
def test_probes_over_the_network_find_a_server_that_serves(probe: dict[str, Any]) -> None:
    async def story(cluster: Cluster) -> None:
        ports = [{"name": "web", "containerPort": 8080}]
        await cluster.start("own", image="agnhost", args=["netexec"], ports=ports, readinessProbe=probe)
        await cluster.until("own", ready)

    in_cluster(story)


def test_the_end_is_asked_for_first_and_forced_after_the_grace_period() -> None:
    async def story(cluster: Cluster) -> None:
        polite = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done"
        hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo hook >/proc/1/fd/1"]}}}
        await cluster.start("polite", command=["sh", "-c", polite], lifecycle=hook)
        await cluster.start("deaf", command=["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.01; done"])
        for name in ("polite", "deaf"):
            await cluster.until(name, ready)
            async for _, line in cluster.pods.logs(NAMESPACE, name, "main", follow=True, previous=False):
                assert line == b"up\n"
                break
        text = asyncio.ensure_future(cluster.log("polite"))
        await asyncio.sleep(0)
        await asyncio.gather(cluster.pods.stop(NAMESPACE, "polite"), cluster.pods.stop(NAMESPACE, "deaf", 0.05))
        assert await text == b"up\nhook\nbye\n"
        assert main(cluster.statuses["polite"])["state"]["terminated"]["exitCode"] == 0
        assert main(cluster.statuses["deaf"])["state"]["terminated"]["exitCode"] == 137

    in_cluster(story)


def test_who_attaches_sees_all_output_and_types_into_the_program() -> None:
    async def story(cluster: Cluster) -> None:
        command = ["sh", "-c", "echo hello; cat; echo end >&2; exit 4"]
        await cluster.start("own", command=command, stdin=True, stdinOnce=True, restartPolicy="Never")
        await cluster.until("own", ready)
        joined = await cluster.pods.attach(NAMESPACE, "own", "main", stdin=True, tty=False)
        assert joined.stdin is not None
        os.write(joined.stdin, b"typed\n")
        os.close(joined.stdin)
        assert await outcome(joined) == (4, "hello\ntyped\n", "end\n")
        # Who comes a moment too late sees it all the same, as one stream.
        late = await cluster.pods.attach(NAMESPACE, "own", "main", stdin=True, tty=False)
        assert await outcome(late) == (4, "hello\ntyped\nend\n", "")
        assert await cluster.log("own") == b"hello\ntyped\nend\n"

    in_cluster(story)


def test_what_has_ended_cannot_be_joined_unless_it_was_interactive_and_only_for_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.start("plain", command=["true"], restartPolicy="Never")
        await cluster.start("shell", command=["true"], stdin=True, tty=True, restartPolicy="Never")
        for name in ("plain", "shell"):
            await cluster.until(name, lambda status: "terminated" in main(status)["state"])
        with pytest.raises(LookupError, match="container main is not running"):
            await cluster.pods.attach(NAMESPACE, "plain", "main", stdin=True, tty=False)
        assert (await outcome(await cluster.pods.attach(NAMESPACE, "shell", "main", stdin=True, tty=True))).code == 0
        monkeypatch.setattr(container, "_ATTACHABLE_S", -1.0)
        with pytest.raises(LookupError, match="container main is not running"):
            await cluster.pods.attach(NAMESPACE, "shell", "main", stdin=True, tty=True)

    in_cluster(story)


def test_who_attaches_to_a_terminal_shares_it() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.start("own", command=["sh"], stdin=True, tty=True, restartPolicy="Never")
        await cluster.until("own", ready)
        joined = await cluster.pods.attach(NAMESPACE, "own", "main", stdin=True, tty=True)
        assert joined.stdin == joined.stdout
        assert joined.stdin is not None
        joined.resize(88, 22)
        os.write(joined.stdin, b"stty size; exit 6\n")
        assert b"22 88\r\n" in await read_all(joined.stdin)
        os.close(joined.stdin)
        assert await joined.wait() == 6

    in_cluster(story)


def test_the_tools_of_a_shell_are_there_whatever_the_machine_has() -> None:
    async def story(cluster: Cluster) -> None:
        address, six = await cluster.start("web", 2, "nginx:1.27")
        await cluster.start("own", image="alpine", command=["sleep", "1000"])
        await cluster.until("web", ready)
        await cluster.until("own", ready)
        folder = "/.podfence/bin/"
        for command, code, text in (
            (f"wget -qO- -T 2 http://{address}", 0, "Welcome to nginx!"),
            (f"{folder}wget -qO- -T 2 {address}", 0, "Welcome to nginx!"),
            (f"{folder}wget -O /dev/null -T 2 {address}:81", 1, f"can't connect to remote host ({address})"),
            (f"{folder}curl -s -m 2 http://[{six}]/", 0, "Welcome to nginx!"),
            (f"{folder}curl -s -o /dev/null -w '%{{http_code}}' {address}/missing", 0, "404"),
            (f"{folder}curl -sS -m 1 {address}:81", 7, "curl: (7) Failed to connect"),
            (f"{folder}curl -sS -m 0.2 10.244.2.200", 28, "curl: (28)"),
            (f"{folder}nc -zv -w 1 {address} 80", 0, "open"),
            (f"echo hello | {folder}nc -v -t -w 2 {address} 80", 0, "400 Bad Request"),
            (f"{folder}nc -zv -w 1 {address} 81", 1, "Connection refused"),
            (f"{folder}ping -c 1 -W 2 {address}", 0, "0% packet loss"),
            (f"{folder}ping -c 1 -W 2 {six}", 0, "1 packets received"),
            (f"{folder}ping -c 1 -W 0.1 10.244.2.200", 1, "100% packet loss"),
            (f"{folder}nslookup -timeout=0.1 web", 1, "no servers could be reached"),
            (f"{folder}dig +time=0.1 web", 9, "no servers could be reached"),
        ):
            done = await cluster.run("own", "sh", "-c", command)
            assert done.code == code, (command, done)
            assert text in done.stdout + done.stderr, (command, done)

    in_cluster(story)


def with_ephemeral(*containers: dict[str, Any]) -> dict[str, Any]:
    """Give the pod ``own`` as the API has it once ephemeral containers were added."""
    return {"metadata": {"namespace": NAMESPACE, "name": "own"}, "spec": {"ephemeralContainers": list(containers)}}


def test_an_ephemeral_container_shares_the_pods_network_and_its_targets_processes() -> None:
    async def story(cluster: Cluster) -> None:
        own, other = {"name": "d", "image": "busybox", "command": ["sh", "-c", "exit 3"]}, {"name": "e"}
        [address, _] = await cluster.start("own", command=["sleep", "1000"])
        await cluster.until("own", ready)
        with pytest.raises(LookupError, match="container d is not valid"):
            await cluster.run("own", "true", container="d")
        cluster.pods.start_ephemeral(with_ephemeral(own))
        status = await cluster.until("own", lambda status: "terminated" in ephemeral(status)[0].get("state", {}))
        assert status["phase"] == "Running"
        assert ephemeral(status)[0]["state"]["terminated"]["exitCode"] == 3
        assert (ephemeral(status)[0]["ready"], "started" in ephemeral(status)[0]) == (False, False)
        aimed = {"image": "busybox", "command": ["sleep", "999"], "targetContainerName": "main"}
        cluster.pods.start_ephemeral(with_ephemeral(own, other | aimed))
        await cluster.until("own", lambda status: "running" in ephemeral(status)[-1]["state"])
        assert len(ephemeral(cluster.statuses["own"])) == 2
        look = "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; ip address"
        seen = await cluster.run("own", "sh", "-c", look, container="e")
        assert "sleep 1000 " in seen.stdout
        assert "sleep 999 " in seen.stdout
        assert f" {address}/32 " in seen.stdout

    in_cluster(story)


def ephemeral(status: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the status of the pod's ephemeral containers, one that says nothing where there is none."""
    return status.get("ephemeralContainerStatuses") or [{}]


def test_a_pod_ends_with_its_containers_whoever_debugs_it() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.start(
            "own", command=["sh", "-c", "read line"], stdin=True, restartPolicy="Never", terminationGracePeriodSeconds=0
        )
        await cluster.until("own", ready)
        cluster.pods.start_ephemeral(with_ephemeral({"name": "d", "image": "busybox", "command": ["sleep", "999"]}))
        await cluster.until("own", lambda status: "running" in ephemeral(status)[0].get("state", {}))
        process = await cluster.pods.attach(NAMESPACE, "own", "main", stdin=True, tty=False)
        assert process.stdin is not None
        os.write(process.stdin, b"enough\n")
        status = await cluster.until("own", lambda status: "terminated" in ephemeral(status)[0]["state"])
        assert status["phase"] == "Succeeded"
        cluster.pods.start_ephemeral(with_ephemeral({"name": "late", "image": "busybox", "command": ["true"]}))
        assert len(ephemeral(cluster.statuses["own"])) == 1

    in_cluster(story)
