import datetime
import ssl
from pathlib import Path

import pytest
import time_machine
from cryptography import x509
from cryptography.x509.oid import NameOID

from localcluster.certificates import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def _handshake(authority: Authority, certificate: Path, key: Path, name: str) -> None:
    """A whole TLS handshake in memory, judged by the strictest rules that OpenSSL has."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate, key)
    client_context = ssl.create_default_context(cafile=str(authority.certificate_file))
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    for _ in range(6):
        for side in tuple(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                continue
    assert not waiting


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_server_is_trusted_by_its_names(authority: Authority, name: str) -> None:
    _handshake(authority, *authority.server("apiserver"), name)


def test_server_is_not_trusted_by_another_name(authority: Authority) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(authority, *authority.server("apiserver"), "example.test")


def test_client_carries_user_and_groups(authority: Authority) -> None:
    certificate_file, _ = authority.client("admin", "berth-admin", ["system:masters"])
    subject = x509.load_pem_x509_certificate(certificate_file.read_bytes()).subject
    named = [attribute.value for attribute in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    groups = [attribute.value for attribute in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    assert (named, groups) == (["berth-admin"], ["system:masters"])


def test_certificates_stay_between_runs(authority: Authority) -> None:
    before = [path.read_bytes() for path in authority.server("apiserver")]
    assert [path.read_bytes() for path in Authority(authority.directory).server("apiserver")] == before


def test_certificate_near_its_end_is_made_again(authority: Authority) -> None:
    before = authority.server("apiserver")[0].read_bytes()
    with time_machine.travel(datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=370), tick=False):
        after = Authority(authority.directory).server("apiserver")[0].read_bytes()
    assert after != before


def test_certificate_of_a_lost_authority_is_made_again(authority: Authority) -> None:
    authority.server("apiserver")
    (authority.directory / "ca.key").unlink()
    renewed = Authority(authority.directory)
    _handshake(renewed, *renewed.server("apiserver"), "localhost")
