"""Definitions, lifecycle, keys."""

import json
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.targets.local import process_settings
from kit.errors import Conflict, Invalid, NotFound, Unavailable
from systems.resident_registry.service import legal
from tenants import catalog, lifecycle
from tenants.home import Home
from tenants.keyring import tenant_keys, unwrap, wrap
from tenants.model import COMPANIONS, SITES, SYSTEMS
from tenants.processes import processes

ONAGAWA = catalog.tenant("045811")


def test_every_definition_parses_and_every_system_is_enabled_somewhere() -> None:
    found = catalog.catalog()
    assert len(found) == 36
    assert {name for tenant in found.values() for names in tenant.zones.values() for name in names} == set(SYSTEMS)
    for file in catalog.DEFINITIONS.glob("*.yaml"):
        assert file.name.startswith(yaml.safe_load(file.read_text())["code"])


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"colour": "blue"}, "colour: unknown key"),
    ({"systems": ["nonsense"]}, "there is no system nonsense"),
    ({"systems": ["certificate_check"]}, "there is no system certificate_check to enable"),
    ({"sites": {"primary": "sendai", "recovery": "atlantis"}}, "there is no site atlantis"),
    ({"sites": {"primary": "sendai", "recovery": "minamisanriku"}}, "shares the hazard tsunami_sanriku"),
    ({"sites": {"primary": "ishinomaki", "recovery": "ishinomaki"}}, "is the primary site itself"),
    ({"code": "045812"}, "would end in 1"),
    ({"corporate_number": "1000020045811"}, "check digit"),
    ({"population": {"census2020": -1, "est2023": 1}}, "population.census2020"),
]


@pytest.mark.parametrize(("change", "told"), WRONG)
def test_wrong_definitions_are_refused_with_key_and_reason(change: dict[str, Any], told: str) -> None:
    with pytest.raises(Invalid, match=told) as refused:
        catalog.check(ONAGAWA.model_dump(mode="json") | change, "file.yaml")
    assert refused.value.detail.startswith("file.yaml: ")


def test_who_has_the_registry_lets_the_public_check_its_certificates() -> None:
    assert ONAGAWA.zones == {"mynumber": ("resident_registry",), "internet": ("certificate_check",)}
    assert "internet" not in catalog.tenant("040002").zones
    assert set(COMPANIONS) | set(COMPANIONS.values()) <= set(SYSTEMS)


def test_a_municipalitys_own_values_go_before_those_for_everybody(tmp_path: Path) -> None:
    own = {"parameters": {"resident_registry": {"certificate_fee_yen": {"2026-10-01": 350}}}}
    body = catalog.check(ONAGAWA.model_dump(mode="json") | own, "x")
    catalog.apply(Home(tmp_path), body)
    told = process_settings(Home(tmp_path), "045811", "mynumber").parameters["resident_registry"]
    fee = partial(legal.value, "certificate_fee_yen")
    assert [fee(date(2026, 9, 30), told), fee(date(2026, 10, 1), told), fee(date(2026, 10, 1))] == [300, 350, 300]
    with pytest.raises(Invalid, match="no parameter"):
        legal.value("nonsense", date(2026, 10, 1), {"nonsense": {date(2020, 1, 1): 1}})
    with pytest.raises(Invalid, match=r"file\.yaml: parameters"):
        catalog.check(ONAGAWA.model_dump(mode="json") | {"parameters": {"resident_registry": {"x": {"soon": 1}}}}, "file.yaml")


def test_keys_that_came_later_are_made_once_and_the_old_ones_stay(tmp_path: Path) -> None:
    home = Home(tmp_path)
    old = tenant_keys(home, "045811").model_dump()
    file = home.secrets / "tenant-045811.json"
    file.write_text(json.dumps({name: value for name, value in old.items() if name != "internet_password"}))
    first, again = tenant_keys(home, "045811"), tenant_keys(home, "045811")
    assert first == again
    assert first.model_dump(exclude={"internet_password"}) == {k: v for k, v in old.items() if k != "internet_password"}
    assert first.internet_password != old["internet_password"]


def test_text_that_is_no_definition_is_refused() -> None:
    for text in ("", "- a\n- b", "a: [", "42"):
        with pytest.raises(Invalid, match=r"file\.yaml"):
            catalog.parse(text, "file.yaml")


def test_no_tenant_recovers_in_its_own_hazard() -> None:
    for tenant in catalog.catalog().values():
        assert not tenant.hazards & SITES[tenant.sites.recovery].hazards, tenant.name


def test_an_applied_definition_counts_for_this_instance_only(tmp_path: Path) -> None:
    here, there = Home(tmp_path / "a"), Home(tmp_path / "b")
    changed = catalog.check(ONAGAWA.model_dump(mode="json") | {"plan": {"rpo_minutes": 60, "rto_minutes": 60}}, "x")
    assert [catalog.apply(here, changed), catalog.apply(here, changed)] == [True, False]
    assert catalog.tenant("045811", here).plan.rpo_minutes == 60
    assert catalog.tenant("045811", there).plan.rpo_minutes == 1440
    with pytest.raises(NotFound):
        catalog.tenant("011002")


def test_a_life() -> None:
    assert lifecycle.state_of([]) == "defined"
    assert lifecycle.state_of(["onboarding", "onboarding", "backed_up", "onboarded", "drilled"]) == "active"
    assert lifecycle.state_of(["onboarding", "onboarded", "suspended", "resumed"]) == "active"
    assert lifecycle.state_of(["onboarding", "onboarded", "onboarded"]) == "active"
    with pytest.raises(Conflict, match="allowed: resume"):
        lifecycle.after("suspended", "onboard")


def test_wrapped_keys_open_at_their_site_for_their_tenant_only(tmp_path: Path) -> None:
    home = Home(tmp_path)
    keys = tenant_keys(home, "045811")
    file = wrap(home, "recovery", "045811")
    assert keys.data_key.encode() not in file.read_bytes()
    assert unwrap(home, "recovery", "045811") == keys
    with pytest.raises(Unavailable, match="no wrapped keys"):
        unwrap(home, "primary", "045811")
    (file.parent / "046060.wrapped").write_bytes(file.read_bytes())
    with pytest.raises(Unavailable, match="another tenant"):
        unwrap(home, "recovery", "046060")
    assert keys.data_key not in repr(keys)


# mutant: companions left out of `processes`, and the public's checks of certificates lead nowhere in a cluster
def test_every_system_of_a_zone_has_its_process() -> None:
    for body in catalog.catalog().values():
        found: dict[str, set[str]] = {}
        for process in processes(body):
            found.setdefault(process.zone, set()).update(process.systems)
        assert found == {zone: set(names) for zone, names in body.zones.items()}
