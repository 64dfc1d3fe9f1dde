"""What an answer of the API server means: a value, or one of the errors of `clusters.api`.

Between us and the API server there may be proxies, load balancers and broken networks. An answer is believed
only if it is of the Kubernetes API, whole, and about what was asked; everything else is `Unavailable`:
nothing is known, and in particular nothing is absent. Nothing here knows Django or the Kubernetes library.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from clusters.api import (
    AccessAnswer,
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    Kind,
    Manifest,
    NotFound,
    Throttled,
    Unauthorized,
    Unavailable,
    WatchEvent,
)
from clusters.names import FIELD_MANAGER
from clusters.raw import Answer

_MESSAGE_LENGTH = 500
_DEFAULT_RETRY_AFTER = 1.0
_MAX_RETRY_AFTER = 300.0
# Answers that say what went wrong in a Status document; without one they are not of the Kubernetes API.
_BY_STATUS: dict[int, type[ClusterError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: Invalid,
    422: Invalid,
}


def error(status: int, headers: Mapping[str, str], body: bytes) -> ClusterError:
    """Return the error that an answer outside 2xx stands for."""
    if status == 429:
        # The API server under load answers this in plain text, before anything of it speaks the API.
        return Throttled("The API server asks us to slow down.", retry_after=_retry_after(headers))
    document = _document(body)
    kind = _BY_STATUS.get(status)
    if kind is None or document is None or document.get("kind") != "Status":
        return _strange(status, document)
    details = document.get("details") or {}
    if kind is NotFound and not details.get("name"):
        # Not the object is missing, but the address: another API server, or an API group that is switched
        # off.
        return _strange(status, document)
    causes = [str(cause.get("reason", "")) for cause in details.get("causes") or []]
    terminating = "NamespaceTerminating"
    cause = terminating if terminating in causes else str(document.get("reason") or "")
    return kind(_text(document.get("message")) or f"The API server answered {status}.", cause=cause)


def read_object(body: bytes, kind: Kind, *, name: str) -> Manifest:
    """Return the object that was asked for or written; raise Unavailable for anything else."""
    document = _document(body)
    if (
        document is None
        or document.get("kind") != kind.name
        or document.get("apiVersion") != kind.api_version
        or (document.get("metadata") or {}).get("name") != name
        or not document["metadata"].get("uid")
    ):
        raise _nonsense(f"no {kind.name} {name}")
    return _without_bookkeeping(document)


def read_list(body: bytes, kind: Kind) -> tuple[list[Manifest], str, str]:
    """Return the items, the resourceVersion and the token for the next page (empty on the last one)."""
    document = _document(body)
    if document is None or document.get("kind") != f"{kind.name}List":
        raise _nonsense(f"no list of {kind.plural}")
    items = document.get("items")
    metadata = document.get("metadata") or {}
    if not isinstance(items, list) or not metadata.get("resourceVersion"):
        raise _nonsense(f"no list of {kind.plural}")
    for item in items:
        if not isinstance(item, dict) or not (item.get("metadata") or {}).get("uid"):
            raise _nonsense(f"a list of {kind.plural} with something else in it")
        # Items of a list carry neither; with them an object looks the same however it was read.
        item.setdefault("kind", kind.name)
        item.setdefault("apiVersion", kind.api_version)
        _without_bookkeeping(item)
    return items, metadata["resourceVersion"], metadata.get("continue") or ""


def read_event(line: bytes, kind: Kind) -> WatchEvent:
    """Return one change that a watch tells; raise the error that an `ERROR` in its place stands for.

    A watch that is too old is answered by 200, and by such an error of code 410.
    """
    document = _document(line)
    change = (document or {}).get("type")
    found = (document or {}).get("object")
    if document is None or not isinstance(found, dict):
        raise _nonsense(f"no change of {kind.plural}")
    if change == "ERROR":
        code = found.get("code")
        raise error(code if isinstance(code, int) else 0, {}, json.dumps(found).encode())
    metadata = found.get("metadata") or {}
    if (
        change not in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK")
        or (found.get("kind"), found.get("apiVersion")) != (kind.name, kind.api_version)
        or not metadata.get("resourceVersion")
    ):
        raise _nonsense(f"no change of {kind.plural}")
    if change != "BOOKMARK":
        if (
            not metadata.get("uid")
            or not metadata.get("name")
            or (kind.namespaced and not metadata.get("namespace"))
        ):
            raise _nonsense(f"no change of {kind.plural}")
        _without_bookkeeping(found)
    return WatchEvent(change, found)


def _without_bookkeeping(found: Manifest) -> Manifest:
    """Forget who set which field, most of the memory of a list of many small objects; keep who else wrote, and when.

    Who counts what is used writes a part of its own, the status, and is not meant.
    """
    writers = found["metadata"].pop("managedFields", None)
    others = [
        {key: str(each[key]) for key in ("manager", "time") if key in each}
        for each in (writers if isinstance(writers, list) else ())
        if isinstance(each, dict) and each.get("manager") != FIELD_MANAGER and not each.get("subresource")
    ]
    if others:
        found["metadata"]["managedFields"] = others
    return found


def check_deleted(body: bytes, kind: Kind) -> None:
    """Raise Unavailable unless the API server says that it deletes, by a Status or by the object itself."""
    document = _document(body)
    if document is None or document.get("kind") not in {"Status", kind.name}:
        raise _nonsense(f"no end of a {kind.name}")
    if document["kind"] == "Status" and document.get("status") != "Success":
        raise _nonsense(f"no end of a {kind.name}")


def read_access(body: bytes, *, username: str, review: str = "SubjectAccessReview") -> AccessAnswer:
    """Return what a review answers about this user name; for one about ourselves, `username` is empty."""
    document = _document(body)
    status = (document or {}).get("status") or {}
    if (
        document is None
        or document.get("kind") != review
        or not isinstance(status.get("allowed"), bool)
        or (document.get("spec") or {}).get("user", "") != username
    ):
        raise _nonsense(f"no {review}")
    failure = _text(status.get("evaluationError"))
    if failure and not status["allowed"] and "not found" not in failure:
        # A binding to a role that is gone is a clean no; an authorizer that could not be asked is not.
        raise Unavailable(f"The API server could not judge: {failure}")
    return AccessAnswer(allowed=status["allowed"], reason=_text(status.get("reason")) or failure)


def read_identity(body: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the user name and the groups that a SelfSubjectReview names."""
    document = _document(body)
    user = ((document or {}).get("status") or {}).get("userInfo") or {}
    if document is None or document.get("kind") != "SelfSubjectReview" or not user.get("username"):
        raise _nonsense("no SelfSubjectReview")
    return str(user["username"]), tuple(str(group) for group in user.get("groups") or [])


