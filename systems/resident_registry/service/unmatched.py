"""転入通知 of somebody who filed no 転出: kept as a draft on a worklist, so that nothing another municipality said is lost.

What follows is decided by the office: the departure is filed after all (未届の転出), or the record is removed (職権消除).
"""

from collections.abc import Collection

from kit.db import Tx
from systems.resident_registry.model.errors import AlertsUnconfirmed, NotLeaving
from systems.resident_registry.model.filings import Filing
from systems.resident_registry.model.movements import Movement
from systems.resident_registry.model.people import Office
from systems.resident_registry.rules.alerts import NO_DEPARTURE
from systems.resident_registry.service import movements
from systems.resident_registry.store import movements as store


def enter(tx: Tx, office: Office, filing: Filing, confirmed: Collection[str]) -> Movement:
    """Enter a filing and hand it in; both or neither, but a 転入通知 without 転出 stays a draft once that is confirmed.

    Raises
    ------
    AlertsUnconfirmed
        Something is unusual and was not confirmed by its slug; names each.
    """
    one = movements.draft(tx, office, filing)
    try:
        return movements.submit(tx, office, one.id, one.version, confirmed)
    except NotLeaving:
        if one.reason != "in_notice":
            raise
    told = {"slug": NO_DEPARTURE.slug, "title": NO_DEPARTURE.title}
    if NO_DEPARTURE.slug not in confirmed:
        raise AlertsUnconfirmed(f"confirm by slug: {NO_DEPARTURE.slug}", alerts=[told])
    store.update(tx, one, alerts=[told | {"confirmed_by": tx.actor}])
    return store.movement(tx, one.id)
