"""One backup of one tenant: seal, dump in the same snapshot, restic, pulled by the recovery site, manifest signed."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from dr import digest, manifest, plan, replicate, restic, sources
from dr.model import Digest, Manifest
from kit import clock, journal
from kit.db import Tx, connect
from kit.errors import Conflict, Unavailable
from tenants.catalog import tenant
from tenants.home import Home
from tenants.keyring import TenantKeys, tenant_keys, tenant_url, wrap

#: before and after a snapshot was taken
Moments = tuple[datetime, datetime]


@contextmanager
def alone(home: Home, code: str) -> Iterator[None]:
    """One backup of a tenant at a time; `Unavailable` when site primary is lost: nothing may be put where it was."""
    if not home.site("primary").exists():
        raise Unavailable("site primary does not answer: it is lost, and there is nothing to back up from")
    folder = home.site("primary") / "staging"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / f".{code}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def init(home: Home, code: str) -> bool:
    """Found the tenant's repository at the primary, its first copy at the recovery site, and its wrapped keys at both."""
    keys = tenant_keys(home, code)
    with alone(home, code):
        for site in ("primary", "recovery"):
            wrap(home, site, code)
        here, there = (restic.repository(home, site, code, keys) for site in ("primary", "recovery"))
        founded = restic.init(here)
        return bool(replicate.pull(here, there).files) or founded


def run(home: Home, code: str, *, base: bool, first: bool) -> dict[str, Any]:
    """Back the tenant up; what was done.

    `base` asks for a base, otherwise one is taken when it is due. With `first`, nothing is done when a backup is there.

    Raises
    ------
    Unavailable
        A part failed; the last good backup is untouched, and the next run goes on.
    """
    keys = tenant_keys(home, code)
    with alone(home, code):
        known = manifest.read_all(home.manifests(code), tenant=code, public_key=keys.signer().public_key())
        if first and known:
            return {"changed": False, "tenant": code, "manifest": known[-1].number}
        staged, sealed, state, moments = _stage(home, code, keys, known, base=base)
        here, there = (restic.repository(home, site, code, keys) for site in ("primary", "recovery"))
        folders = [home.segments(code), *([staged] if staged else [])]
        summary = restic.backup(here, folders, tags=["base" if staged else "segments", f"segment={sealed.number}"], host=code)
        pulled = replicate.pull(here, there)
        made = _manifest(home, code, known, sealed, state, moments=moments, staged=staged, summary=summary)
        gone = replicate.missing(there, {made.snapshot, made.base_snapshot})
        if gone:
            raise Unavailable(f"the recovery site lacks {len(gone)} snapshots that it was given: run `mcloud backup run` again")
        manifest.write(home.manifests(code), made, state, keys.signer())
        if staged and "resident_registry" in tenant(code, home).systems:
            with connect(tenant_url(home, code, "mynumber"), actor="backup") as tx:
                from systems.resident_registry.service import imports  # half of this process's start, for a register alone

                imports.mark_based(tx, before=moments[0], at=clock.now())
        return _told(made, summary, pulled)


def _manifest(
    home: Home,
    code: str,
    known: list[Manifest],
    sealed: journal.Segment,
    state: Digest,
    *,
    moments: Moments,
    staged: Path | None,
    summary: dict[str, Any],
) -> Manifest:
    snapshot = summary["snapshot_id"]
    return Manifest(
        tenant=code,
        number=len(known) + 1,
        previous=manifest.last_hash(home.manifests(code), len(known)),
        at=moments[1],
        snapshot=snapshot,
        base_snapshot=snapshot if staged else known[-1].base_snapshot,
        base_segment=sealed.number if staged else known[-1].base_segment,
        segment=sealed.number,
        segment_sha256=sealed.sha256,
        segment_sealed_at=moments[0],
        dump_sha256=sources.folder_sha256(staged) if staged else known[-1].dump_sha256,
        bytes_added=summary["data_added_packed"],
        files=summary["total_files_processed"],
        digest_sha256=digest.sha256(state),
    )


def _told(made: Manifest, summary: dict[str, Any], pulled: replicate.Pulled) -> dict[str, Any]:
    return {
        "changed": True,
        "tenant": made.tenant,
        "manifest": made.number,
        "kind": "base" if made.snapshot == made.base_snapshot else "segments",
        "segment": made.segment,
        "sites": [
            {"site": "primary", "snapshot": made.snapshot, "bytes_added": summary["data_added_packed"]},
            {"site": "recovery", "snapshot": made.snapshot, "bytes_added": pulled.bytes},
        ],
    }


def _stage(
    home: Home, code: str, keys: TenantKeys, known: list[Manifest], *, base: bool
) -> tuple[Path | None, journal.Segment, Digest, Moments]:
    """Seal, and take the digest and, when due, the dump of exactly the sealed state."""
    url = tenant_url(home, code, "backup")
    staged = home.site("primary") / "staging" / code / "base"
    staged.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    schema = sources.schema(url)
    asked_at = clock.now()  # everything committed until here is in the snapshot
    with journal.sealing(url, home.segments(code), tenant=code, signer=keys.signer()) as (tx, fresh):
        at = clock.now()  # nothing committed from here on is in it
        sealed = fresh or tx.row("SELECT * FROM journal.segment ORDER BY number DESC LIMIT 1", into=journal.Segment)
        if sealed is None:
            raise Conflict("nothing is sealed")
        gone = [n for n in range(1, sealed.number + 1) if not journal.segment_file(home.segments(code), n).exists()]
        if gone:
            raise Conflict(f"segment {gone[0]} of {code} is missing at the primary: bring it back from the recovery site first")
        state = digest.take(tx, schema)
        newest_base = next((each.at for each in reversed(known) if each.snapshot == each.base_snapshot), None)
        anew = bool(known) and _must_begin_anew(tx, home, code, known[-1], state)
        is_due = base or plan.needs_base(known, now=at, base_taken_at=newest_base, must_begin_anew=anew)
        if is_due:
            sources.dump(url, tx.value("SELECT pg_export_snapshot()"), staged)
    return (staged if is_due else None), sealed, state, (asked_at, at)


def _must_begin_anew(tx: Tx, home: Home, code: str, last: Manifest, state: Digest) -> bool:
    """Whether something happened that replay cannot bring back: a bulk import, or a change of schema."""
    before = manifest.read_digest(home.manifests(code), last)
    imports = tx.value("SELECT count(*) FROM journal.entry WHERE kind = 'import' AND at > %s", (last.at,))
    return bool(imports) or before.schema_sha256 != state.schema_sha256
