"""The API server as somebody with a token sees it, without anything of Berth in between."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

import jwt

from clusters.config import ClusterConfig
from clusters.raw import Answer, Request

_TIMEOUT_SECONDS = 20.0


class RawApi:
    """Requests with one bearer token."""

    def __init__(self, config: ClusterConfig, token: str) -> None:
        self._address = urlsplit(config.server)
        self._context = ssl.create_default_context(cadata=config.certificate_authority)
        self._token = token

    def send(self, request: Request) -> Answer:
        """Send a request and return what came back."""
        connection = http.client.HTTPSConnection(
            self._address.hostname or "", self._address.port, timeout=_TIMEOUT_SECONDS, context=self._context
        )
        kind = "application/merge-patch+json" if request.method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind, **(request.headers or {})}
        try:
            payload = None if request.body is None else json.dumps(request.body)
            connection.request(request.method, request.path, payload, headers)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        try:
            return Answer(response.status, json.loads(text))
        except ValueError:
            return Answer(response.status, text)


def id_token(signing_key: bytes, **claims: Any) -> str:
    """Return an ID token with just these claims, beside its times."""
    now = int(time.time())
    return jwt.encode({"iat": now, "exp": now + 3600} | claims, signing_key, algorithm="RS256")
