"""`KubeCluster`: the ClusterApi over the official Kubernetes client, and the one module that imports it.

Only workers and commands load this module; the web process never does. Whether a call may be made at all is
decided in `clusters.guard`, what an answer means in `clusters.answers`; here is the way there and back. Only
the clusters file and the credential file decide where a call goes and whom it trusts: no proxy, no
certificate authority and no kubeconfig comes from the environment. Objects are plain JSON both ways: the models
of the library cost twice the time and ten times the memory on long lists, and their import alone 75 MB.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from kubernetes.config.kube_config import KubeConfigLoader

from clusters import answers, credentials, guard
from clusters.api import (
    AccessAnswer,
    AccessQuestion,
    Account,
    ClusterApi,
    Gone,
    Kind,
    Manifest,
    Page,
    Unauthorized,
    Unavailable,
    WatchEvent,
)
from clusters.config import ClusterConfig
from clusters.credentials import Credential, Token
from clusters.facts import Signature, signature
from clusters.names import FIELD_MANAGER
from clusters.raw import Answer, Request

CONNECT_SECONDS = 3
READ_SECONDS = 10
CALL_SECONDS = 15  # a whole call, however slowly the answer drips
WATCH_MARGIN_SECONDS = 5  # how much longer than it was asked for a watch may last
POOL_SIZE = 16  # connections kept open per account: as many as threads that work at once
_MAX_ANSWER_BYTES = 64 << 20
_MAX_LINE_BYTES = 8 << 20  # of a watch; etcd takes no object of more than 1.5 MiB
_CHUNK_BYTES = 1 << 16
_Loader: Any = KubeConfigLoader  # this part of the library has no types
_WRITTEN_BY = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
_GROUPS = ["system:authenticated"]  # that of everybody who logged in, and may have rights of its own
_AUTHORIZATION, _AUTHENTICATION = "/apis/authorization.k8s.io/v1", "/apis/authentication.k8s.io/v1"


@dataclass(frozen=True)
class _Client:
    """The client made from one state of the credential files, and what tells that state from the next."""

    sources: tuple[Path, ...]
    signature: Signature
    api: ApiClient


class KubeCluster:
    """One cluster as one of our accounts sees it. Safe to use from many threads.

    The credential files are looked at on every call: a renewed token counts at once, without a restart.
    """

    def __init__(self, config: ClusterConfig, credential: Path | Token) -> None:
        self._config = config
        self._credential = credential
        self._lock = threading.Lock()
        self._client: _Client | None = None

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Manifest:
        guard.check_place(kind, namespace)
        return answers.read_object(self._call("GET", _path(kind, namespace, name)), kind, name=name)

    def list_pages(self, kind: Kind, namespace: str | None = None, *, limit: int = 500) -> Iterator[Page]:
        if not kind.namespaced or namespace:
            guard.check_place(kind, namespace)
        token, version = "", ""
        while True:
            query = {"limit": str(limit), **({"continue": token} if token else {})}
            body = self._call("GET", _path(kind, namespace), query=query)
            items, this_version, following = answers.read_list(body, kind)
            if version and this_version != version:
                raise Gone(f"The list of {kind.plural} went on from another moment than it began.")
            if following and following == token:
                raise Unavailable(f"The list of {kind.plural} goes round in circles.")
            yield Page(items, this_version, last=not following)
            if not following:
                return
            token, version = following, this_version

    def watch(self, kind: Kind, since: str, *, seconds: int) -> Iterator[WatchEvent]:
        query = {
            "watch": "1",
            "resourceVersion": since,
            "timeoutSeconds": str(seconds),
            "allowWatchBookmarks": "true",
        }
        begun = time.monotonic()
        response = self._open(Request("GET", _path(kind, None)), query)
        with self._broken_is_unavailable():
            if response.status != 200:
                raise answers.error(response.status, response.headers, _read(response, begun + CALL_SECONDS))
            longest = seconds + WATCH_MARGIN_SECONDS
            with contextlib.closing(_chunks(response, begun + longest, longest)) as chunks:
                for line in _lines(chunks):
                    yield answers.read_event(line, kind)
        if time.monotonic() - begun < seconds - 1:
            raise Unavailable("The API server ended a watch before its time.")

    def create(self, kind: Kind, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        name, namespace = guard.place(kind, manifest)
        guard.check_write("create", kind, name, namespace)
        query = _WRITTEN_BY | ({"dryRun": "All"} if dry_run else {})
        body = self._call("POST", _path(kind, namespace), query=query, body=manifest)
        return answers.read_object(body, kind, name=name)

    def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        name, namespace = guard.place(kind, manifest)
        guard.check_write("replace", kind, name, namespace)
        guard.check_replacement(manifest)
        path, written = _path(kind, namespace, name), _without_observations(manifest)
        return answers.read_object(self._call("PUT", path, query=_WRITTEN_BY, body=written), kind, name=name)

    def delete(self, kind: Kind, name: str, namespace: str | None = None, *, uid: str) -> None:
        guard.check_place(kind, namespace)
        guard.check_write("delete", kind, name, namespace)
        if not uid:
            raise ValueError("a deletion needs the uid of what it deletes")
        options = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        answers.check_deleted(self._call("DELETE", _path(kind, namespace, name), body=options), kind)

    def review_access(self, username: str, namespace: str, question: AccessQuestion) -> AccessAnswer:
        if not username or not namespace:
            raise ValueError("a question about access needs a user name and a namespace")
        spec = {"user": username, "groups": _GROUPS, "resourceAttributes": _attributes(namespace, question)}
        body = self._call("POST", f"{_AUTHORIZATION}/subjectaccessreviews", body={"spec": spec})
        return answers.read_access(body, username=username)

    def review_own_access(self, namespace: str, question: AccessQuestion) -> AccessAnswer:
        """Ask whether the account itself may do this; an empty namespace stands for all of them."""
        review = {"spec": {"resourceAttributes": _attributes(namespace, question)}}
        body = self._call("POST", f"{_AUTHORIZATION}/selfsubjectaccessreviews", body=review)
        return answers.read_access(body, username="", review="SelfSubjectAccessReview")

    def identify(self) -> tuple[str, tuple[str, ...]]:
        """Return the user name and the groups that the API server sees in the credential."""
        body = self._call("POST", f"{_AUTHENTICATION}/selfsubjectreviews", body={"kind": "SelfSubjectReview"})
        return answers.read_identity(body)

    def review_own_rules(self, namespace: str) -> tuple[list[Manifest], bool]:
        """Return the rules that the account has in a namespace, and whether the API server says that these are all."""
        body = {"kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}}
        return answers.read_own_rules(
            self._call("POST", f"{_AUTHORIZATION}/selfsubjectrulesreviews", body=body)
        )

    def exchange(self, request: Request) -> Answer:
        """Send any request and return what came back, whatever it is; `ClusterError` where nothing did."""
        status, _headers, body = self._send(request)
        return answers.read_any(status, body)

    def _call(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Manifest | None = None
    ) -> bytes:
        """Send one request; return the body of its answer, or raise the ClusterError it means."""
        status, headers, answer = self._send(Request(method, path, body), query)
        if not 200 <= status <= 299:
            raise answers.error(status, headers, answer)
        return answer

    def _send(
        self, sent: Request, query: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send one request; return status, headers and body of its answer, or raise Unavailable."""
        deadline = time.monotonic() + CALL_SECONDS
        response = self._open(sent, query)
        with self._broken_is_unavailable():
            return response.status, response.headers, _read(response, deadline)

    def _open(self, sent: Request, query: Mapping[str, str] | None = None) -> urllib3.BaseHTTPResponse:
        """Send one request; return its answer as soon as it begins, or raise Unavailable."""
        api = self._current_client()
        request = api.param_serialize(
            sent.method,
            sent.path,
            query_params=list((query or {}).items()),
            header_params={
                "Accept": "application/json",
                "Content-Type": _content_type(sent),
                **(sent.headers or {}),
            },
            body=sent.body,
            auth_settings=["BearerToken"],
        )
        with self._broken_is_unavailable():
            answer = api.call_api(*request, _request_timeout=(CONNECT_SECONDS, READ_SECONDS))
            response: urllib3.BaseHTTPResponse = answer.response
            return response

    @contextlib.contextmanager
    def _broken_is_unavailable(self) -> Iterator[None]:
        """Inside, what the libraries say of a connection that does not come or breaks is raised as Unavailable."""
        try:
            yield
        except ApiException as problem:  # TLS: there was no answer
            raise Unavailable(f"{self._config.server} cannot be trusted: {_short(problem)}") from None
        except urllib3.exceptions.HTTPError as problem:
            raise Unavailable(_network_problem(problem)) from None

    def _current_client(self) -> ApiClient:
        with self._lock:
            if self._client is None or self._client.signature != signature(self._client.sources):
                self._client = _assemble(self._config, self._credential)
            return self._client.api


