"""Reports for the council."""

from typing import Annotated

from fastapi import APIRouter

from kit.app import problems
from kit.auth import Actor
from kit.requests import Transaction
from platform_api.access import prefecture
from platform_api.reports import shares
from platform_api.routes import Here
from platform_api.shapes import SharesOut, SharesRequest

router = APIRouter(prefix="/v1", tags=["reports"])
Secretary = Annotated[Actor, prefecture("council_secretary")]


@router.post("/reports/shares", summary="Cost shares, to the yen", responses=problems(403, 404, 422))
def share_report(tx: Transaction, actor: Secretary, home: Here, body: SharesRequest) -> SharesOut:
    return shares.compute(body, home.reports)
