"""`python -m infra.wall`: wait until this pod's walls stand. The first thing a pod runs.

A network plugin may leave a new pod open until its rules are written. The API server is the one address that every pod
knows, that always listens, and that no tenant's pod may reach: as long as a connection to it opens, there is no wall yet.
"""

import os
import socket
import sys
import time

PATIENCE_SECONDS = 60.0


def opens(host: str, port: int) -> bool:
    """Whether a connection can be made."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def wait(host: str, port: int, *, patience: float = PATIENCE_SECONDS) -> float | None:
    """Seconds until the wall stood; None when it did not within `patience`. Two refusals, so that a lost packet is no wall."""
    started, refused = time.monotonic(), 0
    while time.monotonic() - started < patience:
        refused = 0 if opens(host, port) else refused + 1
        if refused == 2:
            return time.monotonic() - started
        time.sleep(0.05)
    return None


def main() -> int:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
    seconds = wait(host, port)
    if seconds is None:
        sys.stderr.write(f"wall: a forbidden connection still opens after {PATIENCE_SECONDS:.0f} s: nothing is started\n")
        return 1
    sys.stdout.write(f"wall: stands after {seconds:.2f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
