"""What the public is told. Pure."""

import hmac

from systems.certificate_check.model import Answer, Issued


def answer(tenant: str, issued: Issued | None, sha256: str | None) -> Answer:
    """The answer about a code; an unknown, a malformed and a mistyped code are answered alike (office practice)."""
    match = None if sha256 is None else issued is not None and hmac.compare_digest(issued.pdf_sha256, sha256.lower())
    return Answer(tenant, issued.kind if issued else None, issued.issued_on if issued else None, match)
