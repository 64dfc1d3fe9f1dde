"""Attacks on the real API server, by everybody who holds a token: each must fail, and at the right fence.

What our accounts and the members of a namespace are there for must work at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from clusters import attempts
from clusters.attempts import RBAC, RBAC_API
from clusters.forbidden_acts import FORBIDDEN
from clusters.raw import Answer, Request, create, one
from localcluster.processes import file_lock
from tests.clusters import battlefield
from tests.clusters.attacks import ALLOWED, ATTEMPTS, Attempt
from tests.clusters.battlefield import Battlefield, account_binding
from tests.conftest import ControlPlane
from tests.contract.hands import binding


@pytest.fixture(scope="module")
def field(control_plane: ControlPlane) -> Iterator[Battlefield]:
    """The battlefield, when everybody's rights are in force."""
    with file_lock(control_plane.layout.directory / battlefield.LOCK, shared=True):
        made = battlefield.prepare(control_plane.config, control_plane.layout)
        ready = {
            "viewer": Request("GET", f"/api/v1/namespaces/{made.home}/pods"),
            "editor": Request("GET", f"/api/v1/namespaces/{made.home}/secrets"),
            "admin": Request("GET", f"/apis/{RBAC_API}/v1/namespaces/{made.home}/rolebindings"),
            "reaper": Request("GET", f"/api/v1/namespaces/{made.condemned}"),
            "worker": Request("GET", f"/api/v1/namespaces/{made.careless}/secrets"),
        }
        for actor, request in ready.items():
            wait_for(lambda actor=actor, request=request: made.send(actor, request).status == 200)  # type: ignore[misc]
        yield made
        battlefield.clear(made)


def wait_for(condition: Callable[[], bool]) -> None:
    """The API server reads bindings from a watch, some moments after they were written."""
    for _ in range(2000):
        if condition():
            return
    pytest.fail("the rights of the battlefield did not come into force")


@pytest.mark.parametrize("attempt", FORBIDDEN, ids=str)
def test_attack_of_the_product_is_refused_at_the_right_fence(
    field: Battlefield, attempt: attempts.Attempt
) -> None:
    answer = field.send(attempt.account, attempt.request(field.ground))
    assert_refused(answer, attempt.fence)


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=str)
def test_attack_is_refused_at_the_right_fence(field: Battlefield, attempt: Attempt) -> None:
    answer = field.send(attempt.actor, attempt.request(field))
    assert_refused(answer, attempt.fence)


def assert_refused(answer: Answer, fence: str) -> None:
    assert answer.status == 403, f"{answer.status}: {answer.message}"
    if fence == RBAC:
        assert "ValidatingAdmissionPolicy" not in answer.message
        assert "cannot" in answer.message or "not currently held" in answer.message
    else:
        assert fence in answer.message


@pytest.mark.parametrize(
    ("actor", "title", "status", "request_of"), ALLOWED, ids=[f"{act[0]} {act[1]}" for act in ALLOWED]
)
def test_what_somebody_is_there_for_works(
    field: Battlefield, actor: str, title: str, status: int, request_of: Callable[[Battlefield], Request]
) -> None:
    answer = field.send(actor, request_of(field))
    assert answer.status == status, f"{title}: {answer.message}"


def test_a_chart_takes_its_own_binding_away(field: Battlefield) -> None:
    made = account_binding(field.home, "passing", "default")
    assert field.send("admin", create(made)).status == 201
    assert field.send("admin", one(made, "DELETE")).status == 200


def test_an_administrator_of_the_cluster_may_take_a_binding_of_ours_away(field: Battlefield) -> None:
    made = binding(field.other, 9005)
    assert field.send("worker", create(made)).status == 201
    assert field.administrator.call("DELETE", one(made, "DELETE").path)[0] == 200
