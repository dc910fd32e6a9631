"""Answer the public."""

from kit.civic.verification import check_code, digest
from kit.db import Tx
from kit.errors import Invalid
from systems.certificate_check import rules, store
from systems.certificate_check.model import Answer


def check(tx: Tx, tenant: str, code: str, sha256: str | None) -> Answer:
    """Whether this municipality issued a certificate with that code, and whether a PDF of that SHA-256 is the one issued."""
    try:
        found = store.issued(tx, digest(check_code(code)))
    except Invalid:
        found = None
    return rules.answer(tenant, found, sha256)
