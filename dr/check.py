"""Are both repositories sound, and do they hold what the manifests say?"""

from typing import Any

from dr import manifest, replicate, restic
from kit.errors import CallerError
from tenants.home import Home, SiteName
from tenants.keyring import tenant_keys

SITES: tuple[SiteName, ...] = ("primary", "recovery")


def run(home: Home, code: str, *, read_data: bool) -> list[dict[str, Any]]:
    """One line a site: what is wrong there, if anything. A site that does not answer is told, not raised."""
    keys = tenant_keys(home, code)
    found = []
    for site in SITES:
        wrong = None
        at = restic.repository(home, site, code, keys)
        try:
            known = manifest.read_all(home.manifests(code), tenant=code, public_key=keys.signer().public_key())
            gone = replicate.missing(at, {each.snapshot for each in known})
            if gone:
                wrong = f"{len(gone)} of {len(known)} snapshots that the manifests name are missing"
            else:
                restic.check(at, read_data=read_data)
        except CallerError as refused:
            wrong = refused.detail
        found.append({"tenant": code, "site": site, "sound": wrong is None, "wrong": wrong})
    return found