_connections: dict[tuple[int, str, str], tuple[ClusterConfig, KubeCluster]] = {}
_connections_lock = threading.Lock()


def connect(config: ClusterConfig, account: Account) -> ClusterApi:
    """Return the cluster as one of our accounts sees it; there is one client per process and account.

    Nothing is opened yet: what is wrong with the credential shows at the first call, as a ClusterError.
    """
    key = (os.getpid(), config.name, account)  # a forked child shares no sockets with its parent
    with _connections_lock:
        known = _connections.get(key)
        if known is None or known[0] != config:
            known = (config, KubeCluster(config, config.credentials[account]))
            _connections[key] = known
        return known[1]


def connect_with_file(config: ClusterConfig, kubeconfig: Path) -> KubeCluster:
    """Return the cluster as the holder of a kubeconfig sees it, such as an operator; nothing is kept."""
    return KubeCluster(config, kubeconfig)


def connect_with_token(config: ClusterConfig, token: str) -> KubeCluster:
    """Return the cluster as the holder of a token sees it, to ask who that is; nothing is kept."""
    return KubeCluster(config, Token(token))


def _content_type(request: Request) -> str:
    return "application/merge-patch+json" if request.method == "PATCH" else "application/json"


def _path(kind: Kind, namespace: str | None, name: str = "") -> str:
    """Return where the API server keeps a kind, or one object of it; without a namespace, of all namespaces."""
    root = "/apis" if "/" in kind.api_version else "/api"
    parts = [root, kind.api_version]
    if kind.namespaced and namespace:
        parts += ["namespaces", quote(namespace, safe="")]
    return "/".join([*parts, kind.plural, *([quote(name, safe="")] if name else [])])


