"""Whether this machine can run a lab: one question, answered once, in words that say what is missing.

Everything is tried in namespaces of a short-lived process; nothing of the machine is touched.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

_TIMEOUT_S = 20
_OLDEST_KERNEL = (5, 8)
_RULES = """\
table inet podfence_probe {
  set ready { type ipv4_addr; }
  chain forward { type filter hook forward priority filter; ct state established accept; }
  chain prerouting { type nat hook prerouting priority dstnat; }
}
"""


def missing_for_lab() -> str | None:
    """Say in one sentence what this machine lacks for a lab, ``None`` when it lacks nothing; takes 0.1 s."""
    if sys.platform != "linux":
        return "the lab needs Linux"
    if kernel_version() < _OLDEST_KERNEL:
        return f"the lab needs Linux 5.8 or newer, this is {platform.release()}"
    if not Path("/proc/sys/net/ipv4/ip_forward").exists():
        return "the lab needs /proc to be mounted"
    if find_nft() is None:
        return "the lab needs nft; install the package nftables"
    tried = subprocess.run(
        [sys.executable, "-m", "podfence.lab.machine"], capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
    )
    if tried.returncode == 0:
        return None
    return tried.stdout.strip() or f"the lab could not be tried here: {tried.stderr.strip()[-200:]}"


def kernel_version() -> tuple[int, int]:
    """Give the first two numbers of the running kernel's version."""
    words = platform.release().replace("-", ".").split(".")
    return (int(words[0]), int(words[1])) if all(word.isdecimal() for word in words[:2]) else (0, 0)


def find_nft() -> str | None:
    """Find nft, also where an ordinary user's PATH leaves the folders of administration out."""
    return shutil.which("nft", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin:/usr/local/sbin")


def try_namespaces() -> str | None:
    """Make what a lab is made of, in this process; gives what failed. Must be run by a process of its own."""
    from podfence.lab import ground, netns, sandbox  # noqa: PLC0415 - only where namespaces are made

    try:
        ground.enter_ground()
    except OSError as error:
        return _why_no_namespaces(error)
    try:
        sandbox.build_skeleton(None)
    except OSError as error:
        return f"this machine does not let the lab mount its file systems: {error.strerror} ({error.filename})"
    try:
        network = netns.Network(("10.0.0.1",))
        network.add_node("probe", ("10.0.0.2",), ("10.0.1.0/24",))
    except OSError as error:
        return f"this machine does not let the lab set up networks of its own: {error.strerror or error}"
    return _try_nft()


def _why_no_namespaces(error: OSError) -> str:
    if _sysctl("user/max_user_namespaces") == "0":
        return "user namespaces are switched off here; set the sysctl user.max_user_namespaces to 10000"
    if os.geteuid() != 0 and _sysctl("kernel/unprivileged_userns_clone") == "0":
        return "ordinary users may make no namespaces here; run as root or set kernel.unprivileged_userns_clone to 1"
    if os.geteuid() != 0 and _sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "AppArmor keeps ordinary users from making namespaces; run as root or set the sysctl "
            "kernel.apparmor_restrict_unprivileged_userns to 0"
        )
    return f"this machine makes no namespaces ({error.strerror}), as is usual in containers; run outside of one"


def _sysctl(name: str) -> str | None:
    path = Path("/proc/sys", name)
    return path.read_text(encoding="ascii").strip() if path.exists() else None


def _try_nft() -> str | None:
    nft = find_nft()
    if nft is None:
        return "nft is installed where the lab does not see it; it must lie below /usr, /opt or /nix"
    tried = subprocess.run([nft, "-f", "-"], input=_RULES, text=True, capture_output=True, check=False)  # noqa: S603
    if tried.returncode:
        return f"nftables does not work in a network namespace here: {tried.stderr.strip().splitlines()[0]}"
    return None


if __name__ == "__main__":
    REASON = try_namespaces()
    if REASON is not None:
        sys.stdout.write(REASON)
        sys.stdout.flush()
    # A child of the ground has handlers of nobody left to run.
    os._exit(REASON is not None)
