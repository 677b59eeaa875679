"""A test authority, made on the fly: certificates for the nodes of one cluster, and wrong ones.

Its private key is never written: when the cluster stands, nobody can issue a further one. Beside
what the nodes need there are an expired certificate, which they show under a name of its own, and
the certificate and credentials of another authority, whom nobody trusts.
"""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gameday.clusters.inetrc import CONTROL_HOST, host_name
from gameday.clusters.ports import LOOPBACK
from gameday.clusters.record import replace

VALID = timedelta(days=2)
SKEW = timedelta(minutes=5)
"""How far back a certificate is valid: clocks of nodes may be behind."""
AUTHORITY, STRANGER, STRANGE = "authority", "stranger", "strange"
CONTROL, EXPIRED = "control", "expired"
EXPIRED_NAME, OTHER_NAME = "expired.gameday.test", "other.gameday.test"
"""The name under which nodes show the expired certificate, and one that is in none of them."""


class Authority:
    """One authority: a key in memory, and a certificate that can be trusted."""

    def __init__(self, title: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(title)
        now = datetime.now(UTC)
        self.certificate = (
            _begun(self._name, self._name, self._key.public_key(), now - SKEW, now + VALID)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def issue(self, folder: Path, title: str, hosts: Sequence[str], *, ended: bool = False) -> None:
        """Write a certificate for some hosts and its key; one that has ended did an hour ago."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        until = now - timedelta(hours=1) if ended else now + VALID
        begun = _begun(_named(title), self._name, key.public_key(), now - VALID, until)
        both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        certificate = (
            begun.add_extension(x509.SubjectAlternativeName(map(_host, hosts)), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(both), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        replace(folder / f"{title}.pem", _pem(certificate))
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        replace(folder / f"{title}.key", private.decode())


def issue_all(folder: Path, node_count: int) -> None:
    """Write what a cluster needs: its authority, a certificate a node, and the wrong ones."""
    folder.mkdir(mode=0o700, exist_ok=True)
    authority = Authority("gameday's test authority")
    replace(folder / f"{AUTHORITY}.pem", _pem(authority.certificate))
    for number in range(1, node_count + 1):
        authority.issue(folder, f"r{number}", [host_name(number), "localhost", LOOPBACK])
    authority.issue(folder, CONTROL, [CONTROL_HOST])
    authority.issue(folder, EXPIRED, [EXPIRED_NAME], ended=True)
    stranger = Authority("an authority that nobody trusts")
    replace(folder / f"{STRANGER}.pem", _pem(stranger.certificate))
    stranger.issue(folder, STRANGE, [host_name(1), CONTROL_HOST])


def _named(title: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)])


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    since: datetime,
    until: datetime,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    return (
        builder.public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=signs_certificates,
        crl_sign=signs_certificates, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
