"""Keys and certificates of a private authority that exists only on this machine.

Everything is kept between runs; a certificate is made again when it nears its end or was not signed by
the authority that is there.
"""

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from localcluster.errors import LocalClusterError
from localcluster.processes import write_atomically

_AUTHORITY_LIFETIME = datetime.timedelta(days=3650)
_LIFETIME = datetime.timedelta(days=397)
_RENEW_BEFORE_END = datetime.timedelta(days=30)
_CLOCK_SKEW = datetime.timedelta(hours=1)


class Authority:
    """A certificate authority in a directory: `ca.key`, `ca.crt` and what it signed."""

    def __init__(self, directory: Path) -> None:
        """Load the authority of this directory, or make one there. Raises LocalClusterError if it is damaged."""
        self.directory = directory
        self.certificate_file = directory / "ca.crt"
        key_file = directory / "ca.key"
        if not (key_file.exists() and self.certificate_file.exists()) or _ends_soon(self.certificate_file):
            self._create(key_file)
        self._key = _private_key(key_file)
        self._certificate = _certificate(self.certificate_file)

    def _create(self, key_file: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("berth-local-cluster")
        certificate = (
            _builder(name, name, key.public_key(), _AUTHORITY_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        write_atomically(key_file, _private_pem(key))
        write_atomically(self.certificate_file, _public_pem(certificate), mode=0o644)

    def server(self, name: str) -> tuple[Path, Path]:
        """Return certificate and key file of a server on loopback."""
        loopback = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        )
        return self._signed(name, _name(name), ExtendedKeyUsageOID.SERVER_AUTH, loopback)

    def client(self, name: str, user: str, groups: Sequence[str] = ()) -> tuple[Path, Path]:
        """Return certificate and key file of a client that Kubernetes knows by this user name and groups.

        User = common name, groups = organisations
        (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates).
        """
        return self._signed(name, _name(user, groups), ExtendedKeyUsageOID.CLIENT_AUTH, None)

    def _signed(
        self,
        name: str,
        subject: x509.Name,
        usage: x509.ObjectIdentifier,
        alternatives: x509.SubjectAlternativeName | None,
    ) -> tuple[Path, Path]:
        certificate_file, key_file = self.directory / f"{name}.crt", self.directory / f"{name}.key"
        if not key_file.exists() or not self._stands(certificate_file, subject):
            key = ec.generate_private_key(ec.SECP256R1())
            builder = (
                _builder(subject, self._certificate.subject, key.public_key(), _LIFETIME)
                .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                .add_extension(_key_usage(certificates=False), critical=True)
                .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
                .add_extension(
                    x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
                )
            )
            if alternatives is not None:
                builder = builder.add_extension(alternatives, critical=False)
            write_atomically(key_file, _private_pem(key))
            write_atomically(
                certificate_file, _public_pem(builder.sign(self._key, hashes.SHA256())), mode=0o644
            )
        return certificate_file, key_file

    def _stands(self, certificate_file: Path, subject: x509.Name) -> bool:
        if not certificate_file.exists() or _ends_soon(certificate_file):
            return False
        certificate = _certificate(certificate_file)
        try:
            certificate.verify_directly_issued_by(self._certificate)
        except (InvalidSignature, ValueError):
            return False
        return certificate.subject == subject


def signing_key(path: Path) -> Path:
    """Make an RSA key for RS256 signatures unless it is there; return its path."""
    if not path.exists():
        write_atomically(path, _private_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
    return path


def _private_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise LocalClusterError(f"{path} is damaged: it holds no private key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise LocalClusterError(f"{path} is not an elliptic curve key")
    return key


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise LocalClusterError(f"{path} is damaged: it holds no certificate") from error


def _ends_soon(certificate_file: Path) -> bool:
    certificate = _certificate(certificate_file)
    return certificate.not_valid_after_utc - _RENEW_BEFORE_END < datetime.datetime.now(datetime.UTC)


def _name(common_name: str, organisations: Sequence[str] = ()) -> x509.Name:
    return x509.Name(
        [
            *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation) for organisation in organisations),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lifetime: datetime.timedelta
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _private_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
