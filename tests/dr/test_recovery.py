"""Copies that are there, copies that are not, and what comes out of them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dr import check, manifest, replay, restic, restore, sources, verify
from dr.model import Manifest
from kit.db import connect
from kit.errors import CallerError, Conflict, Unavailable
from tenants.keyring import postgres_url, tenant_keys, tenant_url
from tests.support.cloud import MINAMISANRIKU, ONAGAWA, Cloud
from tools import programs

TOWNS = [ONAGAWA, MINAMISANRIKU]


def known(cloud: Cloud, code: str) -> list[Manifest]:
    public = tenant_keys(cloud.home, code).signer().public_key()
    return manifest.read_all(cloud.home.manifests(code), tenant=code, public_key=public)


def register_birth(cloud: Cloud, code: str) -> None:
    """A change of the register, over its API."""
    with connect(tenant_url(cloud.home, code, "backup")) as tx:
        household = tx.value(
            "SELECT household_id::text FROM resident_registry.resident r WHERE state = 'current' "
            "AND NOT EXISTS (SELECT FROM resident_registry.protected p WHERE p.resident_id = r.id) LIMIT 1"
        )
    child = {"name": "架空\u3000子", "kana": "カクウ\u3000コ", "sex": "male", "born_on": "2026-11-01", "relation": "子"}
    details = {"reason": "birth", "household_id": household, "child": child}
    filing = {"event_on": "2026-11-01", "details": details, "up_to": "decided", "confirmed": ["same-person"]}
    with cloud.registry(code, purpose="notification") as clerk:
        assert clerk.post("/movements", json=filing).status_code == 201


TABLES = (
    "SELECT schemaname || '.' || tablename AS name FROM pg_tables "
    "WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
)
GRANTS = (
    "SELECT table_schema, table_name, grantee, privilege_type FROM information_schema.role_table_grants "
    "WHERE grantee LIKE 't\\_%' ORDER BY 1, 2, 3, 4"
)
TRIGGERS = "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2"
SEQUENCES = "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2"


def state(url: str) -> dict[str, Any]:
    """Counts and ordered hashes of every table, grants, triggers, sequences: computed here, not by the code under test."""
    found: dict[str, Any] = {}
    with psycopg.connect(url) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for (name,) in connection.execute(TABLES).fetchall():
            sql = f"SELECT count(*), md5(coalesce(string_agg(md5(t::text), '' ORDER BY t::text), '')) FROM {name} t"
            found[name] = connection.execute(sql).fetchone()
        for what, sql in (("grants", GRANTS), ("triggers", TRIGGERS), ("sequences", SEQUENCES)):
            found[what] = connection.execute(sql).fetchall()
    return found


@pytest.fixture
def restored(cloud: Cloud) -> Iterator[Callable[[str], Any]]:
    made = []

    def make(code: str) -> Any:
        made.append(restore.run(cloud.home, code, until=None))
        return made[-1]

    yield make
    for each in made:
        assert restore.drop(cloud.home, each.database)


@pytest.mark.proves("BAK-11")
@pytest.mark.parametrize("code", TOWNS)
def test_base_and_replay_bring_back_every_row(cloud: Cloud, code: str, restored: Callable[[str], Any]) -> None:
    register_birth(cloud, code)
    cloud.run("dr", "backup", "--tenant", code)
    before = state(postgres_url(cloud.home, "primary", f"t_{code}"))
    copy = restored(code)
    assert copy.replayed > 0
    after = state(postgres_url(cloud.home, "recovery", copy.database))
    assert after == before
    told = verify.run(cloud.home, copy)
    assert told.differs == []
    assert (told.rows_different, told.rows_compared > 500) == (0, True)
    amcheck = [str(programs.postgres_bin() / "pg_amcheck"), "--install-missing=pg_catalog", "-d", copy.database]
    environment = {"PGHOST": "127.0.0.1", "PGPORT": str(cloud.home.postgres_port("recovery")), "PGUSER": "postgres"}
    password = postgres_url(cloud.home, "recovery").split(":")[2].split("@")[0]
    done = subprocess.run(amcheck, env=environment | {"PGPASSWORD": password}, capture_output=True, text=True)
    assert done.returncode == 0 or "amcheck" in done.stderr  # the wheel may carry no contrib modules


@pytest.mark.proves("BAK-11")
def test_mutant_a_row_that_differs_is_found_though_the_counts_are_equal(cloud: Cloud, restored: Callable[[str], Any]) -> None:
    copy = restored(ONAGAWA)
    url = postgres_url(cloud.home, "recovery", copy.database)
    with connect(url) as tx:
        tx.execute("ALTER TABLE resident_registry.resident DISABLE TRIGGER USER")
        one = "(SELECT id FROM resident_registry.resident ORDER BY id LIMIT 1)"
        tx.execute(f"UPDATE resident_registry.resident SET kana = kana || 'ー' WHERE id = {one}")
        tx.execute("ALTER TABLE resident_registry.resident ENABLE ALWAYS TRIGGER journal_capture")
        tx.execute("ALTER TABLE resident_registry.resident ENABLE ALWAYS TRIGGER journal_truncate")
    told = verify.run(cloud.home, copy)
    assert told.rows_different >= 1
    assert [each.split(":")[0] for each in told.differs] == ["table resident_registry.resident"]


@pytest.mark.proves("JRN-6")
def test_a_moment_inside_a_transaction_is_rounded_down_to_whole_transactions(cloud: Cloud) -> None:
    code = ONAGAWA
    with connect(tenant_url(cloud.home, code, "mynumber"), actor="t") as tx:
        row = "INSERT INTO resident_registry.household (id, postal_code, address, address_bigrams, address_key, household_no) "
        row += "VALUES (gen_random_uuid(), '9860000', %(a)s, '{}', '', md5(%(a)s))"
        tx.execute(row, {"a": "first half"})
        time.sleep(0.2)
        middle = tx.value("SELECT clock_timestamp()")
        time.sleep(0.2)
        tx.execute(row, {"a": "second half"})
    cloud.run("dr", "backup", "--tenant", code)
    count = "SELECT count(*) FROM resident_registry.household WHERE address LIKE '%% half'"
    for until, expected in ((middle, 0), (None, 2)):
        copy = restore.run(cloud.home, code, until=until)
        with connect(postgres_url(cloud.home, "recovery", copy.database)) as tx:
            assert tx.value(count.replace("%%", "%")) == expected
        restore.drop(cloud.home, copy.database)


@pytest.mark.proves("JRN-6")
def test_mutant_cutting_by_entries_takes_half_a_transaction() -> None:
    first = {"xid": "9", "at": "2026-11-01T00:00:00+00:00"}
    second = {"xid": "9", "at": "2026-11-01T00:00:10+00:00"}
    from datetime import datetime

    middle = datetime.fromisoformat("2026-11-01T00:00:05+00:00")
    assert replay.whole_until([first, second], middle) == []
    assert [each for each in (first, second) if datetime.fromisoformat(each["at"]) <= middle] == [first]


@pytest.mark.proves("JRN-8")
def test_replaying_twice_changes_nothing(cloud: Cloud, restored: Callable[[str], Any]) -> None:
    register_birth(cloud, ONAGAWA)
    cloud.run("dr", "backup", "--tenant", ONAGAWA)
    copy = restored(ONAGAWA)
    url = postgres_url(cloud.home, "recovery", copy.database)
    before = state(url)
    changes = list(replay.entries(cloud.home.segments(ONAGAWA), range(2, copy.segments + 1)))
    assert any(each["kind"] == "change" for each in changes)
    with connect(url) as tx:
        replay.apply(tx, changes)
    assert state(url) == before


def start_base(cloud: Cloud) -> "subprocess.Popen[str]":
    environment = os.environ | {"MCLOUD_HOME": str(cloud.home.path)}
    command = [sys.executable, "-m", "dr", "backup", "--tenant", MINAMISANRIKU, "--base"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill_pg_dump(parent: int) -> bool:
    """SIGKILL the pg_dump that takes the base, as soon as it is seen."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                parents = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if words[0].endswith(b"pg_dump") and b"-Fd" in words and int(parents[1]) == parent:
                os.kill(int(folder.name), signal.SIGKILL)
                return True
    return False


