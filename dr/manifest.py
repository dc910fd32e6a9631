"""Signed lists of what must be there, chained, kept at the recovery site apart from the repository."""

import hashlib
import json
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import ValidationError

from dr.model import Digest, Manifest
from kit.errors import Conflict

START = "0" * 64


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.json"


def write(folder: Path, manifest: Manifest, digest: Digest, signer: Ed25519PrivateKey) -> None:
    """Put the manifest and its digest into the folder; complete or not at all, the manifest last."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    body = manifest.model_dump_json()
    signed = {"manifest": body, "signature": signer.sign(body.encode()).hex()}
    for file, text in (
        (folder / f"{manifest.number:06d}.digest", digest.model_dump_json()),
        (_file(folder, manifest.number), json.dumps(signed)),
    ):
        draft = file.with_suffix(".draft")
        draft.write_text(text)
        draft.replace(file)


def read_all(folder: Path, *, tenant: str, public_key: Ed25519PublicKey) -> list[Manifest]:
    """Every manifest in order, verified.

    Raises
    ------
    Conflict
        One is missing, altered, of another tenant, out of its chain or wrongly signed; names it.
    """
    found: list[Manifest] = []
    previous = START
    for number, file in enumerate(sorted(folder.glob("[0-9]*.json")), 1):
        try:
            signed = json.loads(file.read_text())
            public_key.verify(bytes.fromhex(signed["signature"]), signed["manifest"].encode())
            manifest = Manifest.model_validate_json(signed["manifest"])
        except (InvalidSignature, ValueError, KeyError, ValidationError):
            raise Conflict(f"manifest {file.name} of {tenant} is altered or not signed by the tenant") from None
        if (manifest.tenant, manifest.number, manifest.previous) != (tenant, number, previous) or file != _file(folder, number):
            raise Conflict(f"manifest {file.name} of {tenant} is not the one that belongs here: one is missing or swapped")
        previous = hashlib.sha256(signed["manifest"].encode()).hexdigest()
        found.append(manifest)
    return found


def last_hash(folder: Path, number: int) -> str:
    """Hash of manifest `number` that the next one names; of nothing for 0."""
    if number == 0:
        return START
    return hashlib.sha256(json.loads(_file(folder, number).read_text())["manifest"].encode()).hexdigest()


def read_digest(folder: Path, manifest: Manifest) -> Digest:
    """The digest that belongs to a manifest; `Conflict` when it is not the one that was signed."""
    from dr.digest import sha256

    file = folder / f"{manifest.number:06d}.digest"
    if not file.exists():
        raise Conflict(f"the digest of manifest {manifest.number} is missing")
    found = Digest.model_validate_json(file.read_text())
    if sha256(found) != manifest.digest_sha256:
        raise Conflict(f"the digest of manifest {manifest.number} is altered")
    return found
