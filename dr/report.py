"""The signed drill report: JSON for machines, PDF for people, one signature over both."""

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dr.model import DrillReport
from kit.civic.dates import wareki
from kit.clock import JAPAN
from kit.documents import render
from kit.errors import Conflict, NotFound
from tenants.home import Home
from tenants.keyring import ensure_secret

TEMPLATE = Path(__file__).parent / "templates" / "drill_1.typ"


def _signer(home: Home) -> Ed25519PrivateKey:
    import secrets

    seed = ensure_secret(home, "drill-signing", lambda: {"key": secrets.token_hex(32)})["key"]
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))


def primary_lost(home: Home) -> dict[str, Any] | None:
    """Evidence that site primary is lost, as it was taken when it was lost; None when it stands."""
    file = home.run / "primary-lost.json"
    found: dict[str, Any] | None = json.loads(file.read_text()) if file.exists() else None
    return found


def paths(home: Home, number: str) -> dict[str, Path]:
    """Where the parts of a report lie."""
    return {kind: home.reports / f"drill-{number}.{kind}" for kind in ("json", "pdf", "signature")}


def write(home: Home, made: DrillReport) -> None:
    """Write the report; the signature last."""
    home.reports.mkdir(parents=True, exist_ok=True)
    files = paths(home, made.id)
    files["json"].write_text(made.model_dump_json(indent=1))
    files["pdf"].write_bytes(render(TEMPLATE, _content(made)))
    signer = _signer(home)
    hashes = {kind: hashlib.sha256(files[kind].read_bytes()).hexdigest() for kind in ("json", "pdf")}
    public = signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    signature = signer.sign(_signed(made.id, hashes)).hex()
    files["signature"].write_text(json.dumps({**hashes, "public_key": public, "signature": signature}))


def _signed(number: str, hashes: dict[str, str]) -> bytes:
    return f"drill|{number}|{hashes['json']}|{hashes['pdf']}".encode()


def read(home: Home, number: str) -> DrillReport:
    """The report of that id; `NotFound` when there is none."""
    file = paths(home, number)["json"]
    if not number.isalnum() or not file.exists():
        raise NotFound("there is no such drill")
    return DrillReport.model_validate_json(file.read_text())


def numbers(home: Home) -> list[str]:
    """Ids of all drills, oldest first."""
    return sorted(file.stem.removeprefix("drill-") for file in home.reports.glob("drill-*.json"))


def check_signature(home: Home, number: str) -> None:
    """Raise `Conflict` unless both files are those that were signed with this instance's key."""
    files = paths(home, number)
    try:
        told = json.loads(files["signature"].read_text())
        hashes = {kind: hashlib.sha256(files[kind].read_bytes()).hexdigest() for kind in ("json", "pdf")}
        _signer(home).public_key().verify(bytes.fromhex(told["signature"]), _signed(number, hashes))
    except (OSError, ValueError, KeyError, InvalidSignature):
        raise Conflict(f"drill {number}: the report is not the one that was signed") from None


def _moment(at: datetime) -> str:
    local = at.astimezone(JAPAN)
    return f"{wareki(local.date())} {local:%H時%M分%S秒}"


def _content(made: DrillReport) -> dict[str, Any]:
    lost = made.primary_lost
    return {
        "id": made.id,
        "passed": made.passed,
        "started_at": _moment(made.started_at),
        "ended_at": _moment(made.ended_at),
        "lost_at": _moment(datetime.fromisoformat(lost["at"])) if lost else "",
        "stopped": len(lost["stopped"]) if lost else 0,
        "tenants": [
            each.model_dump()
            | {
                "rto": f"{each.rto_seconds:,.1f} 秒" if each.rto_seconds is not None else "—",
                "rpo": f"{each.rpo_seconds:,.1f} 秒" if each.rpo_seconds is not None else "—",
                "rto_promised": f"{each.rto_promised_seconds // 3600} 時間",
                "rpo_promised": f"{each.rpo_promised_seconds // 3600} 時間",
                "rows": f"{each.rows_compared:,}",
                "different": f"{each.rows_different:,}",
                "certificate": {True: "一致", False: "不一致", None: "対象なし"}[each.certificate_equal],
                "databases": [f"{name}: {'消去済' if gone else '残存'}" for name, gone in each.destroyed.items()],
            }
            for each in made.tenants
        ],
    }
