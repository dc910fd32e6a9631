"""Journey A: a municipality is taken in through the platform API, and killed everywhere it ends the same."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from kit.db import connect
from kit.errors import CallerError, Conflict, Invalid, NotFound
from platform_api import cli, runner
from tenants import ledger
from tenants.catalog import tenant
from tenants.home import Home
from tenants.keyring import platform_url, tenant_url
from tests.support.cloud import ONAGAWA, Cloud

#: step -> the steps that must have ended before it
STEPS: dict[str, set[str]] = {
    "database": set(),
    "parameters_and_places": set(),
    "migrations": {"database"},
    "realm": set(),
    "backup_accounts": set(),
    "repository": {"backup_accounts"},
    "residents": {"migrations", "parameters_and_places"},
    "processes": {"migrations"},
    "first_base": {"residents", "repository"},
    "smoke_test": {"realm", "processes", "first_base"},
}
SHICHIKASHUKU, KAMI = "043028", "044458"


def in_order(steps: list[dict[str, Any]]) -> bool:
    """Every step once, each after those it needs."""
    names = [step["name"] for step in steps]
    return sorted(names) == sorted(STEPS) and all(STEPS[name] <= set(names[:place]) for place, name in enumerate(names))


def test_mutant_a_base_before_the_residents_is_found() -> None:
    early = sorted(
        STEPS, key=["database", "backup_accounts", "repository", "migrations", "first_base"].__contains__, reverse=True
    )
    assert not in_order([{"name": name} for name in early])


def test_every_step_is_shown_with_its_time_and_the_ledger_tells(cloud: Cloud) -> None:
    done = cloud.onboarded[ONAGAWA]
    assert in_order(done["steps"])
    assert all(step["seconds"] >= 0 for step in done["steps"])
    assert cloud.api.tenant(ONAGAWA)["state"] == "active"
    with connect(platform_url(cloud.home, "platform")) as tx:
        assert [event.kind for event in ledger.events(tx, ONAGAWA)][:2] == ["onboarding", "onboarded"]
    with cloud.registry(ONAGAWA) as clerk:
        assert clerk.get("/statistics").json()["residents"] >= tenant(ONAGAWA).population.census2020 // 10


def test_progress_is_streamed(cloud: Cloud) -> None:
    assert in_order(cloud.api.steps(cloud.onboarded[ONAGAWA]["id"]))


def test_bad_requests_are_told_clearly(cloud: Cloud) -> None:
    with pytest.raises(Conflict, match="is active: synthetic residents"):
        cloud.api.onboard(ONAGAWA, synthetic_scale=1)
    with pytest.raises(NotFound):
        cloud.api.tenant("011002")
    with pytest.raises(Invalid, match="would end in 1"):
        cloud.api.tenant("045812")
    definition = tenant(ONAGAWA).model_dump(mode="json")
    for change, word in (
        ({"colour": "blue"}, "unknown key"),
        ({"systems": ["resident_registry", "nonsense"]}, "nonsense"),
        ({"sites": {"primary": "sendai", "recovery": "minamisanriku"}}, "tsunami_sanriku"),
        ({"sites": {"primary": "sendai", "recovery": "sendai"}}, "primary site itself"),
    ):
        with pytest.raises(Invalid, match=word):
            cloud.api.apply(ONAGAWA, definition | change, dry_run=False)
    plan = {"rpo_minutes": 60, "rto_minutes": 60}
    assert cloud.api.apply(ONAGAWA, definition | {"plan": plan}, dry_run=True) == {"changed": False, "differs": ["plan"]}
    assert cloud.api.tenant(ONAGAWA)["definition"]["plan"]["rpo_minutes"] == 1440


def test_an_engineers_own_folder_fetches_what_the_counter_was_told(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mutant: `tenant fetch` that only shows: his folder would put the old size back."""
    own, old = Home(tmp_path), tenant(KAMI)
    shutil.copytree(cloud.home.secrets, own.secrets)
    shutil.copy(cloud.home.path / "config.yaml", tmp_path)
    monkeypatch.setenv("MCLOUD_HOME", str(tmp_path))
    wider = old.model_dump(mode="json") | {"quota": {"cpu_millis": 3000, "memory_mib": 8192}}
    try:
        cloud.api.apply(KAMI, wider, dry_run=False)
        assert tenant(KAMI, own).quota == old.quota
        for changed in (True, False):
            assert cli.main(["tenant", "fetch", KAMI, "-o", "json"]) == 0
            assert json.loads(capsys.readouterr().out) == {"code": KAMI, "changed": changed}
        assert tenant(KAMI, own).quota.memory_mib == 8192
    finally:
        cloud.api.apply(KAMI, old.model_dump(mode="json"), dry_run=False)


