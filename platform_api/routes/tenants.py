"""Tenants: what they are, and taking them in."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from kit import journal
from kit.app import problems
from kit.auth import Actor
from kit.db import Tx
from kit.errors import Conflict, Invalid
from kit.requests import Transaction
from platform_api import store
from platform_api.access import prefecture
from platform_api.routes import Code, Here, IdempotencyKey, accept
from platform_api.shapes import Applied, EventOut, JournalVerdict, Onboarding, OperationOut, TenantDetail, TenantOut
from tenants import catalog, ledger, lifecycle
from tenants.keyring import tenant_keys, tenant_url
from tenants.model import Tenant

router = APIRouter(prefix="/v1", tags=["tenants"])
Operator = Annotated[Actor, prefecture("operator")]
Reader = Annotated[Actor, prefecture("operator", "drill_leader", "council_secretary", "auditor")]


def _out(body: Tenant, history: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "code": body.code,
        "name": body.name,
        "state": lifecycle.state_of(history.get(body.code, [])),
        "population_census2020": body.population.census2020,
        "primary_site": body.sites.primary,
        "recovery_site": body.sites.recovery,
        "systems": list(body.systems),
    }


@router.get("/tenants", summary="All tenants with their state", responses=problems(403))
def tenants(tx: Transaction, actor: Reader, home: Here) -> list[TenantOut]:
    history = store.history(tx)
    return [TenantOut(**_out(body, history)) for body in catalog.catalog(home).values()]


@router.get("/tenants/{code}", summary="One tenant with its definition", responses=problems(404, 422))
def tenant(tx: Transaction, code: Code, home: Here) -> TenantDetail:
    body = catalog.tenant(code, home)
    return TenantDetail(**_out(body, store.history(tx)), definition=body.model_dump(mode="json"))


@router.put("/tenants/{code}", summary="Put a definition in force", responses=problems(403, 404, 422))
def apply(
    request: Request,
    tx: Transaction,
    actor: Operator,
    code: Code,
    home: Here,
    definition: dict[str, Any],
    dry_run: Annotated[bool, Query()] = False,
) -> Applied:
    """With `dry_run` nothing is changed."""
    wanted = catalog.check(definition, "definition")
    if wanted.code != code:
        raise Invalid(f"the definition is of {wanted.code}, not of {code}")
    now, new = catalog.tenant(code, home).model_dump(mode="json"), wanted.model_dump(mode="json")
    differs = [key for key in new if new[key] != now[key]]
    if differs and not dry_run:
        catalog.apply(home, wanted)
        ledger.append(tx, code, "applied", request.state.request_id, {"keys": differs})
    return Applied(changed=bool(differs) and not dry_run, differs=differs)


@router.post("/tenants/{code}/onboarding", status_code=202, summary="Take a tenant in", responses=problems(403, 404, 409, 422))
def onboard(
    request: Request,
    response: Response,
    actor: Operator,
    code: Code,
    home: Here,
    body: Onboarding,
    idempotency_key: IdempotencyKey = None,
) -> OperationOut:
    """The steps of a town that is active are repeated: new images, a definition that has grown."""

    def check(tx: Tx) -> None:
        state = lifecycle.state_of(store.history(tx).get(code, []))
        lifecycle.after(state, "onboard")
        if state == "active" and body.synthetic_scale:
            raise Conflict(f"{code} is active: synthetic residents are for a town that is being taken in")
        if state == "defined":
            ledger.append(tx, code, "onboarding", "first", {})

    return accept(request, response, actor, "onboard", code, body.model_dump(), key=idempotency_key, check=check)


@router.get("/tenants/{code}/events", summary="What happened to a tenant (ledger)", responses=problems(404, 422))
def events(tx: Transaction, code: Code) -> list[EventOut]:
    return [EventOut.model_validate(each, from_attributes=True) for each in ledger.events(tx, code)]


@router.get("/tenants/{code}/journal", summary="Verify a tenant's journal", responses=problems(404, 422))
def verify_journal(tx: Transaction, code: Code, home: Here) -> JournalVerdict:
    url, key = tenant_url(home, code, "backup"), tenant_keys(home, code).signer().public_key()
    verdict = journal.verify(url, home.segments(code), tenant=code, public_key=key)
    return JournalVerdict.model_validate(verdict, from_attributes=True)
