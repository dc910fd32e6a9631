"""Finding residents."""

from datetime import date
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel

from kit.app import problems
from kit.requests import Transaction
from systems.resident_registry.model.search import Criteria
from systems.resident_registry.routes.desk import Clerk, Purpose, counter
from systems.resident_registry.routes.people import Hit, hit
from systems.resident_registry.service import search as service

router = counter()


class Hits(BaseModel):
    residents: list[Hit]


@router.get("/residents", summary="Search residents by name, kana, birth date or address", responses=problems(403, 422, 428))
def search(
    tx: Transaction,
    actor: Clerk,
    purpose: Purpose,
    name: Annotated[str | None, Query(max_length=100)] = None,
    kana: Annotated[str | None, Query(max_length=100)] = None,
    born_on: date | None = None,
    address: Annotated[str | None, Query(max_length=100)] = None,
) -> Hits:
    found = service.search(tx, Criteria(name, kana, born_on, address))
    return Hits(residents=[Hit(**hit(each)) for each in found])
