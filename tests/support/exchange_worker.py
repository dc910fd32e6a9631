"""A process of its own that takes the import on its way to its end: `python exchange_worker.py ZONE BULK READER`."""

import sys

from systems.resident_registry.jobs import imports
from tests.support.registry import OFFICE

if __name__ == "__main__":
    imports.SMALL_BYTES = 1 << 20  # several processes also for a file of the size that tests can wait for
    imports.work(imports.Doors(*sys.argv[1:4]), OFFICE)
