"""The agent works with exactly the permissions that it is deployed with, through restarts and compactions.

Takes some seconds, and minutes when the server has to be built: only with PODFENCE_CONFORMANCE in the environment.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance import tools
from tests.documents import ROOT
from tests.kernel.as_namespace_root import become_root

pytestmark = [
    pytest.mark.go,
    pytest.mark.kernel,
    pytest.mark.skipif(not os.environ.get("PODFENCE_CONFORMANCE"), reason="takes long: set PODFENCE_CONFORMANCE=1"),
    pytest.mark.skipif(shutil.which("etcd") is None, reason="needs etcd"),
]


def test_a_whole_agent_enforces_what_a_real_server_holds_with_the_role_that_is_deployed(tmp_path: Path) -> None:
    tools.build_apiserver(tools.require_go())
    story = [sys.executable, "-m", "tests.conformance.agent_story", json.dumps(str(tmp_path))]
    done = subprocess.run(
        [*become_root(), "unshare", "-n", *story],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    log = tmp_path / "agent.log"
    assert done.returncode == 0, done.stderr + (log.read_text("utf-8") if log.exists() else "")
