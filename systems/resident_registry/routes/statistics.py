"""Figures without persons."""

from typing import Annotated

from fastapi import Depends

from kit.app import problems
from kit.auth import Actor, require
from kit.requests import Transaction
from systems.resident_registry.routes.desk import counter
from systems.resident_registry.store import people

router = counter()


@router.get("/statistics", summary="Number of residents; no personal data", responses=problems(403))
def statistics(
    tx: Transaction, actor: Annotated[Actor, Depends(require("registry_clerk", "tenant_admin", "auditor"))]
) -> dict[str, int]:
    return {"residents": people.count(tx)}
