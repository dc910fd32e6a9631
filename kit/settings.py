"""Read and check a process's settings: one YAML file; secrets from the environment only."""

import os
from datetime import date
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kit.errors import Invalid

#: every secret a process may need, described
SECRETS = {
    "MCLOUD_DATABASE_PASSWORD": "password of the process's database role",
    "MCLOUD_DATA_KEY": "32 bytes in hexadecimal: encrypts individual numbers",
    "MCLOUD_OWNER_PASSWORD": "password of the database's owner: migrations in a cluster only",
    "MCLOUD_POSTGRES_PASSWORD": "password of PostgreSQL's superuser: the server's own pod only",
    "MCLOUD_BLIND_INDEX_KEY": "32 bytes in hexadecimal: finds an individual number unread",
}


#: path below which the pages for people lie
PAGES = "/counter"


class ProcessSettings(BaseModel):
    """The `config:` block of one tenant's process in one zone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant: str = Field(pattern=r"^\d{6}$", description="authority code")
    tenant_name: str
    zone: Literal["mynumber", "lgwan", "internet"]
    systems: tuple[str, ...]
    database_host: str = "127.0.0.1"
    database_port: int
    database_name: str
    database_role: str
    issuer: str
    jwks_url: str
    audience: str
    clients: tuple[str, ...]
    two_factors: bool = True
    host: str = "127.0.0.1"
    port: int
    parameters: dict[str, dict[str, dict[date, Any]]] = Field({}, description="own dated values: system, name, first day")
    public_url: str = Field("https://verify.invalid", description="where the public reaches the tenant's internet zone")
    counter_url: str = ""
    """Where browsers find the process (`https://…`, no slash at the end); empty: at its own host and port."""
    environment: Literal["production", "drill", "training"] = "production"
    session_idle_minutes: int = Field(15, ge=1, le=30)

    def origin(self) -> str:
        """Scheme, host and port as browsers see them."""
        return self.counter_url or f"http://{self.host}:{self.port}"

    def database_url(self) -> str:
        """Connection of the process's role; its password comes from the environment."""
        return self._url(self.database_role, secret("MCLOUD_DATABASE_PASSWORD"))

    def owner_url(self) -> str:
        """Connection of the database's owner, for migrations."""
        return self._url(f"{self.database_name}_owner", secret("MCLOUD_OWNER_PASSWORD"))

    def _url(self, role: str, password: str) -> str:
        return f"postgresql://{role}:{password}@{self.database_host}:{self.database_port}/{self.database_name}"


def read(path: Path) -> ProcessSettings:
    """The settings in `path`.

    Raises
    ------
    Invalid
        The file is missing, is no YAML mapping, or has a missing, wrong or unknown key; names file and key.
    """
    if not path.exists():
        raise Invalid(f"settings file {path} is not there")
    try:
        return ProcessSettings.model_validate(yaml.safe_load(path.read_text()))
    except ValidationError as wrong:
        first = wrong.errors()[0]
        raise Invalid(f"{path}: {'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}") from None


def secret(name: str) -> str:
    """A secret from the environment.

    Raises
    ------
    Invalid
        It is not set; names it and what it is for.
    """
    value = os.environ.get(name)
    if not value:
        raise Invalid(f"environment variable {name} is not set ({SECRETS[name]})")
    return value
