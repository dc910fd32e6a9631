"""Reads the definitions: those that come with the code, and those applied through the API over them."""

from functools import cache
from pathlib import Path

import yaml
from pydantic import ValidationError

from kit.errors import Invalid, NotFound
from tenants.home import PREFECTURE, Home
from tenants.model import Tenant

DEFINITIONS = Path(__file__).parent / "definitions"


def parse(text: str, source: str) -> Tenant:
    """The tenant that a definition describes; raises as `check` does, and when the text is not YAML."""
    try:
        return check(yaml.safe_load(text), source)
    except yaml.YAMLError:
        raise Invalid(f"{source}: not YAML") from None


def check(definition: object, source: str) -> Tenant:
    """The tenant that a definition describes.

    Raises
    ------
    Invalid
        No mapping, an unknown or missing key, an unknown system or site, a wrong check digit, a recovery site in the same
        hazard zone; names source and key.
    """
    try:
        return Tenant.model_validate(definition)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        key = ".".join(map(str, first["loc"])) or "definition"
        text = "unknown key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        raise Invalid(f"{source}: {key}: {text}") from None


@cache
def _founding() -> dict[str, Tenant]:
    found = [parse(file.read_text(), file.name) for file in sorted(DEFINITIONS.glob("*.yaml"))]
    return {tenant.code: tenant for tenant in found}


def _applied(home: Home) -> Path:
    return home.platform / "definitions"


def catalog(home: Home | None = None) -> dict[str, Tenant]:
    """All tenants by code, in the order of their codes."""
    found = dict(_founding())
    if home is not None:
        for file in sorted(_applied(home).glob("*.yaml")):
            tenant = parse(file.read_text(), file.name)
            found[tenant.code] = tenant
    return dict(sorted(found.items()))


def tenant(code: str, home: Home | None = None) -> Tenant:
    """The tenant of that code.

    Raises
    ------
    NotFound
        No municipality of the prefecture has it.
    """
    found = catalog(home).get(code)
    if found is None:
        raise NotFound(f"there is no municipality {code} in the catalogue")
    return found


def municipalities(home: Home | None = None) -> list[Tenant]:
    """The 35 municipalities, in the order of their codes."""
    return [each for each in catalog(home).values() if each.code != PREFECTURE]


def index(code: str) -> int:
    """Place of the tenant among the founding definitions, 0–35; its ports follow from it."""
    return list(_founding()).index(code)


def apply(home: Home, definition: Tenant) -> bool:
    """Put a definition in force for this instance; False when it was in force already."""
    if tenant(definition.code, home) == definition:
        return False
    folder = _applied(home)
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{definition.code}.draft"
    draft.write_text(yaml.safe_dump(definition.model_dump(mode="json"), allow_unicode=True, sort_keys=False))
    draft.replace(folder / f"{definition.code}.yaml")
    return True
