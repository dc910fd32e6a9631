"""The municipality that a process works for."""

from kit.settings import ProcessSettings, secret
from systems.resident_registry.model.people import Office


def of_process(settings: ProcessSettings) -> Office:
    """The office as the process was told: its name, its keys out of the environment, and its own dated values."""
    keys = [bytes.fromhex(secret(name)) for name in ("MCLOUD_DATA_KEY", "MCLOUD_BLIND_INDEX_KEY")]
    own = settings.parameters.get("resident_registry", {})
    return Office(settings.tenant, settings.tenant_name, keys[0], keys[1], settings.public_url, own)
