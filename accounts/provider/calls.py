"""Calls to an identity provider: one deadline for all of them, bounded answers, nothing taken from the
environment.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import requests
import urllib3.exceptions
from django.conf import settings
from django.core.cache import cache
from requests.auth import AuthBase

from accounts.issuers import Issuer
from accounts.provider.errors import Refused, Unreachable

MAX_ANSWER_BYTES = 256 * 1024
# After a provider kept us waiting until the deadline, later logins are told so at once for this long:
# otherwise a silent provider would hold every thread of the web server.
PAUSE_SECONDS = 10.0

_CHUNK_BYTES = 16 * 1024
# The calls run in threads of their own because a timeout of the library counts per operation on a socket: it
# bounds neither a slow name server nor a provider that sends a byte now and then. The threads touch no
# database.
_threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="login")


@dataclass(frozen=True)
class Call:
    """One request to the provider. `refusal` is the reason for the log when it answers with 4xx."""

    method: str
    url: str
    headers: Mapping[str, str]
    data: Mapping[str, str] | None = None
    auth: AuthBase | None = None
    refusal: str = ""


class ProviderCalls:
    """The calls that one request of a browser makes to one issuer, all within
    `settings.LOGIN_DEADLINE_SECONDS`.
    """

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._ends = time.monotonic() + settings.LOGIN_DEADLINE_SECONDS
        self._pause_key = f"login:pause:{issuer.id}"

    def get(self, url: str, *, bearer: str = "", refusal: str = "") -> dict[str, Any]:
        """Return the JSON object at an address.

        Raises Unreachable, or Refused with `refusal` at 4xx if given.
        """
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return self._within_deadline(Call("GET", url, headers, refusal=refusal))

    def post(
        self, url: str, data: Mapping[str, str], *, auth: AuthBase | None, refusal: str
    ) -> dict[str, Any]:
        """Post a form and return the JSON object of the answer. Raises Unreachable or Refused."""
        return self._within_deadline(Call("POST", url, {}, data, auth, refusal))

    def _within_deadline(self, call: Call) -> dict[str, Any]:
        if cache.get(self._pause_key):
            raise Unreachable("paused_after_timeout")
        answer: Future[dict[str, Any]] = _threads.submit(self._answer, call)
        try:
            return answer.result(timeout=max(0.0, self._ends - time.monotonic()))
        except TimeoutError:
            answer.cancel()
            code = "timeout"
        except Unreachable as error:
            if error.code != "timeout":
                raise
            code = error.code
        cache.set(self._pause_key, True, PAUSE_SECONDS)
        raise Unreachable(code)

    def _answer(self, call: Call) -> dict[str, Any]:
        try:
            with requests.Session() as session:
                # Else REQUESTS_CA_BUNDLE, proxies and .netrc of the environment would win over the file of
                # issuers.
                session.trust_env = False
                authority = self._issuer.certificate_authority_file
                session.verify = True if authority is None else str(authority)
                return self._read(session, call)
        except requests.exceptions.SSLError as error:
            raise Unreachable("tls") from error
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise Unreachable("timeout") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise Unreachable("connection") from error

    def _read(self, session: requests.Session, call: Call) -> dict[str, Any]:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise Unreachable("timeout")
        with session.request(
            call.method,
            call.url,
            headers={"Accept": "application/json", "Accept-Encoding": "identity", **call.headers},
            data=call.data,
            auth=call.auth,
            timeout=left,
            allow_redirects=False,
            stream=True,
        ) as response:
            if call.refusal and 400 <= response.status_code < 500 and response.status_code != 429:
                raise Refused(call.refusal)
            if response.status_code not in (200, 201):
                raise Unreachable("status")
            return _json_object(self._body(response))

    def _body(self, response: requests.Response) -> bytes:
        body = bytearray()
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                raise Unreachable("too_large")
            if time.monotonic() > self._ends:
                raise Unreachable("timeout")
        return bytes(body)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreachable("not_json") from error
    if not isinstance(document, dict):
        raise Unreachable("not_json")
    return document
