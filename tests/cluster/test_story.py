"""The journeys on two real clusters: a town is onboarded, served, backed up at night, and brought back after its site is gone."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from infra.testbed import sites
from infra.testbed.place import Testbed
from tenants.home import Home
from tests.support.cloud import free_ports
from tests.support.testbed import left_behind


@pytest.mark.timeout(1500)
def test_towns_live_in_one_cluster_and_come_back_in_the_other(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("real sites need root: `make tools-cluster`")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"ports": free_ports().model_dump()}))
    testbed = Testbed(Home(tmp_path))
    try:
        told = subprocess.run(
            [sys.executable, "-m", "tools.demo.cluster"],
            env=os.environ | {"MCLOUD_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert told.returncode == 0, told.stderr[-2000:]
        summary = json.loads((tmp_path / "demo" / "summary.json").read_text())
        certificate = summary["certificate"]
        assert hashlib.sha256(Path(certificate["path"]).read_bytes()).hexdigest() == certificate["sha256"]
        assert certificate["equal"]  # what came over the wire is what was issued
        assert [each["changed"] for each in summary["backups"]] == [True, True]
        assert all({site["site"] for site in each["sites"]} == {"primary", "recovery"} for each in summary["backups"])
        lost = summary["lost"]
        assert (lost["processes_left"], lost["folder_there"], lost["network_there"]) == (0, False, False)
        drilled = {each["code"]: each for each in summary["drill"]["tenants"]}
        assert all(each["passed"] and each["rows_different"] == 0 for each in drilled.values())
        assert drilled["046060"]["rows_compared"] > 1000
        assert drilled["046060"]["certificate_equal"] is True
        assert summary["drill"]["signature_valid"]
        # mutant: the primary really is gone, so nothing of it can have been asked
        assert [each["state"] for each in sites.status(testbed)] == ["lost", "up"]
    finally:
        sites.down(testbed)
    assert left_behind(testbed) == []
