"""Memory as every benchmark counts it: PSS, a process's own pages and its share of what it has in common with others."""

from pathlib import Path


def pss_mib(pid: int) -> float:
    """MiB of a process.

    Raises
    ------
    OSError
        It has ended.
    """
    told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in told.splitlines() if line.startswith("Pss:")) / 1024