def snapshots(cloud: Cloud, site: Any = "recovery") -> set[str]:
    keys = tenant_keys(cloud.home, MINAMISANRIKU)
    return set(restic.snapshots(restic.repository(cloud.home, site, MINAMISANRIKU, keys)))


@pytest.mark.proves("BAK-1")
def test_a_killed_dump_is_never_a_backup(cloud: Cloud) -> None:
    before, copies = known(cloud, MINAMISANRIKU), snapshots(cloud)
    process = start_base(cloud)
    assert kill_pg_dump(process.pid)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 6
    assert "pg_dump failed" in told
    assert (known(cloud, MINAMISANRIKU), snapshots(cloud)) == (before, copies)


def failing_grant(cloud: Cloud) -> Iterator[None]:
    owner = tenant_url(cloud.home, MINAMISANRIKU, "owner")
    with connect(owner) as tx:
        tx.execute(f"REVOKE SELECT ON idempotency.answer FROM t_{MINAMISANRIKU}_backup")
    yield
    with connect(owner) as tx:
        tx.execute(f"GRANT SELECT ON idempotency.answer TO t_{MINAMISANRIKU}_backup")


def full_disk(cloud: Cloud) -> Iterator[None]:
    staging = cloud.home.site("primary") / "staging" / MINAMISANRIKU
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(staging)]).returncode:
        pytest.skip("a full disk needs the right to mount")
    yield
    subprocess.run(["umount", str(staging)], check=True)


