"""Finding residents by what a clerk knows."""

from datetime import date

from kit.civic.names import bigrams, kana_key
from kit.db import Tx
from systems.resident_registry.model.people import Resident
from systems.resident_registry.model.search import Criteria
from systems.resident_registry.store.people import SELECT


def search(tx: Tx, criteria: Criteria, today: date, limit: int) -> list[Resident]:
    """Current residents that fit all criteria, by reading; at most `limit`."""
    where = ["r.removed_on IS NULL"]
    if criteria.name:
        where.append("r.name_bigrams @> %(name)s")
    if criteria.kana:
        where.append("r.kana_key LIKE %(kana)s")
    if criteria.born_on:
        where.append("r.born_on = %(born_on)s")
    if criteria.address:
        where.append("h.address_bigrams @> %(address)s")
    params: dict[str, object] = {
        "name": bigrams(criteria.name or ""),
        "kana": kana_key(criteria.kana or "").replace("\\", "").replace("%", "").replace("_", "") + "%",
        "born_on": criteria.born_on,
        "address": bigrams(criteria.address or ""),
        "today": today,
        "limit": limit,
    }
    sql = f"{SELECT} WHERE {' AND '.join(where)} ORDER BY r.kana_key, r.id LIMIT %(limit)s"
    return tx.rows(sql, params, into=Resident)
