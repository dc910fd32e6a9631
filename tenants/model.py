"""Who a tenant is: one strict description, seen as a file and through the API."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from kit.civic.codes import check_authority_code, check_corporate_number
from kit.errors import Invalid
from tenants.home import Zone

#: systems that can be enabled today, with the zone each runs in
SYSTEMS: dict[str, Zone] = {"resident_registry": "mynumber", "joint_procurement": "lgwan", "certificate_check": "internet"}
#: systems that come with another: who issues certificates lets the public check them
COMPANIONS = {"resident_registry": "certificate_check"}
Hazard = Literal["tsunami_sanriku", "tsunami_sendai_bay", "flood_kitakami", "flood_abukuma", "flood_naruse", "volcano_zao"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Site(Strict):
    """A place where copies or processes stand, with the hazards it shares."""

    id: str
    name: str
    prefecture: str
    hazards: frozenset[Hazard]


#: sites of the plan; which hazards they share is office practice, to be replaced by the survey of the real rooms
SITES = {
    site.id: site
    for site in (
        Site(id="sendai", name="仙台拠点", prefecture="宮城県", hazards=frozenset()),
        Site(id="yamagata", name="山形拠点(内陸)", prefecture="山形県", hazards=frozenset()),
        Site(id="ishinomaki", name="石巻拠点", prefecture="宮城県", hazards=frozenset({"tsunami_sendai_bay", "flood_kitakami"})),
        Site(id="minamisanriku", name="南三陸庁舎内", prefecture="宮城県", hazards=frozenset({"tsunami_sanriku"})),
    )
}


class Sites(Strict):
    """Where the tenant runs and where its copies lie."""

    primary: str
    recovery: str


class Plan(Strict):
    """What the tenant was promised."""

    rpo_minutes: int = Field(ge=1, description="age that the newest copy at the recovery site may reach")
    rto_minutes: int = Field(ge=1, description="time until the tenant works again elsewhere")


class Quota(Strict):
    """What the processes of one zone of the tenant may ask a cluster for, all together."""

    cpu_millis: int = Field(1000, ge=100, le=64_000, description="thousandths of a core")
    memory_mib: int = Field(2048, ge=256, le=262_144)
    pods: int = Field(20, ge=4, le=500)
    storage_gib: int = Field(5, ge=0, le=10_000)


class Scale(Strict):
    """How one system runs; what is not said is the system's own default (`systems/<name>/values.yaml`)."""

    replicas: int = Field(1, ge=1, le=10, description="copies of its process; a cluster only")
    cpu_millis: int | None = Field(None, ge=10, le=16_000)
    memory_mib: int | None = Field(None, ge=64, le=65_536)
    apart: bool = Field(False, description="a process of its own instead of the one that its zone shares; a cluster only")


class Population(Strict):
    """Residents: census of 2020-10-01 (国勢調査) and estimate of 2023-10-01 (推計人口)."""

    census2020: int = Field(ge=0)
    est2023: int = Field(ge=0)


class Tenant(Strict):
    """A municipality, or the prefecture, as a user of the cloud."""

    code: str
    name: str
    kana: str
    corporate_number: str
    region: str
    population: Population
    hazards: frozenset[Hazard]
    sites: Sites
    plan: Plan
    quota: Quota = Quota()
    systems: tuple[str, ...]
    #: dated values of its own, where ordinances differ: system -> parameter -> first day -> value
    parameters: dict[str, dict[str, dict[date, int | str]]] = Field(default_factory=dict)
    scale: dict[str, Scale] = {}

    @field_validator("code")
    @classmethod
    def _code(cls, code: str) -> str:
        return _as_value_error(check_authority_code, code)

    @field_validator("corporate_number")
    @classmethod
    def _corporate_number(cls, number: str) -> str:
        return _as_value_error(check_corporate_number, number)

    @field_validator("systems")
    @classmethod
    def _systems(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        known = [name for name in SYSTEMS if name not in COMPANIONS.values()]
        for name in names:
            if name not in known:
                raise ValueError(f"there is no system {name} to enable; there are {', '.join(known)}")
        return names

    @model_validator(mode="after")
    def _only_enabled_systems_have_a_scale(self) -> "Tenant":
        for name in self.scale:
            if name not in self.systems:
                raise ValueError(f"scale names {name}, which is not among the tenant's systems")
        return self

    @model_validator(mode="after")
    def _recovery_site_is_elsewhere(self) -> "Tenant":
        reason = why_not_recovery(self.hazards, self.sites)
        if reason:
            raise ValueError(reason)
        return self

    @property
    def zones(self) -> dict[Zone, tuple[str, ...]]:
        """The zones the tenant has a process in, each with its systems."""
        found: dict[Zone, list[str]] = {}
        for name in self.systems:
            found.setdefault(SYSTEMS[name], []).append(name)
        for name, companion in COMPANIONS.items():
            if name in self.systems:
                found.setdefault(SYSTEMS[companion], []).append(companion)
        return {zone: tuple(names) for zone, names in found.items()}


def why_not_recovery(hazards: frozenset[Hazard], sites: Sites) -> str | None:
    """The reason why the recovery site may not be used, or None.

    In 2011 the sea took town halls together with their registers and the copies: a copy that shares the town's or the
    primary site's hazard is no copy.
    """
    for name in (sites.primary, sites.recovery):
        if name not in SITES:
            return f"there is no site {name}; there are {', '.join(SITES)}"
    recovery = SITES[sites.recovery]
    if sites.recovery == sites.primary:
        return f"recovery site {recovery.id} is the primary site itself"
    shared = sorted((hazards | SITES[sites.primary].hazards) & recovery.hazards)
    if shared:
        return f"recovery site {recovery.id} shares the hazard {', '.join(shared)} with the municipality or its primary site"
    return None


def _as_value_error(check: object, value: str) -> str:
    try:
        return check(value)  # type: ignore[operator,no-any-return]
    except Invalid as wrong:
        raise ValueError(wrong.detail) from None