@pytest.mark.proves("BAK-1")
@pytest.mark.parametrize("break_it", [failing_grant, full_disk])
def test_a_failing_dump_is_never_a_backup_and_the_last_one_stays(
    cloud: Cloud, break_it: Callable[[Cloud], Iterator[None]]
) -> None:
    before, copies = known(cloud, MINAMISANRIKU), snapshots(cloud)
    broken = break_it(cloud)
    next(broken)
    try:
        with pytest.raises(CallerError):
            cloud.run("dr", "backup", "--tenant", MINAMISANRIKU, "--base")
    finally:
        next(broken, None)
    assert (known(cloud, MINAMISANRIKU), snapshots(cloud)) == (before, copies)
    copy = restore.run(cloud.home, MINAMISANRIKU, until=None)
    assert verify.run(cloud.home, copy).differs == []
    restore.drop(cloud.home, copy.database)


@pytest.mark.proves("BAK-1")
def test_mutant_a_dump_whose_exit_code_nobody_reads_looks_complete(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sound = subprocess.run

    def blind(*arguments: Any, **options: Any) -> Any:
        done = sound(*arguments, **options)
        done.returncode = 0
        return done

    url = tenant_url(cloud.home, MINAMISANRIKU, "backup")
    with pytest.raises(Unavailable):
        sources.dump(url, "00000000-00000000-1", tmp_path / "base")
    monkeypatch.setattr(subprocess, "run", blind)
    sources.dump(url, "00000000-00000000-1", tmp_path / "base")
    assert (tmp_path / "base").exists()
    assert not (tmp_path / "base" / "toc.dat").exists() or not list((tmp_path / "base").glob("*.dat*"))[1:]


def sound(cloud: Cloud, code: str = MINAMISANRIKU) -> dict[str, str | None]:
    return {each["site"]: each["wrong"] for each in check.run(cloud.home, code, read_data=True)}


@pytest.fixture
def repository(cloud: Cloud) -> Iterator[Path]:
    """The recovery repository of 南三陸町 after two more backups; put back as it was."""
    folder = cloud.home.site("recovery") / "restic" / MINAMISANRIKU
    for _ in range(2):
        register_birth(cloud, MINAMISANRIKU)
        cloud.run("dr", "backup", "--tenant", MINAMISANRIKU)
    assert sound(cloud) == {"primary": None, "recovery": None}
    kept = folder.with_name("kept")
    subprocess.run(["cp", "-a", str(folder), str(kept)], check=True)
    yield folder
    shutil.rmtree(folder)
    kept.rename(folder)
    assert sound(cloud) == {"primary": None, "recovery": None}


@pytest.mark.proves("BAK-4")
@pytest.mark.parametrize("newest", [1, 2])
def test_deleted_snapshots_are_found(cloud: Cloud, repository: Path, newest: int) -> None:
    for each in known(cloud, MINAMISANRIKU)[-newest:]:
        (repository / "snapshots" / each.snapshot).unlink()
    assert f"{newest} of" in (sound(cloud)["recovery"] or "")
    with pytest.raises(Conflict, match="lacks"):
        restore.run(cloud.home, MINAMISANRIKU, until=None)
    # mutant: restic alone is content with what is left
    keys = tenant_keys(cloud.home, MINAMISANRIKU)
    restic.check(restic.repository(cloud.home, "recovery", MINAMISANRIKU, keys), read_data=True)


@pytest.mark.proves("BAK-4")
def test_yesterdays_repository_put_back_is_found(cloud: Cloud, repository: Path) -> None:
    old = repository.with_name("yesterday")
    subprocess.run(["cp", "-a", str(repository), str(old)], check=True)
    register_birth(cloud, MINAMISANRIKU)
    cloud.run("dr", "backup", "--tenant", MINAMISANRIKU)
    newer = repository.with_name("newer")
    repository.rename(newer)
    old.rename(repository)
    assert "1 of" in (sound(cloud)["recovery"] or "")
    shutil.rmtree(repository.with_name("kept"))
    newer.rename(repository.with_name("kept"))


@pytest.mark.proves("BAK-4")
def test_swapped_repositories_are_found(cloud: Cloud, repository: Path) -> None:
    other = repository.with_name(ONAGAWA)
    spare = repository.with_name("spare")
    for a, b in ((repository, spare), (other, repository), (spare, other)):
        a.rename(b)
    try:
        assert sound(cloud)["recovery"]
        assert sound(cloud, ONAGAWA)["recovery"]
    finally:
        for a, b in ((repository, spare), (other, repository), (spare, other)):
            a.rename(b)


@pytest.mark.proves("BAK-4")
def test_a_dropped_segment_is_found_before_the_next_backup(cloud: Cloud) -> None:
    file = cloud.home.segments(MINAMISANRIKU) / "000001.jsonl.zst"
    away = file.with_suffix(".away")
    file.rename(away)
    try:
        with pytest.raises(Conflict, match="segment 1"):
            cloud.run("dr", "backup", "--tenant", MINAMISANRIKU)
    finally:
        away.rename(file)


@pytest.mark.proves("BAK-4")
@pytest.mark.parametrize("kind", ["missing", "altered", "other tenant"])
def test_altered_manifests_are_found(cloud: Cloud, kind: str, tmp_path: Path) -> None:
    public = tenant_keys(cloud.home, MINAMISANRIKU).signer().public_key()
    for file in cloud.home.manifests(MINAMISANRIKU).iterdir():
        shutil.copy(file, tmp_path)
    first = tmp_path / "000001.json"
    if kind == "missing":
        first.unlink()
    elif kind == "altered":
        first.write_text(first.read_text().replace("base_segment", "base_sogment"))
    else:
        shutil.copy(cloud.home.manifests(ONAGAWA) / "000001.json", first)
    with pytest.raises(Conflict):
        manifest.read_all(tmp_path, tenant=MINAMISANRIKU, public_key=public)


def test_a_wrong_repository_password_is_told(cloud: Cloud) -> None:
    keys = tenant_keys(cloud.home, ONAGAWA).model_copy(update={"restic_password": "wrong"})
    with pytest.raises(Unavailable, match="wrong repository password") as told:
        restic.snapshots(restic.repository(cloud.home, "primary", ONAGAWA, keys))
    assert "wrong repository password (exit 12)" in told.value.detail


def test_the_servers_let_nothing_be_deleted_or_read_by_another_tenant(cloud: Cloud) -> None:
    import httpx2

    keys = tenant_keys(cloud.home, ONAGAWA)
    snapshot = known(cloud, ONAGAWA)[-1].snapshot
    for site, password in (("primary", keys.primary_http_password), ("recovery", keys.recovery_http_password)):
        base = f"http://127.0.0.1:{cloud.home.restic_port(site)}"  # type: ignore[arg-type]
        auth = (ONAGAWA, password)
        assert httpx2.delete(f"{base}/{ONAGAWA}/snapshots/{snapshot}", auth=auth).status_code == 403
        assert httpx2.post(f"{base}/{ONAGAWA}/snapshots/{snapshot}", auth=auth, content=b"x").status_code in (400, 403)
        assert httpx2.get(f"{base}/{MINAMISANRIKU}/config", auth=auth).status_code == 401
        assert httpx2.get(f"{base}/{ONAGAWA}/config").status_code == 401
    primary_password_at_recovery = (ONAGAWA, keys.primary_http_password)
    there = f"http://127.0.0.1:{cloud.home.restic_port('recovery')}/{ONAGAWA}/config"
    assert httpx2.get(there, auth=primary_password_at_recovery).status_code == 401