def read_own_rules(body: bytes) -> tuple[list[Manifest], bool]:
    """Return the rules of a SelfSubjectRulesReview, and whether they are all; those of plain addresses among them."""
    document = _document(body)
    status = (document or {}).get("status") or {}
    resource_rules, others = status.get("resourceRules"), status.get("nonResourceRules")
    if (
        document is None
        or document.get("kind") != "SelfSubjectRulesReview"
        or not isinstance(resource_rules, list)
        or not isinstance(others, list | None)
    ):
        raise _nonsense("no SelfSubjectRulesReview")
    return [*resource_rules, *(others or [])], not status.get("incomplete", False)


def read_any(status: int, body: bytes) -> Answer:
    """Return an answer as it came, parsed where it is JSON."""
    document = _document(body)
    return Answer(status, _text(body.decode(errors="replace")) if document is None else document)


def _document(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object, or None where the body is none: HTML, cut, empty."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _strange(status: int, document: dict[str, Any] | None) -> ClusterError:
    said = _text((document or {}).get("message"))
    return Unavailable(f"The API server answered {status}{f': {said}' if said else '.'}")


def _nonsense(missing: str) -> Unavailable:
    return Unavailable(f"The answer is not of the Kubernetes API: it holds {missing}.")


def _text(value: object) -> str:
    """Return a message in one line that can be shown and logged."""
    text = value if isinstance(value, str) else ""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable if len(printable) <= _MESSAGE_LENGTH else f"{printable[: _MESSAGE_LENGTH - 1]}…"


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds to wait: a number or a date (RFC 9110, section 10.2.3), within reason."""
    value = headers.get("Retry-After", "")
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value)
    if not math.isfinite(seconds):
        return _DEFAULT_RETRY_AFTER
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER)


def _seconds_until(date: str) -> float:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return _DEFAULT_RETRY_AFTER
    return (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds()
