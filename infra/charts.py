"""Charts rendered in this process. `python -m infra.charts` writes each chart's `values.schema.json` from infra/values.py."""

import hashlib
import json
import sys
from functools import cache
from typing import Any

import helm_python
import yaml
from pydantic import BaseModel

from infra import values
from infra.config import ROOT
from infra.manifests import Manifest, place
from infra.zones import RELEASES
from kit.errors import Invalid

CHARTS = ROOT / "charts"
MODELS: dict[str, type[BaseModel]] = {
    "system": values.SystemValues,
    "tenant": values.TenantValues,
    "platform": values.PlatformValues,
}


@cache
def load(name: str) -> helm_python.Chart:
    """The chart of that name, read once in this process."""
    return helm_python.Chart.load(CHARTS / name)


def digest(name: str) -> str:
    """SHA-256 over the chart's files: a changed template is a changed chart, whatever its version says."""
    found = hashlib.sha256()
    for file in sorted((CHARTS / name).rglob("*")):
        if file.is_file():
            found.update(f"{file.relative_to(CHARTS)}\0".encode() + file.read_bytes() + b"\0")
    return found.hexdigest()


def render(chart: str, release: str, given: dict[str, Any]) -> list[Manifest]:
    """The objects of a release, sorted; hooks too.

    Raises
    ------
    Invalid
        A value is unknown, missing or wrong, or the chart does not render; names chart and value.
    """
    try:
        load(chart).validate_schema(given)
        files = load(chart).render(given, name=release, namespace=RELEASES)
    except helm_python.HelmError as wrong:
        raise Invalid(f"chart {chart}: {_reason(wrong.detail)}") from None
    found = [each for text in files.values() for each in yaml.safe_load_all(text) if each]
    return sorted(found, key=place)


def _reason(text: str) -> str:
    """Helm's report without its headings."""
    lines = [line.strip().removeprefix("- ") for line in text.splitlines() if line.strip().startswith("- ")]
    return "; ".join(lines) or text.strip().splitlines()[-1]


def schema(name: str) -> dict[str, Any]:
    """The JSON schema of a chart's values."""
    made = MODELS[name].model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def schema_text(name: str) -> str:
    return json.dumps(schema(name), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def main() -> int:
    for name in MODELS:
        file = CHARTS / name / "values.schema.json"
        file.write_text(schema_text(name))
        sys.stdout.write(f"{file.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
