import socket

import pytest

from localcluster.identity_provider import process
from localcluster.identity_provider.process import ProviderProcess
from localcluster.layout import Layout
from localcluster.processes import ChildDied, PortTaken, check_port


def test_provider_answers_inside_and_is_gone_outside(layout: Layout) -> None:
    with ProviderProcess(layout) as provider:
        assert process.is_ready(layout)
        provider.check()
    assert not process.is_ready(layout)
    check_port(layout.ports.oidc_https, "the tests")


def test_taken_port_is_said_before_the_start(layout: Layout) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", layout.ports.oidc_http))
        other.listen()
        with pytest.raises(PortTaken, match="login page"), ProviderProcess(layout):
            pass


def test_provider_that_cannot_start_says_why(layout: Layout) -> None:
    layout.portal_client_secret.unlink()
    with pytest.raises(ChildDied, match="portal-client-secret"), ProviderProcess(layout):
        pass
