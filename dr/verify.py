"""Is a restored tenant right? Rows, sequences, schema, chain, and one certificate made again."""

import hashlib

from dr import digest, manifest, sources
from dr.model import Comparison, Restored
from dr.restore import manifests
from kit.db import Tx, connect
from systems.resident_registry.service.certificates import render_certificate
from tenants.home import Home
from tenants.keyring import postgres_url


def run(home: Home, restored: Restored) -> Comparison:
    """Compare a restored database with what was signed when it was backed up.

    A copy that was restored to an earlier moment has no signed state of its own: its rows are then not compared.
    """
    _, known = manifests(home, restored.tenant)
    url = postgres_url(home, "recovery", restored.database)
    chosen = known[restored.manifest - 1]
    expected = manifest.read_digest(home.manifests(restored.tenant), chosen)
    with connect(url, isolation="REPEATABLE_READ") as tx:
        compared, different = 0, 0
        differs: list[str] = []
        if restored.until is None:
            compared, different, differs = digest.compare(expected, digest.take(tx, sources.schema(url)))
        equal = certificate_equal(tx)
    if equal is False:
        differs.append("a certificate does not come out as it was issued")
    return Comparison(rows_compared=compared, rows_different=different, differs=differs, certificate_equal=equal)


def certificate_equal(tx: Tx) -> bool | None:
    """Whether the newest certificate, made again, has the bytes it was issued with; None when there is none.

    One that shows an individual number cannot be made without the tenant's data key, which this check does not need.
    """
    if not tx.value("SELECT to_regclass('resident_registry.certificate')::text"):
        return None
    found = tx.row(
        """SELECT content, pdf_sha256 FROM resident_registry.certificate
           WHERE content ? 'template' AND NOT jsonb_path_exists(content, '$.units[*].rows[*][*].sealed')
           ORDER BY issued_on DESC, serial DESC LIMIT 1"""
    )
    if found is None:
        return None
    return bool(hashlib.sha256(render_certificate(found["content"])).hexdigest() == found["pdf_sha256"])
