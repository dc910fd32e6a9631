"""Restore = base + replay, from the recovery site alone, into an empty database beside everything else."""

import secrets
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from dr import manifest, plan, replay, replicate, restic, sources
from dr.model import Manifest, Restored
from kit import journal
from kit.db import connect, identifier
from kit.errors import Conflict, NotFound, Unavailable
from tenants import databases
from tenants.home import Home, database_name
from tenants.keyring import TenantKeys, postgres_url, unwrap


def manifests(home: Home, code: str) -> tuple[TenantKeys, list[Manifest]]:
    """The tenant's keys as the recovery site holds them, and its verified manifests."""
    keys = unwrap(home, "recovery", code)
    return keys, manifest.read_all(home.manifests(code), tenant=code, public_key=keys.signer().public_key())


def describe(home: Home, code: str, until: datetime | None) -> dict[str, object]:
    """What a restore would do; nothing is changed."""
    _, known = manifests(home, code)
    chosen = plan.choose(known, until)
    base = plan.choose_base(known, chosen, until)
    return {
        "tenant": code,
        "manifest": chosen.number,
        "base_manifest": base.number,
        "base_taken_at": base.at.isoformat(),
        "segments_replayed": f"{base.segment + 1}-{chosen.segment}" if chosen.segment > base.segment else "none",
        "newest_sealed_at": chosen.segment_sealed_at.isoformat(),
        "database": f"r_{code}_… at site recovery",
    }


def run(home: Home, code: str, *, until: datetime | None) -> Restored:
    """Restore the tenant; its database is there complete under its name, or not at all.

    Raises
    ------
    NotFound
        No backup, or none for that moment.
    Conflict
        Manifest, segment or dump is not what was signed; names it.
    Unavailable
        A part does not answer.
    """
    keys, known = manifests(home, code)
    chosen = plan.choose(known, until)
    base = plan.choose_base(known, chosen, until)
    staging = home.site("recovery") / "staging" / f"{code}-{secrets.token_hex(4)}"
    staging.mkdir(mode=0o700, parents=True)
    try:
        segments = _fetch(home, code, keys, base, chosen, staging)
        return _build(home, code, base, chosen, segments, staging, until)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _fetch(home: Home, code: str, keys: TenantKeys, base: Manifest, chosen: Manifest, staging: Path) -> list[journal.Segment]:
    """Base and segments out of the recovery repository, each proven to be what was signed."""
    at = restic.repository(home, "recovery", code, keys)
    gone = replicate.missing(at, {base.snapshot, chosen.snapshot})
    if gone:
        raise Conflict(f"the recovery repository of {code} lacks {len(gone)} snapshots that the manifest names")
    restic.restore(at, base.snapshot, home.site("primary") / "staging" / code / "base", staging / "base")
    restic.restore(at, chosen.snapshot, home.segments(code), staging / "segments")
    if sources.folder_sha256(staging / "base") != base.dump_sha256:
        raise Conflict(f"the dump of base {base.number} is not the one that was signed")
    found: list[journal.Segment] = []
    for number in range(1, chosen.segment + 1):
        previous = found[-1].sha256 if found else journal.START
        file, key = journal.segment_file(staging / "segments", number), keys.signer().public_key()
        found.append(journal.check_segment(file, tenant=code, number=number, previous=previous, public_key=key))
    if found[-1].sha256 != chosen.segment_sha256:
        raise Conflict(f"segment {chosen.segment} is not the one that manifest {chosen.number} names")
    return found


def _build(
    home: Home,
    code: str,
    base: Manifest,
    chosen: Manifest,
    segments: Sequence[journal.Segment],
    staging: Path,
    until: datetime | None,
) -> Restored:
    name = f"r_{code}_{secrets.token_hex(4)}"
    draft = f"{name}_part"
    admin = postgres_url(home, "recovery")
    with connect(admin, autocommit=True) as tx:
        databases.ensure_roles(tx, database_name(code))
        tx.execute(f"CREATE DATABASE {identifier(draft)} OWNER {identifier(database_name(code) + '_owner')}")
        tx.execute(f"REVOKE ALL ON DATABASE {identifier(draft)} FROM PUBLIC")
    try:
        url = postgres_url(home, "recovery", draft)
        sources.load(url, staging / "base")
        folder = staging / "segments"
        everything = replay.whole_until(list(replay.entries(folder, range(1, chosen.segment + 1))), until)
        with connect(url) as tx:
            replay.load_journal(tx, everything)
            replay.load_register(tx, folder, segments if until is None else [])
            replayed = replay.apply(tx, [each for each in everything if each["segment"] > base.segment])
        with connect(admin, autocommit=True) as tx:
            tx.execute(f"ALTER DATABASE {identifier(draft)} RENAME TO {identifier(name)}")
    except Exception:
        drop(home, draft)
        raise
    return Restored(
        tenant=code,
        database=name,
        manifest=chosen.number,
        segments=len(segments),
        replayed=replayed,
        until=until,
        sealed_at=chosen.segment_sealed_at,
    )


def drop(home: Home, name: str) -> bool:
    """Destroy a restored copy; True when it is proven to be gone.

    Raises
    ------
    Conflict
        The name is not that of a restored copy.
    """
    if not name.startswith("r_"):
        raise Conflict(f"{name} is not a restored copy")
    with connect(postgres_url(home, "recovery"), autocommit=True) as tx:
        tx.execute(f"DROP DATABASE IF EXISTS {identifier(name)} WITH (FORCE)")
        return not tx.value("SELECT 1 FROM pg_database WHERE datname = %s", (name,))


def destroy(home: Home, code: str, name: str) -> bool:
    """Destroy one restored copy of this tenant; True when it is proven to be gone.

    Raises
    ------
    NotFound
        The recovery server holds no such copy of this tenant.
    """
    with connect(postgres_url(home, "recovery")) as tx:
        there = tx.value("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
    if not there or not name.startswith(f"r_{code}_"):
        raise NotFound(f"there is no restored copy {name} of {code}")
    return drop(home, name)


def drop_unfinished(home: Home, code: str) -> list[str]:
    """Destroy what restores of this tenant that were killed left behind; names of what was dropped."""
    with connect(postgres_url(home, "recovery")) as tx:
        pattern = f"r\\_{code}\\_%\\_part"
        left = [row["datname"] for row in tx.rows("SELECT datname FROM pg_database WHERE datname LIKE %s", (pattern,))]
    for name in left:
        if not drop(home, name):
            raise Unavailable(f"{name} cannot be dropped")
    return left