def _attributes(namespace: str, question: AccessQuestion) -> Manifest:
    attributes = {
        "namespace": namespace,
        "verb": question.verb,
        "group": question.group,
        "resource": question.resource,
        "subresource": question.subresource,
        "name": question.name,
    }
    return {field: value for field, value in attributes.items() if value}


def _assemble(config: ClusterConfig, credential: Path | Token) -> _Client:
    loaded = credentials.load(config, credential)
    api = ApiClient(_configuration(loaded))
    api.user_agent = "berth"
    return _Client(loaded.sources, loaded.signature, api)


def _configuration(loaded: Credential) -> Configuration:
    """Return a configuration that owes nothing to the environment."""
    configuration = Configuration(proxy="", no_proxy="")
    configuration.ca_cert_data = loaded.certificate_authority
    configuration.connection_pool_maxsize = POOL_SIZE
    configuration.retries = False  # who calls us knows better whether and when
    configuration.keep_alive = True
    try:
        loader = _Loader(config_dict=loaded.kubeconfig, config_base_path=str(loaded.folder))
        loader.load_and_set(configuration)
    except (ConfigException, OSError, ValueError) as problem:
        raise Unauthorized(f"{loaded.name} cannot be used: {_short(problem)}") from problem
    if not configuration.api_key.get("BearerToken") and not configuration.cert_file:
        raise Unauthorized(f"{loaded.name} holds no credential.")
    return configuration


def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    """Return the whole body, within the deadline and a size; raise Unavailable otherwise."""
    body = bytearray()
    for chunk in _chunks(response, deadline, READ_SECONDS):
        body += chunk
        if len(body) > _MAX_ANSWER_BYTES:
            raise Unavailable(f"The API server answered with more than {_MAX_ANSWER_BYTES >> 20} MiB.")
    return bytes(body)


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield whole lines as they come; raise Unavailable for one that is too long, or that breaks off."""
    begun = b""
    for chunk in chunks:
        *whole, begun = (begun + chunk).split(b"\n")
        yield from filter(None, whole)
        if len(begun) > _MAX_LINE_BYTES:
            raise Unavailable(f"The API server told one change in more than {_MAX_LINE_BYTES >> 20} MiB.")
    if begun:
        raise Unavailable("A watch broke off in the middle of a change.")


def _chunks(response: urllib3.BaseHTTPResponse, deadline: float, most_wait: float) -> Generator[bytes]:
    """Yield the body as it comes; raise Unavailable when the deadline passes. No wait is longer than `most_wait`."""
    late = Unavailable("The API server did not finish its answer in time.")
    with contextlib.closing(response):  # the connection of a whole answer is back in the pool by then
        while (remaining := deadline - time.monotonic()) > 0:
            _limit_wait(response, min(remaining, most_wait))
            try:
                chunk = response.read1(_CHUNK_BYTES)
            except urllib3.exceptions.ReadTimeoutError:
                raise late from None
            if not chunk:
                return
            yield chunk
    raise late


def _limit_wait(response: urllib3.BaseHTTPResponse, seconds: float) -> None:
    """Let the next read of the socket wait no longer than this."""
    socket = getattr(response.connection, "sock", None)
    if socket is not None:
        socket.settimeout(seconds)


def _without_observations(manifest: Manifest) -> Manifest:
    """Return the manifest without what the API server alone writes, perhaps in ways we do not know yet."""
    kept = {key: value for key, value in manifest.items() if key != "status"}
    observed = {"creationTimestamp", "generation", "managedFields"}
    kept["metadata"] = {key: value for key, value in manifest["metadata"].items() if key not in observed}
    return kept


def _network_problem(problem: urllib3.exceptions.HTTPError) -> str:
    """Say in words what happened to a call that got no answer."""
    # Both of these are also timeouts of urllib3, though nobody waited.
    if isinstance(problem, urllib3.exceptions.NameResolutionError):
        return "The name of the API server is not known."
    if isinstance(problem, urllib3.exceptions.NewConnectionError):
        return "The API server cannot be reached: the connection was refused."
    if isinstance(problem, urllib3.exceptions.ConnectTimeoutError):
        return f"The API server could not be reached within {CONNECT_SECONDS} seconds."
    if isinstance(problem, urllib3.exceptions.ReadTimeoutError):
        return f"The API server did not answer within {READ_SECONDS} seconds."
    return f"The connection to the API server broke: {type(problem).__name__}."


def _short(problem: Exception) -> str:
    reason = getattr(problem, "reason", None) or str(problem)
    return " ".join(str(reason).split())[:200]
