"""Record anew what a real API server says about the test manifests; `./dev conformance` runs this file."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    sys.exit(import_module("tests.conformance.recording").main())
