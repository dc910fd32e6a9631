"""`mcloud infra … --all`: which stacks, in which order, and that a refused one keeps no other from its turn."""

import json
from pathlib import Path

import pytest
import yaml

from infra.config import parse_tenant, stack_of_tenant
from platform_api import cli, land
from tenants.catalog import catalog
from tenants.home import Home, SiteName
from tests.infra.test_config import GOOD

ONAGAWA, MINAMISANRIKU = "045811", "046060"
SITES, TOWNS = ["--site primary", "--site recovery"], [f"--tenant {ONAGAWA}", f"--tenant {MINAMISANRIKU}"]
GROUNDS = [f"{town} --site recovery" for town in TOWNS]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An instance of two towns whose clusters' kubeconfigs are lost, so that each stack names itself in its refusal."""
    monkeypatch.setattr(land, "catalog", lambda home: {code: catalog(home)[code] for code in (ONAGAWA, MINAMISANRIKU)})
    monkeypatch.setenv("MCLOUD_HOME", str(tmp_path))
    (tmp_path / "stacks").mkdir()
    return Home(tmp_path)


def describe(here: Home, site: SiteName, *, leads: bool = False) -> None:
    away = {} if leads else {"mcloud:keycloak": {"host": "keycloak.example.jp", "port": 8080, "cidrs": ["10.1.0.0/16"]}}
    told = {"config": GOOD | away | {"mcloud:leads": leads}}
    (here.path / "stacks" / f"Pulumi.site-{site}.yaml").write_text(yaml.safe_dump(told))


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


def test_sites_come_first_then_towns_then_their_grounds_at_the_site_that_leads(
    here: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There the backups run: what leaves a ground out lets a town be without a copy, or its backup with an old image.

    Mutants, seen failing: no sites; sites last; no grounds in `apply`; grounds at every site that is described.
    """
    describe(here, "primary")
    describe(here, "recovery", leads=True)
    for verb in ("plan", "diff", "drift", "apply"):
        assert targets(monkeypatch, verb, "--all") == [*SITES, *TOWNS, *GROUNDS]
    assert targets(monkeypatch, "drift", "--all", "--site", "recovery") == [SITES[1], *GROUNDS]
    assert targets(monkeypatch, "drift", "--all", "--site", "primary") == [
        SITES[0],
        *(f"{town} --site primary" for town in TOWNS),
    ]


@pytest.mark.parametrize(("primary", "recovery"), [(True, False), (False, False)])
def test_where_nobody_else_leads_a_town_has_one_stack(
    here: Home, monkeypatch: pytest.MonkeyPatch, primary: bool, recovery: bool
) -> None:
    describe(here, "primary", leads=primary)
    describe(here, "recovery", leads=recovery)
    assert targets(monkeypatch, "apply", "--all") == [*SITES, *TOWNS]


def test_a_stack_is_judged_as_what_it_is_at_its_site() -> None:
    """Mutant, seen failing: processes at both sites; `plan --all` would find them missing for ever."""
    assert parse_tenant({}, stack_of_tenant(ONAGAWA)).onboarded
    assert not parse_tenant({}, stack_of_tenant(ONAGAWA, "recovery")).onboarded
    assert parse_tenant({"mcloud:onboarded": "true"}, stack_of_tenant(ONAGAWA, "recovery")).onboarded


def test_a_site_that_is_not_described_has_no_turn_and_refusals_are_named(here: Home, capsys: pytest.CaptureFixture[str]) -> None:
    describe(here, "primary")
    assert refused(capsys, "plan", "--all") == [SITES[0], *TOWNS]
