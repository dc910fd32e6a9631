"""`mcloud infra … --all`: which stacks, in which order, and that a refused one keeps no other from its turn."""

import json
from pathlib import Path

import pytest
import yaml

from platform_api import cli, land
from tenants.catalog import catalog
from tenants.home import Home, SiteName
from tests.infra.test_config import GOOD

ONAGAWA, MINAMISANRIKU = "045811", "046060"
SITES, TOWNS = ["--site primary", "--site recovery"], [f"--tenant {ONAGAWA}", f"--tenant {MINAMISANRIKU}"]
AWAY = f"--tenant {MINAMISANRIKU} --site recovery"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An instance of two towns whose clusters' kubeconfigs are lost, so that each stack names itself in its refusal."""
    monkeypatch.setattr(land, "catalog", lambda home: {code: catalog(home)[code] for code in (ONAGAWA, MINAMISANRIKU)})
    monkeypatch.setenv("MCLOUD_HOME", str(tmp_path))
    (tmp_path / "stacks").mkdir()
    return Home(tmp_path)


def describe(here: Home, site: SiteName) -> None:
    (here.path / "stacks" / f"Pulumi.site-{site}.yaml").write_text(yaml.safe_dump({"config": GOOD}))


def applied(here: Home, stack: str) -> None:
    """As the engine leaves a state in files."""
    folder = here.path / "land" / "state" / ".pulumi" / "stacks" / "mcloud"
    folder.mkdir(parents=True)
    (folder / f"{stack}.json").write_text("{}")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """The stacks that had their turn and were refused, in order; after them the command says the first refusal again."""
    assert cli.main(["infra", *arguments, "-o", "json"]) == 3
    told = capsys.readouterr()
    assert json.loads(told.out) == []
    *named, last = [line.removeprefix("mcloud: ") for line in told.err.splitlines()]
    assert named[0].endswith(last)
    return [each.partition(":")[0] for each in named]


def targets(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> list[str]:
    """The stacks that would have their turn."""
    seen: list[list[str]] = []

    def show(_verb: str, found: list[list[str]], *_: object, lines: bool = False) -> int:
        del lines
        seen.extend(found)
        return 0

    with monkeypatch.context() as patched:
        patched.setattr(land, "_show", show)
        assert cli.main(["infra", *arguments]) == 0
    return [" ".join(each) for each in seen]


def test_sites_come_first_then_towns_then_those_that_were_applied_at_recovery(
    here: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutants, seen failing: no sites; sites last; recovery in `apply` too."""
    describe(here, "primary")
    describe(here, "recovery")
    applied(here, f"tenant-{MINAMISANRIKU}-recovery")
    for verb in ("plan", "diff", "drift"):
        assert targets(monkeypatch, verb, "--all") == [*SITES, *TOWNS, AWAY]
    assert targets(monkeypatch, "apply", "--all") == [*SITES, *TOWNS]
    there = ["--site recovery", *(f"{town} --site recovery" for town in TOWNS)]
    assert targets(monkeypatch, "drift", "--all", "--site", "recovery") == there


def test_copies_of_a_state_say_too_that_a_town_was_applied_at_recovery(here: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the state is lost, or lies in a backend that is no folder."""
    describe(here, "primary")
    folder = here.path / "land" / "copies" / f"tenant-{MINAMISANRIKU}-recovery"
    folder.mkdir(parents=True)
    (folder / "00000001.json").write_text("{}")
    assert targets(monkeypatch, "drift", "--all") == [SITES[0], *TOWNS, AWAY]


def test_a_site_that_is_not_described_has_no_turn_and_refusals_are_named(here: Home, capsys: pytest.CaptureFixture[str]) -> None:
    describe(here, "primary")
    assert refused(capsys, "plan", "--all") == [SITES[0], *TOWNS]
