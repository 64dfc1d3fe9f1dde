"""What an answer means, and which answers mean nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from clusters import answers
from clusters.api import (
    NAMESPACE,
    ROLE_BINDING,
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Throttled,
    Unauthorized,
    Unavailable,
)

HTML = b"<html><body>404 Not Found</body></html>"
BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "RoleBinding",
    "metadata": {"name": "berth-x", "uid": "1"},
}


def status(code: int, reason: str, message: str = "words", **details: Any) -> bytes:
    document = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    return json.dumps({**document, "reason": reason, "message": message, "details": details}).encode()


# --- Errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", Invalid),
        (401, "Unauthorized", Unauthorized),
        (403, "Forbidden", Forbidden),
        (404, "NotFound", NotFound),
        (409, "AlreadyExists", Conflict),
        (409, "Conflict", Conflict),
        (410, "Expired", Gone),
        (413, "RequestEntityTooLarge", Invalid),
        (422, "Invalid", Invalid),
    ],
)
def test_error_of_the_api_has_its_class_its_cause_and_its_words(
    code: int, reason: str, kind: type[ClusterError]
) -> None:
    found = answers.error(code, {}, status(code, reason, name="x"))
    assert type(found) is kind
    assert found.cause == reason
    assert found.message == "words"


def test_end_of_a_namespace_is_the_cause_of_a_refusal() -> None:
    body = status(
        403, "Forbidden", causes=[{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]
    )
    assert answers.error(403, {}, body).cause == "NamespaceTerminating"


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 410, 422])
@pytest.mark.parametrize(
    "body", [HTML, b"", b"404 page not found", b"[]", b"null", b'{"kind":"Other"}', b'{"kind"']
)
def test_error_that_is_not_of_the_api_says_nothing(code: int, body: bytes) -> None:
    found = answers.error(code, {}, body)
    assert type(found) is Unavailable
    assert str(code) in found.message


def test_a_missing_address_is_not_a_missing_object() -> None:
    found = answers.error(
        404, {}, status(404, "NotFound", "the server could not find the requested resource")
    )
    assert type(found) is Unavailable


@pytest.mark.parametrize("code", [300, 302, 304, 405, 408, 418, 500, 502, 503, 504])
def test_everything_else_is_unavailable(code: int) -> None:
    found = answers.error(code, {}, status(code, "InternalError", "etcd leader changed"))
    assert type(found) is Unavailable
    assert "etcd leader changed" in found.message


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ({}, 1), ({"Retry-After": "7"}, 7), ({"Retry-After": "0"}, 0), ({"Retry-After": "-5"}, 0),
        ({"Retry-After": "99999"}, 300), ({"Retry-After": "soon"}, 1), ({"Retry-After": "nan"}, 1),
        ({"Retry-After": "inf"}, 1),
    ],
)  # fmt: skip
def test_throttling_says_when_to_come_again(header: dict[str, str], seconds: float) -> None:
    found = answers.error(429, header, b"Too many requests, please try again later.")
    assert isinstance(found, Throttled)
    assert found.retry_after == seconds


def test_throttling_may_name_a_date() -> None:
    moment = datetime.now(UTC) + timedelta(seconds=60)
    found = answers.error(429, {"Retry-After": format_datetime(moment, usegmt=True)}, b"")
    assert isinstance(found, Throttled)
    assert 50 < found.retry_after <= 60


def test_words_are_one_short_printable_line() -> None:
    found = answers.error(403, {}, status(403, "Forbidden", "a\nb\x1b[31mc" + "x" * 10_000))
    assert found.message.startswith("a b [31mc")
    assert found.message.isprintable()
    assert len(found.message) == 500


# --- Objects and lists ---------------------------------------------------------------------------------------------


def test_object_is_returned() -> None:
    assert answers.read_object(json.dumps(BINDING).encode(), ROLE_BINDING, name="berth-x") == BINDING


@pytest.mark.parametrize(
    "document",
    [
        {**BINDING, "kind": "Role"},
        {**BINDING, "apiVersion": "v1"},
        {**BINDING, "metadata": {"name": "another", "uid": "1"}},
        {**BINDING, "metadata": {"name": "berth-x"}},
        {**BINDING, "metadata": None},
        {"kind": "Status", "apiVersion": "v1", "status": "Success"},
        {},
    ],
)
def test_object_of_another_sort_says_nothing(document: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        answers.read_object(json.dumps(document).encode(), ROLE_BINDING, name="berth-x")


@pytest.mark.parametrize("body", [b"", HTML, b"null", b'{"kind": "RoleBinding"', b"\xff\xfe", b"[" * 100_000])
def test_body_that_is_no_document_says_nothing(body: bytes) -> None:
    for read in (
        lambda: answers.read_object(body, ROLE_BINDING, name="berth-x"),
        lambda: answers.read_list(body, ROLE_BINDING),
        lambda: answers.check_deleted(body, ROLE_BINDING),
        lambda: answers.read_access(body, username="u"),
        lambda: answers.read_identity(body),
    ):
        with pytest.raises(Unavailable):
            read()


def a_list(items: Any, **metadata: Any) -> bytes:
    metadata = {"resourceVersion": "7", **metadata}
    return json.dumps({"kind": "RoleBindingList", "items": items, "metadata": metadata}).encode()


def test_object_looks_the_same_however_it_was_read_and_without_bookkeeping() -> None:
    metadata = {"name": "berth-x", "uid": "1", "managedFields": [{"manager": "berth"}]}
    kept = {**BINDING, "metadata": metadata}
    body = json.dumps(kept).encode()
    assert answers.read_object(body, ROLE_BINDING, name="berth-x") == BINDING
    assert answers.read_list(a_list([kept]), ROLE_BINDING)[0] == [BINDING]


def test_list_is_returned_with_items_as_get_shows_them() -> None:
    bare = {"metadata": BINDING["metadata"]}
    assert answers.read_list(a_list([bare]), ROLE_BINDING) == ([BINDING], "7", "")
    assert answers.read_list(a_list([], **{"continue": "next"}), ROLE_BINDING) == ([], "7", "next")


@pytest.mark.parametrize(
    "body",
    [
        a_list(None), a_list({}), a_list("x"), a_list([None]), a_list(["x"]), a_list([{}]),
        a_list([{"metadata": {"name": "x"}}]), a_list([], resourceVersion=""),
        json.dumps({"kind": "RoleBindingList", "metadata": {"resourceVersion": "7"}}).encode(),
        json.dumps({"kind": "NamespaceList", "items": [], "metadata": {"resourceVersion": "7"}}).encode(),
        b"{}",
    ],
)  # fmt: skip
def test_list_that_is_none_is_never_an_empty_list(body: bytes) -> None:
    with pytest.raises(Unavailable):
        answers.read_list(body, ROLE_BINDING)


def test_deletion_is_said_by_a_status_or_by_the_object() -> None:
    answers.check_deleted(b'{"kind": "Status", "status": "Success"}', ROLE_BINDING)
    answers.check_deleted(json.dumps(BINDING).encode(), ROLE_BINDING)


@pytest.mark.parametrize("body", [b'{"kind": "Status", "status": "Failure"}', b'{"kind": "Pod"}', b"{}"])
def test_deletion_that_is_not_said_is_none(body: bytes) -> None:
    with pytest.raises(Unavailable):
        answers.check_deleted(body, NAMESPACE)


# --- Reviews -------------------------------------------------------------------------------------------------------


def review(user: str = "u", **result: Any) -> bytes:
    return json.dumps({"kind": "SubjectAccessReview", "spec": {"user": user}, "status": result}).encode()


@pytest.mark.parametrize("allowed", [True, False])
def test_review_is_yes_or_no_with_its_reason(*, allowed: bool) -> None:
    answer = answers.read_access(review(allowed=allowed, reason="because"), username="u")
    assert answer.allowed is allowed
    assert answer.reason == "because"


@pytest.mark.parametrize(
    "body",
    [review(), review(allowed="no"), review(allowed=None), review(user="another", allowed=False), b"{}"],
)
def test_review_without_answer_or_about_somebody_else_says_nothing(body: bytes) -> None:
    with pytest.raises(Unavailable):
        answers.read_access(body, username="u")


def test_no_because_of_a_missing_role_is_a_no() -> None:
    body = review(allowed=False, evaluationError='clusterroles "berth:viewer" not found')
    assert answers.read_access(body, username="u").allowed is False


def test_no_because_nobody_could_be_asked_is_none() -> None:
    body = review(allowed=False, evaluationError="webhook: connection refused")
    with pytest.raises(Unavailable, match="connection refused"):
        answers.read_access(body, username="u")


def test_yes_counts_whatever_else_failed() -> None:
    assert answers.read_access(review(allowed=True, evaluationError="webhook"), username="u").allowed


def test_identity_is_name_and_groups() -> None:
    user = {"username": "alice", "groups": ["system:authenticated"]}
    body = json.dumps({"kind": "SelfSubjectReview", "status": {"userInfo": user}}).encode()
    assert answers.read_identity(body) == ("alice", ("system:authenticated",))


def test_identity_without_name_is_none() -> None:
    body = json.dumps({"kind": "SelfSubjectReview", "status": {"userInfo": {}}}).encode()
    with pytest.raises(Unavailable):
        answers.read_identity(body)


def test_own_rules_are_those_of_objects_and_of_addresses() -> None:
    status = {
        "resourceRules": [{"verbs": ["get"]}],
        "nonResourceRules": [{"verbs": ["post"]}],
        "incomplete": False,
    }
    body = json.dumps({"kind": "SelfSubjectRulesReview", "status": status}).encode()
    assert answers.read_own_rules(body) == ([{"verbs": ["get"]}, {"verbs": ["post"]}], True)


def test_own_rules_that_are_not_all_are_said_to_be() -> None:
    status: dict[str, Any] = {"resourceRules": [], "nonResourceRules": None, "incomplete": True}
    body = json.dumps({"kind": "SelfSubjectRulesReview", "status": status}).encode()
    assert answers.read_own_rules(body) == ([], False)


@pytest.mark.parametrize(
    "document", [{}, {"kind": "SelfSubjectRulesReview"}, {"kind": "Status", "status": {"resourceRules": []}}]
)
def test_no_rules_are_not_the_same_as_none(document: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        answers.read_own_rules(json.dumps(document).encode())


def test_any_answer_is_parsed_where_it_is_an_object_and_else_in_one_line() -> None:
    assert answers.read_any(200, b'{"a": 1}').body == {"a": 1}
    assert answers.read_any(502, b"<html>\n\xff</html>").message == "<html> \ufffd</html>"
