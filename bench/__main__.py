"""`make bench`: ratios against a floor or a peer of the same run. Printed, never asserted."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from bench import certificates, cloud, journal, land
from bench.report import show


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
    if os.geteuid() == 0 and shutil.which("containerd"):
        return land.main()
    sys.stdout.write("P1, P2, P6: not run, they need root and `make tools-cluster`\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
