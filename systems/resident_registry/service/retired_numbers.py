"""Numbers that were changed for others, for whoever takes a register over: they are never given again (R2)."""

from collections.abc import Iterator
from uuid import UUID

from kit.db import Tx
from systems.resident_registry.model.people import Office
from systems.resident_registry.service.numbers import open_number
from systems.resident_registry.store import exports as store

HEADING = ("住民識別子", "宛名番号", "番号の種類", "変更前の番号", "変更の日")
KINDS = {"individual_number": "個人番号", "resident_code": "住民票コード"}


def rows(tx: Tx, office: Office) -> Iterator[tuple[str | None, ...]]:
    """Whose, of which kind, the number readable, and since when it is changed; for a pack that carries numbers."""
    for resident, atena_no, kind, sealed, on in store.retired_numbers(tx):
        number = open_number(office, UUID(str(resident)), bytes.fromhex(str(sealed)))
        yield resident, atena_no, KINDS[str(kind)], number, on
