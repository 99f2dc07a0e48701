"""Make the table of types anew from the API server's own Go types; `./dev types` runs this file."""

from __future__ import annotations

import gzip
import subprocess
import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "src" / "podfence" / "manifests" / "types.json.gz"


def main() -> int:
    """Build and run the program that knows the types; gives 0, or 2 when Go is missing."""
    tools = import_module("tests.conformance.tools")
    try:
        program = tools.build_typetable(tools.require_go())
    except tools.MissingToolError as error:
        print(f"types: {error}", file=sys.stderr)
        return 2
    text = subprocess.run([program], capture_output=True, check=True).stdout.strip()
    before = gzip.decompress(TABLE.read_bytes()) if TABLE.is_file() else b""
    TABLE.write_bytes(gzip.compress(text, 9, mtime=0))
    state = "unchanged" if before == text else "CHANGED"
    print(f"{TABLE.relative_to(ROOT)}: {TABLE.stat().st_size / 1000:.0f} kB, {state}")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
