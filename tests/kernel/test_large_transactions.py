"""Large transactions where nobody is root outside: the kernel takes them in one message, which must fit its buffer."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare"),
]

PROGRAM = """
from podfence.dataplane.runner import runner
rules = "".join(f"add rule inet podfence c tcp dport {port} accept\\\\n" for port in range(1, COUNT))
runner().apply("add table inet podfence\\\\nadd chain inet podfence c\\\\n" + rules)
print(len(runner().list_table().chains["c"]))
"""
BYTES_PER_RULE = 224
"""Of netlink, at least (measured with nft 1.0.6: 264)."""


def test_a_transaction_larger_than_the_usual_buffer_works_in_a_user_namespace() -> None:
    usual, most = (int(Path(f"/proc/sys/net/core/wmem_{name}").read_text()) for name in ("default", "max"))
    count = int(usual * 1.2) // BYTES_PER_RULE
    assert count * BYTES_PER_RULE < 2 * most, "the kernel doubles what is asked for"
    program = PROGRAM.replace("\\\\", "\\").replace("COUNT", str(count + 1))
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-c", program],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "unshare failed" in done.stderr:
        pytest.skip("needs user namespaces")
    assert (done.stdout, done.stderr) == (f"{count}\n", "")
