"""Two real Kubernetes sites for the run, and the first of them landed. Only `make test-cluster` comes here."""

import os
import shutil
from collections.abc import Iterator

import pytest

from infra.testbed import sites
from infra.testbed.place import SITES, Testbed
from tenants.home import Home
from tests.support.cluster import plain, site
from tests.support.testbed import left_behind

__all__ = ["environment", "plain", "site", "testbed"]


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Pulumi's engine sets the process's environment for good: one test's backend is not the next one's."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def testbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """Both sites, raised once and taken down at the end; nothing may be left."""
    if os.geteuid() != 0 or not shutil.which("containerd"):
        pytest.skip("real sites need root and containerd: `make tools-cluster`")
    made = Testbed(Home(tmp_path_factory.mktemp("testbed")))
    try:
        sites.up(made, SITES, lambda *_: None)
        yield made
    finally:
        sites.down(made)
    assert left_behind(made) == []
