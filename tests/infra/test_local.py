"""The local target says what stands in its way."""

import socket
from pathlib import Path

import pytest
import yaml

from infra.targets import identity, local
from kit.db import connect, identifier
from kit.errors import Conflict, Unavailable
from platform_api import runner
from tenants.home import Home
from tenants.keyring import platform_url, postgres_url
from tests.support.cloud import Cloud, free_ports


def test_a_taken_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    ports = free_ports()
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"ports": ports.model_dump()}))
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", ports.keycloak))
        somebody.listen()
        with pytest.raises(Conflict, match=f"port {ports.keycloak} \\(keycloak\\).*config.yaml"):
            runner.run(Home(tmp_path), "infra.run", ["up"])
    assert not (tmp_path / "sites").exists()


def test_nothing_running_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="mcloud up"):
        runner.run(Home(tmp_path), "infra.run", ["status"])


def test_up_again_changes_nothing_and_lift_takes_processes_away(cloud: Cloud) -> None:
    told: list[dict[str, object]] = []
    runner.run(cloud.home, "infra.run", ["up"], told.append)
    assert [step["name"] for step in told if step["changed"]] == []
    code = "046060"
    removed = cloud.run("infra.run", "lift", "--tenant", code)["removed"]
    assert sorted(removed) == [f"tenant-{code}-internet", f"tenant-{code}-mynumber"]
    assert cloud.run("infra.run", "state", "--tenant", code)["processes"] == []
    assert cloud.run("infra.run", "land", "--tenant", code)["changed"] is True
    states = cloud.run("infra.run", "land", "--tenant", code)
    assert (states["changed"], [p["state"] for p in states["processes"]]) == (False, ["running"] * 2)


def test_secrets_lie_closed(cloud: Cloud) -> None:
    assert cloud.home.secrets.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in cloud.home.secrets.iterdir()} == {0o600}
    programs = local.supervisor(cloud.home).programs
    assert {file.stat().st_mode & 0o777 for file in programs.glob("*.ini")} == {0o600}


def test_no_secret_stands_in_a_command_line(cloud: Cloud) -> None:
    import json

    values = {v for file in cloud.home.secrets.glob("*.json") for v in json.loads(file.read_text()).values()}
    seen = ""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            seen += file.read_bytes().decode(errors="replace")
        except OSError:
            continue
    assert str(cloud.home.site("primary")) in seen  # mutant: command lines were read at all
    assert [value for value in values if value in seen and value != "founder"] == []


def test_the_kept_tables_of_keycloak_are_whole_and_hold_no_row(cloud: Cloud, tmp_path: Path) -> None:
    url, file = platform_url(cloud.home, "keycloak"), tmp_path / "tables.dump"
    assert [identity.keep(url, file), identity.keep(url, file)] == [True, False]
    copy = f"{postgres_url(cloud.home, 'recovery').rpartition('/')[0]}/keycloak_copy"
    with connect(postgres_url(cloud.home, "recovery"), autocommit=True) as tx:
        tx.execute("CREATE DATABASE keycloak_copy")
    try:
        assert [identity.lay(copy, file), identity.lay(copy, file)] == [True, False]
        assert identity.tables(copy) == identity.tables(url)
        with connect(copy) as tx, connect(url) as original:
            rows = {name: tx.value(f"SELECT count(*) FROM {identifier(name)}") for name in identity.tables(copy)}
            realms = original.value("SELECT count(*) FROM realm")
        assert {name for name, count in rows.items() if count} == set(identity.CHANGES)
        assert realms > 1  # mutant: there was something that could have been kept
    finally:
        with connect(postgres_url(cloud.home, "recovery"), autocommit=True) as tx:
            tx.execute("DROP DATABASE keycloak_copy")
