"""x"""

from uuid import UUID

from systems.resident_registry.model.people import Office


def work(url: str, office: Office) -> list[UUID]:
    return []
