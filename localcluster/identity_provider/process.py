"""The provider as a child process."""

import http.client
import ssl
import sys
from types import TracebackType
from typing import Self

from localcluster.layout import Layout
from localcluster.processes import Child, check_port, module_environment, wait_until

READY_SECONDS = 60.0


class ProviderProcess:
    """The provider as a child process; as a context manager it answers inside and is gone outside."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._child: Child | None = None

    def __enter__(self) -> Self:
        """Start the provider and wait until it answers on both ports."""
        check_ports(self._layout)
        command = [sys.executable, "-m", __package__, "--directory", str(self._layout.directory)]
        log = self._layout.logs / "identity-provider.log"
        self._child = Child("the identity provider", command, log, env=module_environment())
        try:
            wait_until(
                lambda: is_ready(self._layout),
                children=[self._child],
                seconds=READY_SECONDS,
                what="the identity provider",
            )
        except BaseException:
            self._child.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the provider."""
        if self._child is not None:
            self._child.stop()

    def check(self) -> None:
        """Raise ChildDied if the provider has ended."""
        if self._child is not None:
            self._child.check()


def is_ready(layout: Layout) -> bool:
    """Whether the provider answers, on https and on http."""
    context = ssl.create_default_context(cafile=str(layout.certificate_authority))
    secure = http.client.HTTPSConnection("localhost", layout.ports.oidc_https, timeout=5, context=context)
    plain = http.client.HTTPConnection("localhost", layout.ports.oidc_http, timeout=5)
    try:
        for connection in (secure, plain):
            connection.request("GET", "/.well-known/openid-configuration")
            if connection.getresponse().status != http.HTTPStatus.OK:
                return False
    except OSError:
        return False
    finally:
        secure.close()
        plain.close()
    return True


def check_ports(layout: Layout) -> None:
    """Raise PortTaken if somebody else listens on the provider's ports."""
    check_port(layout.ports.oidc_https, "the identity provider of the demonstration")
    check_port(layout.ports.oidc_http, "the login page of the demonstration's identity provider")
