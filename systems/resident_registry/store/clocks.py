"""Records of the classes that go by their own clock: what is due up to a day, and what a disposal takes away of it."""

from datetime import date

from kit.db import Tx
from systems.resident_registry.model.retention import RecordClass


def _free(residents: str) -> str:
    """SQL: none of these residents is under a legal hold."""
    held = "SELECT resident_id FROM resident_registry.legal_hold WHERE until IS NULL"
    return f"NOT EXISTS ({held} AND resident_id IN ({residents}))"


def _day(instant: str) -> str:
    return f"({instant} AT TIME ZONE 'Asia/Tokyo')::date"


_PROTECTED = "SELECT p.resident_id FROM resident_registry.support_protected p WHERE p.case_id = c.id"
#: class -> id and day of the clock of what is ended and not emptied yet
_ENDED: dict[RecordClass, str] = {
    "certificate_papers": f"""
        SELECT c.serial AS id, c.issued_on AS day FROM resident_registry.certificate c
        WHERE (c.residents <> '{{}}' OR c.asked <> '{{}}') AND {_free("SELECT unnest(c.residents)")}
        UNION ALL SELECT m.id::text, {_day("m.opened_at")} FROM resident_registry.measure_lift m
        WHERE m.requester_name <> '' AND {_free("SELECT unnest(m.residents)")}""",
    "notices": f"""
        SELECT n.id::text, {_day("coalesce(n.sent_at, n.drafted_at)")} AS day FROM resident_registry.notice n
        WHERE n.state <> 'draft' AND n.kind <> 'juki_change' AND {_free("n.resident_id")}
          AND NOT EXISTS (SELECT FROM resident_registry.movement m
                          WHERE m.id = n.movement_id AND m.state IN ('decided', 'notified'))""",
    "support_cases": f"""
        SELECT c.id::text, c.closed_on AS day FROM resident_registry.support_case c
        WHERE c.closed_on IS NOT NULL AND {_free(_PROTECTED)}""",
    "notice_registrations": f"""
        SELECT r.id::text, least(r.ended_on, r.ends_on) AS day FROM resident_registry.third_party_notice_registration r
        WHERE {_free("r.resident_id")}""",
    "exchange_jobs": f"""
        SELECT i.id::text, {_day("coalesce(i.based_at, i.uploaded_at)")} AS day FROM resident_registry.import_job i
        WHERE i.state IN ('based', 'refused', 'withdrawn')
        UNION ALL SELECT e.id::text, {_day("coalesce(e.made_at, e.decided_at)")} FROM resident_registry.export_job e
        WHERE e.state IN ('made', 'refused', 'swept')""",
}
_DUE = "SELECT id FROM ({ended}) ended WHERE day <= %(until)s ORDER BY day, id LIMIT %(limit)s"
#: class -> what takes away the records of these ids
_TAKE: dict[RecordClass, tuple[str, ...]] = {
    "certificate_papers": (
        """UPDATE resident_registry.certificate SET content = jsonb_build_object('disposed_on', %(on)s::text), asked = '{}',
           residents = '{}' WHERE serial = ANY (%(ids)s)""",
        """UPDATE resident_registry.measure_lift SET requester_name = '', ground = '廃棄済み' WHERE id::text = ANY (%(ids)s)""",
    ),
    "notices": ("DELETE FROM resident_registry.notice WHERE id = ANY (%(ids)s::uuid[])",),
    "support_cases": (
        *(
            f"DELETE FROM resident_registry.{table} WHERE case_id = ANY (%(ids)s::uuid[])"
            for table in ("support_forwarding", "support_opponent", "support_protected")
        ),
        "DELETE FROM resident_registry.support_case WHERE id = ANY (%(ids)s::uuid[])",
    ),
    "notice_registrations": ("DELETE FROM resident_registry.third_party_notice_registration WHERE id = ANY (%(ids)s::uuid[])",),
    "exchange_jobs": (
        "DELETE FROM resident_registry.export_piece WHERE job_id = ANY (%(ids)s::uuid[])",
        "DELETE FROM resident_registry.export_job WHERE id = ANY (%(ids)s::uuid[])",
        "DELETE FROM resident_registry.import_job WHERE id = ANY (%(ids)s::uuid[])",
    ),
}


def count(tx: Tx, record_class: RecordClass, until: date, limit: int) -> int:
    """How many records whose clock started by that day nothing keeps, at most `limit`."""
    return len(_due(tx, record_class, until, limit))


def dispose(tx: Tx, record_class: RecordClass, until: date, limit: int, on: date) -> int:
    """Take away the oldest records whose clock started by that day and that nothing keeps, at most `limit`; how many."""
    ids = _due(tx, record_class, until, limit)
    for sql in _TAKE[record_class]:
        tx.execute(sql, {"ids": ids, "on": on})
    return len(ids)


def _due(tx: Tx, record_class: RecordClass, until: date, limit: int) -> list[str]:
    rows = tx.rows(_DUE.format(ended=_ENDED[record_class]), {"until": until, "limit": limit})
    return [row["id"] for row in rows]
