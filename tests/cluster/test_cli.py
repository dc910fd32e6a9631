"""`uv run pulumi` from the repository's root, as the runbook has it: it applies, shows, mends, destroys.

Mutant: no `managed = false` in pyproject.toml; seen failing: uv asks an index of packages.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra import lease, operations, state
from infra.cluster import path
from infra.config import ROOT, STACKS, TenantConfig
from infra.engine import environment
from infra.zones import RELEASES
from tests.support.cluster import Site, places

CODE = "043621"
STACK = f"tenant-{CODE}"
PLACE = places((CODE,))[0]
UV = shutil.which("uv") or str(ROOT / ".bootstrap" / "bin" / "uv")
#: an index of packages that does not answer: uv must not ask one
NOBODY = "http://127.0.0.1:9/"
#: starts the command with these arguments; its exit code and everything it said
Command = Callable[..., tuple[int, str]]


@pytest.fixture
def pulumi(site: Site, tmp_path: Path) -> Iterator[Command]:
    def run(verb: str, *arguments: str, stack: str = STACK, home: Path = site.home.path) -> tuple[int, str]:
        variables = os.environ | environment(site.home) | {"MCLOUD_HOME": str(home), "UV_DEFAULT_INDEX": NOBODY}
        command = [UV, "run", "pulumi", *verb.split(), "--stack", stack, *arguments, "--non-interactive"]
        done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=300)
        return done.returncode, done.stdout + done.stderr

    run("stack select", "--create")
    run("config set", "mcloud:onboarded", "false")
    yield run
    (STACKS / f"Pulumi.{STACK}.yaml").unlink(missing_ok=True)


def _number(site: Site, stack: str = STACK) -> int:
    """How often the stack's lease was taken; nobody holds it now."""
    there = site.admin.get("Lease", RELEASES, stack)
    assert there is None or there["spec"].get("holderIdentity") is None
    return int(there["spec"]["leaseTransitions"]) if there else 0


def _widen(site: Site) -> None:
    """Somebody gives a tenant's operator the right to read secrets."""
    body = [{"op": "add", "path": "/rules/0/resources/-", "value": "secrets"}]
    site.admin.call("PATCH", path("Role", PLACE, "operator"), body, content="application/json-patch+json")


def _rights(site: Site) -> str:
    return json.dumps((site.admin.get("Role", PLACE, "operator") or {})["rules"])


def test_a_refusal_is_told_without_our_stack_of_calls(pulumi: Command, tmp_path: Path) -> None:
    """Mutant: no RunError in infra/__main__.py; seen failing."""
    (tmp_path / "stacks").mkdir()
    code, told = pulumi("preview", home=tmp_path)
    assert code != 0
    assert "error: site primary is not described" in told
    assert "Traceback" not in told


def test_a_sites_preview_shows_nothing_to_do_and_takes_no_lease(site: Site, pulumi: Command) -> None:
    before = _number(site, "site-primary")
    file = site.home.path / "stacks" / "Pulumi.site-primary.yaml"
    code, told = pulumi("preview", "--expect-no-changes", "--config-file", str(file), stack="site-primary")
    assert code == 0, told
    assert _number(site, "site-primary") == before


def test_preview_and_up_land_a_tenants_ground(site: Site, pulumi: Command) -> None:
    code, told = pulumi("preview")
    assert code == 0, told
    assert "+ 4 to create" in told or "+ 5 to create" in told
    assert site.admin.get("Namespace", "", PLACE) is None
    code, told = pulumi("up", "--yes", "--skip-preview")
    assert code == 0, told
    assert _number(site) == 1
    land = operations.Land.open(site.home, STACK, TenantConfig(onboarded=False))
    assert not operations.drift.compare(land.cluster, land.wanted())


def test_refresh_shows_what_was_changed_by_hand_and_up_mends_it(site: Site, pulumi: Command) -> None:
    _widen(site)
    code, told = pulumi("refresh", "--yes", "--skip-preview")
    assert code == 0, told
    assert "~ 1 updated" in told
    assert "secrets" in _rights(site)
    code, told = pulumi("up", "--yes", "--skip-preview")
    assert code == 0, told
    assert "~ 1 updated" in told
    assert "secrets" not in _rights(site)


def test_somebody_elses_operation_is_not_walked_into(site: Site, pulumi: Command) -> None:
    held = lease.acquire(site.admin, STACK)
    try:
        code, told = pulumi("up", "--yes", "--skip-preview")
    finally:
        lease.give_back(site.admin, held, applied=False)
    assert code != 0
    assert f"stack {STACK} is being worked on by process {os.getpid()} of" in told
    assert "Traceback" not in told


def test_a_state_older_than_the_cluster_is_refused(site: Site, pulumi: Command) -> None:
    """Mutant: the program does not check the state; seen failing: the preview went through."""
    site.run("apply", "--tenant", CODE, "--ground")  # records how far the cluster is
    file = state.file_of(site.home, STACK)
    assert file
    whole = file.read_text()
    body = json.loads(whole)
    next(e for e in body["checkpoint"]["latest"]["resources"] if e["type"] == "pulumi:pulumi:Stack")["outputs"]["operation"] = "1"
    file.write_text(json.dumps(body))
    try:
        refreshed, _ = pulumi("refresh", "--yes", "--skip-preview")  # runs no program: it lets the old state pass …
        code, told = pulumi("preview")
    finally:
        file.write_text(whole)
    assert refreshed == 0
    assert code != 0  # … and leaves it as old as it was
    assert f"the state of stack {STACK} is of operation 1" in told


def test_destroy_needs_the_program_and_leaves_the_ground(site: Site, pulumi: Command) -> None:
    """Mutant: no lease is asked for when no operation of ours is there; seen failing: the first destroy went through."""
    before = _number(site)
    destroy = ("destroy", "--yes", "--skip-preview", "--exclude-protected")
    code, told = pulumi(*destroy)
    assert code != 0
    assert "nobody took the stack's lease" in told
    assert "--run-program" in told
    assert _number(site) == before
    code, told = pulumi(*destroy, "--run-program")
    assert code == 0, told
    assert "- 1 deleted" in told
    assert _number(site) == before + 1
    land = operations.Land.open(site.home, STACK, TenantConfig(onboarded=False))
    assert not operations.drift.compare(land.cluster, land.wanted())
    assert site.run("apply", "--tenant", CODE, "--ground")["changes"]["create"] == 1
