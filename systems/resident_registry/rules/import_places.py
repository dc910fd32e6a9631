"""Whose address a row of an import has."""

from datetime import date

from kit.civic.places import authorities, authority_exists, municipality


def lies_elsewhere(tenant: str, code: str | None, address: str, *, is_present: bool) -> bool:
    """Whether an address is another municipality's than the tenant's; without a code the text of the address tells.

    In a designated city the code is the ward's. A removed record may have the code of a municipality that was merged.
    """
    if code is None:
        named = municipality(address)
        return named is not None and named[0] != tenant
    return code not in authorities(tenant) and (is_present or authority_exists(code, date.max))
