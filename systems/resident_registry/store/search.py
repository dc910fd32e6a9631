"""Finding residents and removed records by what a clerk knows."""

from datetime import date
from uuid import UUID

from kit.civic.names import bigrams, fold, kana_key
from kit.db import Tx
from systems.resident_registry.model.people import Resident
from systems.resident_registry.model.search import Criteria
from systems.resident_registry.store.people import SELECT

_PRESENT = "r.removed_on IS NULL"
_NEWEST = "ORDER BY r.removed_on DESC NULLS FIRST, r.id"
#: bigrams by the index, then the whole text: pairs alone would also find those who have them apart
_NAME = "r.name_bigrams @> %(name_pairs)s AND strpos(r.name_key, %(name)s) > 0"
_KANA = "(r.kana_key LIKE %(kana)s OR r.other_kana_key LIKE %(kana)s)"
#: by the whole of it, only where no one is protected: a hit would tell the address (R13). Asked of each who fits, by a function:
#: as a join the planner would first gather all who are protected
_ADDRESS = """h.address_bigrams @> %(address_pairs)s AND strpos(h.address_key, %(address)s) > 0
    AND NOT resident_registry.is_protected(r.id)"""

#: nearly every address has it: asking the index for it costs a third of the search and sorts nobody out
_EVERYWHERE = "番地"


def search(tx: Tx, criteria: Criteria, today: date, limit: int) -> list[Resident]:
    """Present residents, and removed records when asked for, that fit all criteria, by reading; at most `limit`."""
    where = [] if criteria.removed else [_PRESENT]
    if criteria.name:
        where.append(_NAME)
    if criteria.kana:
        where.append(_KANA)
    if criteria.born_on:
        where.append("r.born_on = %(born_on)s")
    if criteria.address:
        where.append(_ADDRESS)
    if criteria.atena_no:
        where.append("r.atena_no = %(atena_no)s")
    joined = "JOIN resident_registry.household h ON h.id = r.household_id" if criteria.address else ""
    # Who fits is settled first: ordered by reading from the start, the planner would walk the readings of everybody.
    found = f"SELECT r.id FROM resident_registry.resident r {joined} WHERE {' AND '.join(where)} LIMIT %(limit)s"
    sql = f"WITH found AS MATERIALIZED ({found}) {SELECT} WHERE r.id IN (SELECT id FROM found) ORDER BY r.kana_key, r.id"
    return tx.rows(sql, _params(criteria) | {"today": today, "limit": limit}, into=Resident)


def _params(criteria: Criteria) -> dict[str, object]:
    return {
        "name": fold(criteria.name or ""),
        "name_pairs": bigrams(criteria.name or ""),
        "kana": kana_key(criteria.kana or "").replace("\\", "").replace("%", "").replace("_", "") + "%",
        "born_on": criteria.born_on,
        "address": fold(criteria.address or ""),
        "address_pairs": [pair for pair in bigrams(criteria.address or "") if pair != _EVERYWHERE],
        "atena_no": criteria.atena_no,
    }


def by_individual_number(tx: Tx, blind_index: bytes, *, removed: bool) -> list[UUID]:
    """The present resident whose number in use has that keyed hash; the removed records that bore it too, the newest first."""
    which = "" if removed else f" AND n.in_use AND {_PRESENT}"
    sql = f"""SELECT r.id FROM resident_registry.individual_number n JOIN resident_registry.resident r ON r.id = n.resident_id
              WHERE n.blind_index = %s{which} {_NEWEST}"""
    return [row["id"] for row in tx.rows(sql, (blind_index,))]


def by_resident_code(tx: Tx, code: str, *, removed: bool) -> list[UUID]:
    """The present resident of that 住民票コード; the removed records that bore it too, the newest first."""
    which = "" if removed else f" AND {_PRESENT}"
    sql = f"SELECT r.id FROM resident_registry.resident r WHERE r.resident_code = %s{which} {_NEWEST}"
    return [row["id"] for row in tx.rows(sql, (code,))]


def sealed_number(tx: Tx, resident_id: UUID) -> bytes | None:
    """The resident's individual number as it lies encrypted; None when there is none in use."""
    sql = "SELECT sealed FROM resident_registry.individual_number WHERE resident_id = %s AND in_use"
    found: bytes | None = tx.value(sql, (resident_id,))
    return found
