"""The one table this process may read."""

from kit.db import Tx
from systems.certificate_check.model import Issued


def issued(tx: Tx, code_sha256: bytes) -> Issued | None:
    """What was issued under the code of that hash, or None."""
    sql = "SELECT kind, issued_on, pdf_sha256 FROM certificate_check.issued WHERE code_sha256 = %s"
    return tx.row(sql, (code_sha256,), into=Issued)
