"""Hold Podfence against Kubernetes' own programs.

"record" writes down anew what a real API server says about the test manifests. "e2e" runs Kubernetes' own suite for
NetworkPolicy, "cnp" and "anp" those of network-policy-api for ClusterNetworkPolicy and for AdminNetworkPolicy with
BaselineAdminNetworkPolicy: unmodified, each against a lab of three nodes, ten to fifteen minutes.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence

from podfence.model.error import PodfenceError
from tests.conformance import recording, server, suites, tools

PARTS: dict[str, Callable[[], int]] = {
    "record": recording.record,
    "e2e": lambda: suites.run(suites.NETWORK_POLICY),
    "cnp": lambda: suites.run(suites.CLUSTER_NETWORK_POLICY),
    "anp": lambda: suites.run(suites.ADMIN_NETWORK_POLICY),
}


def main(arguments: Sequence[str]) -> int:
    """Do the parts that were asked for, all by default; 1 if a suite failed, 2 if something could not be run."""
    parser = argparse.ArgumentParser(prog="./dev conformance", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all, in this order)")
    chosen = parser.parse_args(arguments).parts
    unknown = [part for part in chosen if part not in PARTS]
    if unknown:
        parser.error(f"no such part: {unknown[0]}; there are {', '.join(PARTS)}")
    # Being terminated must unwind the with blocks, or servers and labs would stay behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return max(PARTS[part]() for part in chosen or PARTS)
    except (tools.MissingToolError, server.ServerError, PodfenceError) as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
