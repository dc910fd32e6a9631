"""A site's own certificate authorities and what they sign. Keys are ECDSA P-256, files of mode 0600, made once."""

import os
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kit.clock import now

#: a testbed that stands longer is taken down and raised again
LIFETIME = timedelta(days=365)


def write_secret(file: Path, text: str | bytes) -> None:
    """Complete or not at all, readable by the owner only."""
    draft = file.with_name(file.name + ".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(text.encode() if isinstance(text, str) else text)
    draft.replace(file)


def ensure_key(file: Path) -> ec.EllipticCurvePrivateKey:
    """The private key in the file, made on first call; its public half lies beside it as `.pub`."""
    if not file.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        public = made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        file.with_suffix(".pub").write_bytes(public)
        write_secret(file, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = load_pem_private_key(file.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101  # we wrote it
    return key


def _name(common: str, organization: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organization:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    start = now() - timedelta(minutes=5)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(start + LIFETIME)


class Authority:
    """One certificate authority; its files lie in a folder: `<name>.crt`, `<name>.key`."""

    def __init__(self, folder: Path, name: str, title: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder, self.file = folder, folder / f"{name}.crt"
        self._key, self._subject = ensure_key(folder / f"{name}.key"), _name(title)
        if not self.file.exists():
            public = self._key.public_key()
            signs = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
            builder = _builder(self._subject, self._subject, public)
            builder = builder.add_extension(x509.BasicConstraints(True, 0), True).add_extension(signs, True)
            builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
            write_secret(self.file, builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def issue(self, name: str, common: str, organization: str | None = None, *, hosts: Sequence[str] = ()) -> tuple[Path, Path]:
        """Certificate and key, `<name>.crt` and `<name>.key`: for a client, and for a server of `hosts` (names or addresses)."""
        certificate, key_file = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        key = ensure_key(key_file)
        if not certificate.exists():
            uses = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if hosts else [])]
            builder = _builder(_name(common, organization), self._subject, key.public_key())
            builder = builder.add_extension(x509.BasicConstraints(False, None), True)
            builder = builder.add_extension(x509.ExtendedKeyUsage(uses), False)
            builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False)
            if hosts:
                builder = builder.add_extension(x509.SubjectAlternativeName([_general(host) for host in hosts]), False)
            write_secret(certificate, builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return certificate, key_file


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
