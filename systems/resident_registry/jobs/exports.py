"""Making the packs that were released: a job beside the counter, in the zone of the register."""

from typing import IO, cast
from uuid import UUID

from kit import clock
from kit.db import connect
from systems.resident_registry.model.exports import Contents
from systems.resident_registry.model.people import Office
from systems.resident_registry.service import exports as service
from systems.resident_registry.store import exports as store

ACTOR = "export job"


def work(url: str, office: Office) -> list[UUID]:
    """Make every released pack; which. One that was broken off is made anew: pieces and state are one transaction."""
    with connect(url, actor=ACTOR) as tx:
        waiting = store.in_state(tx, "released")
    for job in waiting:
        contents = Contents(job.encoding, job.with_numbers, job.with_protected)
        with connect(url, actor=ACTOR, isolation="REPEATABLE_READ") as reader, connect(url, actor=ACTOR) as tx:
            if store.job(tx, job.id, lock=True).state != "released":
                continue
            store.sweep(tx, job.id)
            out, made_at = service.Sealing(tx, office, job.id), clock.now()
            pack = cast(IO[bytes], out)
            manifest = service.write_pack(reader, pack, contents, tenant=office.tenant, made_at=made_at, office=office)
            made = {"manifest": manifest, "pack_sha256": out.finish(), "made_at": made_at}
            store.set_state(tx, job.id, "made", **made)
    return [job.id for job in waiting]
