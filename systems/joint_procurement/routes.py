"""The secretariat's counter for machines: zone lgwan."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from kit.app import problems
from kit.auth import Actor, require
from systems.joint_procurement import rules
from systems.joint_procurement.model import Member

router = APIRouter(prefix="/joint-procurement", tags=["lgwan"])
routers = (router,)


class MemberIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str = Field(pattern=r"^\d{6}$")
    name: str = Field(max_length=100)
    population: int = Field(ge=0)
    measures: dict[str, Decimal] = {}


class SharesIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    total_yen: int = Field(ge=0, le=10**15)
    components: list[Annotated[str, Field(max_length=100)]] = Field(
        min_length=1, max_length=10, description="KIND:PERCENT, see the manual"
    )
    members: list[MemberIn] = Field(min_length=1, max_length=100)


class ShareOut(BaseModel):
    code: str
    name: str
    yen: int
    yen_per_head: int


@router.post("/shares", summary="Compute cost shares (what-if)", responses=problems(403, 422))
def shares(actor: Annotated[Actor, Depends(require("procurement_officer"))], body: SharesIn) -> list[ShareOut]:
    members = [Member(m.code, m.name, m.population, m.measures) for m in body.members]
    run = rules.compute(body.total_yen, [rules.parse_component(c) for c in body.components], members, basis="given")
    return [ShareOut(code=s.code, name=s.name, yen=s.yen, yen_per_head=s.yen_per_head) for s in run.shares]
