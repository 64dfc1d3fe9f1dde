"""The Kubernetes API as the administrator of the local control plane, over the standard library."""

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any

from localcluster.errors import LocalClusterError
from localcluster.layout import Layout
from localcluster.processes import LOOPBACK

_TIMEOUT_SECONDS = 10.0


class AdminApi:
    """Plain calls with the certificate of the group system:masters; proxies of the machine play no part."""

    def __init__(self, layout: Layout) -> None:
        self._port = layout.ports.api_server
        self._context = ssl.create_default_context(cafile=str(layout.certificate_authority))
        self._context.load_cert_chain(layout.pki / "admin.crt", layout.pki / "admin.key")

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        """Return HTTP status and answer (parsed if it is JSON, else text).

        Raises OSError or http.client.HTTPException if the API server cannot be reached.
        """
        connection = http.client.HTTPSConnection(
            LOOPBACK, self._port, timeout=_TIMEOUT_SECONDS, context=self._context
        )
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, payload, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, text

    def expect(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return the answer of a call that must succeed; LocalClusterError has the words of the server."""
        try:
            status, answer = self.call(method, path, body)
        except (OSError, http.client.HTTPException) as error:
            raise LocalClusterError(f"{method} {path}: the API server does not answer ({error})") from error
        if status >= 300:
            message = answer.get("message") if isinstance(answer, dict) else answer
            raise LocalClusterError(f"{method} {path}: the API server answered {status}: {message}")
        return answer

    def is_ready(self) -> bool:
        """Whether the API server says that it is ready."""
        try:
            return self.call("GET", "/readyz")[0] == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
