"""What every counter needs: roles, purpose, office, and the words its shapes are made of."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel, ConfigDict, Field

from kit.auth import Actor, require
from kit.errors import Invalid, VersionRequired
from systems.resident_registry.model import people
from systems.resident_registry.model.errors import PurposeMissing
from systems.resident_registry.service.office import of_process

#: purposes (事務) a clerk chooses from; the same list as in contract.yaml
PURPOSES = ("certificate", "notification", "inquiry", "statistics", "operation", "other_office")


def counter() -> APIRouter:
    """A router of the zone mynumber; each subject has its own."""
    return APIRouter(prefix="/resident-registry", tags=["mynumber"])


def purpose(request: Request, x_purpose: Annotated[str | None, Header(description="/".join(PURPOSES))] = None) -> str:
    """The purpose of looking at personal data, from the list."""
    if x_purpose not in PURPOSES:
        raise PurposeMissing(f"choose a purpose and send it as X-Purpose: {', '.join(PURPOSES)}")
    return x_purpose


def office(request: Request) -> people.Office:
    """The municipality this process works for."""
    return of_process(request.app.state.settings)


def version(if_match: Annotated[str | None, Header(description="the version that was read, in quotes")] = None) -> int:
    """The version the caller read, from If-Match."""
    if if_match is None:
        raise VersionRequired("send the version you read as If-Match")
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid("If-Match is a version in quotes")
    return int(text)


Clerk = Annotated[Actor, Depends(require("registry_clerk"))]
#: the counter, and other offices of the town (他課照会), which find 宛名 and see nothing beyond
Finder = Annotated[Actor, Depends(require("registry_clerk", "other_office"))]
#: 番号担当 and DV担当
NumberOfficer = Annotated[Actor, Depends(require("number_officer"))]
DvOfficer = Annotated[Actor, Depends(require("dv_officer"))]
Supervisor = Annotated[Actor, Depends(require("registry_supervisor"))]
Purpose = Annotated[str, Depends(purpose)]
Version = Annotated[int, Depends(version)]
Office = Annotated[people.Office, Depends(office)]
IdempotencyKey = Annotated[str | None, Header(max_length=200)]
Text = Annotated[str, Field(min_length=1, max_length=200)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