def canonical(cloud: Cloud, code: str) -> dict[str, Any]:
    """What onboarding leaves behind, with the tenant's code left out."""
    found: dict[str, Any] = {}
    with connect(tenant_url(cloud.home, code, "owner")) as tx:
        found["roles"] = tx.rows(
            "SELECT rolname, rolcanlogin, rolsuper, array(SELECT r.rolname::text FROM pg_auth_members m JOIN pg_roles r "
            "ON r.oid = m.roleid WHERE m.member = p.oid) AS member_of FROM pg_roles p WHERE rolname LIKE %s ORDER BY 1",
            (f"t_{code}%",),
        )
        found["grants"] = tx.rows(
            "SELECT c.oid::regclass::text AS name, c.relacl::text AS rights FROM pg_class c JOIN pg_namespace n "
            "ON n.oid = c.relnamespace "
            "WHERE n.nspname IN ('journal', 'resident_registry', 'migrations', 'idempotency') ORDER BY 1"
        )
        found["migrations"] = tx.rows("SELECT schema, name, sha256 FROM migrations.applied ORDER BY 1, 2")
        found["imports"] = tx.value("SELECT count(*) FROM journal.entry WHERE kind = 'import'")
        found["segments"] = tx.value("SELECT count(*) FROM journal.segment")
    with connect(platform_url(cloud.home, "platform")) as tx:
        found["ledger"] = [event.kind for event in ledger.events(tx, code)][:2]
    found["backups"] = [{"kind": each["snapshot"] == each["base_snapshot"]} for each in cloud.api.backups(code)][:1]
    found["processes"] = [
        {k: p[k] for k in ("name", "state")}
        for p in runner.run(cloud.home, "infra.run", ["state", "--tenant", code])["processes"]
    ]
    found["realm"] = realm_state(cloud, code)
    left = [file.name for file in cloud.home.platform.iterdir() if file.name.startswith("tmp")]
    found["left over"] = left
    return without_code(found, code)


def without_code(found: dict[str, Any], code: str) -> dict[str, Any]:
    return {key: re.sub(code, "CODE", str(value)) for key, value in found.items()}


def realm_state(cloud: Cloud, code: str) -> dict[str, Any]:
    from tenants.keyring import admin_secret
    from tenants.realm import _admin

    admin = _admin(cloud.home, **admin_secret(cloud.home))
    orphans = [c["clientId"] for c in admin.get_clients() if c["clientId"].startswith("onboard-")]
    admin.change_current_realm(code)
    return {
        "clients": sorted(each["clientId"] for each in admin.get_clients()),
        "users": sorted(each["username"] for each in admin.get_users()),
        "roles": sorted(each["name"] for each in admin.get_realm_roles() if not each["name"].startswith("default-roles")),
        "orphans": orphans,
    }


def test_a_realm_that_stands_is_given_the_roles_that_came_later(cloud: Cloud) -> None:
    """Mutant: `renew` without its look at roles; seen failing."""
    from tenants.keyring import admin_secret
    from tenants.realm import _admin, renew

    admin = _admin(cloud.home, **admin_secret(cloud.home))
    admin.change_current_realm(ONAGAWA)
    admin.delete_realm_role("other_office")
    assert renew(cloud.home) == [ONAGAWA]
    assert "other_office" in realm_state(cloud, ONAGAWA)["roles"]
    assert renew(cloud.home) == []


@pytest.mark.proves("JOB-1")
def test_killed_before_and_after_every_step_it_ends_the_same(cloud: Cloud) -> None:
    os.environ["MCLOUD_KILL_AT"] = "every"
    try:
        runner.run(cloud.home, "infra.run", ["up"])
        done = cloud.api.wait(cloud.api.onboard(SHICHIKASHUKU, synthetic_scale=10))
    finally:
        del os.environ["MCLOUD_KILL_AT"]
        runner.run(cloud.home, "infra.run", ["up"])
    killed = [file for file in (cloud.home.run / "kills").iterdir() if done["id"] in file.name]
    assert len(killed) == 2 * len(STEPS)  # mutant: a run that was never killed proves nothing
    assert in_order(done["steps"])
    unbroken, broken = canonical(cloud, ONAGAWA), canonical(cloud, SHICHIKASHUKU)
    segments = ("segments", "left over")
    assert {k: v for k, v in broken.items() if k not in segments} == {k: v for k, v in unbroken.items() if k not in segments}
    assert (broken["segments"], broken["left over"]) == ("1", "[]")
    with connect(platform_url(cloud.home, "platform")) as tx:
        kinds = [event.kind for event in ledger.events(tx, SHICHIKASHUKU) if event.kind != "worked"]
    assert kinds == ["onboarding", "onboarded"]


def test_a_failed_step_stays_visible_and_the_next_run_goes_on(cloud: Cloud) -> None:
    code = "044016"
    blocked = cloud.home.site("primary") / "segments" / code
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("in the way")
    with pytest.raises(CallerError, match="failed"):
        cloud.api.wait(cloud.api.onboard(code, synthetic_scale=None))
    failed = cloud.api.call("GET", "/operations", params={"tenant": code})[0]
    well = set(STEPS) - {"first_base", "smoke_test"}
    assert (failed["state"], {step["name"] for step in failed["steps"]}) == ("failed", well)
    assert cloud.api.tenant(code)["state"] == "onboarding"
    blocked.unlink()
    done = cloud.api.wait(cloud.api.onboard(code, synthetic_scale=None))
    assert {step["name"]: step["changed"] for step in done["steps"] if step["name"] in well} == dict.fromkeys(well, False)
    assert cloud.api.tenant(code)["state"] == "active"
    again = cloud.api.wait(cloud.api.onboard(code, synthetic_scale=None))  # as after an upgrade
    others = set(STEPS) - {"realm"}  # mutant: the realm of a town at work is founded anew when somebody changed its flow
    assert {step["name"]: step["changed"] for step in again["steps"]} == dict.fromkeys(others, False)
    assert cloud.api.tenant(code)["state"] == "active"
