"""`make bench`: ratios against a floor or a peer of the same run. Printed, never asserted."""

import os
import sys
import tempfile
from pathlib import Path

from bench import certificates, cloud, journal, land
from bench.report import show
from kit.errors import Unavailable
from tools.cluster import coredns, kube, kube_router, pulumi


def _lacking() -> str:
    """What two sites of one's own lack here; empty when nothing."""
    if os.geteuid() != 0:
        return "they need root"
    try:
        for program in (pulumi, kube, kube_router, coredns):
            program()
    except Unavailable as missing:
        return missing.detail
    return ""


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with journal.server(folder / "server", cloud.free_port()) as postgres:
            show(journal.price(postgres))
            show(journal.stored(postgres))
            show(certificates.measure(postgres, folder / "segments"))
        (folder / "cloud").mkdir()
        show(cloud.measure(folder / "cloud"))
    sys.stdout.write("P4 on clusters: not measured here; `make cluster-demo` tells it of two towns at the same time\n")
    if lacking := _lacking():
        sys.stdout.write(f"P1, P2, P6: not run: {lacking}\n")
        return 0
    return land.main()


if __name__ == "__main__":
    sys.exit(main())
