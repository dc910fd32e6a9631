"""`mcloud infra … --all` on a landed site, as an engineer reads it: words, table and exit code."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.zones import PLATFORM
from platform_api import cli, land
from tenants.catalog import catalog
from tests.cluster.test_changes import SITE_CHANGES
from tests.support.cluster import MINAMISANRIKU, ONAGAWA, Site, describe

NEVER = "042021"
STACKS = ["site-primary", f"tenant-{ONAGAWA}", f"tenant-{MINAMISANRIKU}"]


@pytest.fixture(autouse=True)
def instance(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    of(monkeypatch, ONAGAWA, MINAMISANRIKU)
    monkeypatch.setenv("MCLOUD_HOME", str(site.home.path))
    monkeypatch.setenv("COLUMNS", "200")


def of(monkeypatch: pytest.MonkeyPatch, *codes: str) -> None:
    """A prefecture of these towns: all thirty-six would take a minute."""
    monkeypatch.setattr(land, "catalog", lambda home: {code: catalog(home)[code] for code in codes})


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    capsys.readouterr()
    code = cli.main(["infra", *arguments])
    return code, *capsys.readouterr()


@pytest.mark.proves("IAC-5")
def test_drift_of_everything_is_told_shown_and_mended(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    SITE_CHANGES["door added to the platform"][0](site)
    SITE_CHANGES["tenant's account made cluster-admin"][0](site)
    code, shown, told = run(capsys, "drift", "--all")
    assert code == 2
    heading, *rows = [line.split() for line in shown.splitlines() if line.strip(" ─")]
    assert heading == ["stack", "differs", "mended"]
    assert rows == [[STACKS[0], "True", "[]"], [STACKS[1], "False", "[]"], [STACKS[2], "False", "[]"]]
    assert f"  NetworkPolicy {PLATFORM}/wide was added by somebody else" in told.splitlines()
    assert f"    gives ClusterRole cluster-admin to system:serviceaccount:t-{ONAGAWA}-mynumber:operator" in told.splitlines()
    assert told.count("nothing was changed by hand") == 2
    code, shown, _ = run(capsys, "drift", "--all", "--mend", "-o", "json")
    assert code == 0
    mended = [f"NetworkPolicy {PLATFORM}/wide", "ClusterRoleBinding slip"]
    assert [(each["stack"], each["mended"]) for each in json.loads(shown)] == [
        (STACKS[0], mended),
        *((s, []) for s in STACKS[1:]),
    ]


def test_a_refused_stack_is_named_and_the_others_go_on(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    of(monkeypatch, NEVER, ONAGAWA, MINAMISANRIKU)
    code, shown, told = run(capsys, "drift", "--all", "-o", "csv")
    assert [line.split(",")[0] for line in shown.splitlines()] == ["stack", *STACKS]
    assert code == 4
    refusal = f"stack tenant-{NEVER} was never applied: there is nothing to drift from"
    assert [line for line in told.splitlines() if refusal in line] == [
        f"mcloud: --tenant {NEVER}: {refusal}",
        f"mcloud: {refusal}",
    ]


def test_what_is_defined_and_not_there_differs(capsys: pytest.CaptureFixture[str]) -> None:
    code, shown, told = run(capsys, "diff", "--all")
    # their processes are not landed, and the towns' definitions have them
    assert code == 2
    assert [line.split()[:2] for line in shown.splitlines() if "primary" in line or "tenant-" in line] == [
        [STACKS[0], "False"],
        *([each, "True"] for each in STACKS[1:]),
    ]
    assert "is missing" in told


# mutant: the version of what is laid into the counter's pod is asked for first, and makes what must be given
def test_a_plan_makes_no_password_that_must_be_given(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = {"host": "db.example.jp", "port": 5432, "cidrs": ["10.90.0.10/32"]}
    own: dict[str, Any] = {"mcloud:bundled": True, "mcloud:postgres": server, "mcloud:peer_postgres": server}
    monkeypatch.setenv("MCLOUD_HOME", str(describe(tmp_path, site.kubeconfig, **own).path))
    for verb in ("plan", "diff", "plan"):
        code, _, told = run(capsys, verb, "--site", "primary")
        assert code == 3
        assert f"db.example.jp is your own server: write {tmp_path}/secrets/postgres-primary.json" in told
    assert not list(tmp_path.glob("secrets/*"))
