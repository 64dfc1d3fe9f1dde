"""Judging what an API server answers to an attempt; and who can be tried, and where."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from clusters.api import NAMESPACE, ROLE_BINDING
from clusters.attack import Outcome, Verdict, attack, judge
from clusters.attempts import RBAC, Attempt
from clusters.forbidden_acts import FORBIDDEN
from clusters.ground import Ground, NothingThere, survey
from clusters.kube import KubeCluster
from clusters.raw import Answer, Request
from localcluster.certificates import Authority
from tests.clusters.crooked_server import CrookedServer, crooked_server, hang_up, send
from tests.contract.hands import binding, fake_config, namespace, reaper_binding, subject
from tests.fake_cluster import FakeCluster

GROUND = Ground("avis-fire", "default", subject(1))
BY_RBAC = 'secrets "x" is forbidden: User "w" cannot get resource "secrets" in API group ""'
BY_P1 = (
    "rolebindings \"x\" is forbidden: ValidatingAdmissionPolicy 'berth-bindings' with binding 'berth-bindings'"
    " denied request: cannot do that"
)


def status(code: int, message: str) -> Answer:
    return Answer(code, {"kind": "Status", "status": "Failure", "message": message, "code": code})


# --- Answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "fence"),
    [
        (status(403, BY_RBAC), RBAC),
        (
            status(
                403, '… is forbidden: user "w" is attempting to grant RBAC permissions not currently held'
            ),
            RBAC,
        ),
        (status(403, BY_P1), "berth-bindings"),
        (status(422, BY_P1), "berth-bindings"),
    ],
)
def test_a_refusal_that_names_its_fence_is_one(answer: Answer, fence: str) -> None:
    assert judge(answer) == (Verdict.DENIED, fence)


@pytest.mark.parametrize("code", [200, 201, 202, 204])
def test_a_success_is_no_denial(code: int) -> None:
    assert judge(Answer(code, {"kind": "RoleBinding"})) == (Verdict.NOT_DENIED, f"HTTP {code}")


@pytest.mark.parametrize(
    "answer",
    [
        status(400, "the body is odd, User cannot"),
        status(401, "Unauthorized"),
        status(404, 'secrets "x" not found'),
        status(409, "already exists"),
        status(422, "spec.hard[pods]: Invalid value: must be an integer, and cannot be more"),
        status(429, "too many requests"),
        status(500, BY_P1),
        status(503, "no endpoints"),
        status(403, "unable to create new content in namespace x because it is being terminated"),
        status(403, "exceeded quota: berth-quota, requested: pods=1"),
        status(403, 'admission webhook "gatekeeper" denied the request'),
        Answer(403, "<html>User cannot</html>"),
        Answer(403, {"message": BY_RBAC}),
        Answer(301, ""),
    ],
)
def test_what_names_no_fence_proves_nothing(answer: Answer) -> None:
    assert judge(answer)[0] == Verdict.UNANSWERED


# --- Attempts ----------------------------------------------------------------------------------------------


@pytest.fixture
def server(authority: Path) -> Iterator[CrookedServer]:
    """A server that refuses everything as RBAC does."""
    with crooked_server(Authority(authority)) as running:
        running.answer = send(403, status(403, BY_RBAC).body)
        yield running


@pytest.fixture
def thief(server: CrookedServer, tmp_path: Path) -> KubeCluster:
    return KubeCluster(server.config(tmp_path), tmp_path / "worker.kubeconfig")


def test_every_attempt_is_made_once_and_counted(server: CrookedServer, thief: KubeCluster) -> None:
    outcomes = list(attack(FORBIDDEN, GROUND, thief))
    assert [each.attempt for each in outcomes] == list(FORBIDDEN)
    wanted = [attempt.request(GROUND) for attempt in FORBIDDEN]
    assert [(seen.method, seen.path) for seen in server.seen] == [(each.method, each.path) for each in wanted]
    assert {each.verdict for each in outcomes} == {Verdict.DENIED}


def test_there_are_enough_attempts_and_no_title_twice() -> None:
    counted = Counter(attempt.account for attempt in FORBIDDEN)
    assert counted["worker"] >= 60
    assert counted["observer"] >= 30
    assert counted["reaper"] >= 30
    assert max(Counter(str(attempt) for attempt in FORBIDDEN).values()) == 1


@pytest.mark.parametrize("attempt", FORBIDDEN, ids=str)
def test_whatever_writes_is_a_dry_run(attempt: Attempt) -> None:
    """But for a token, which is not stored, and for a stream into a pod that does not exist."""
    request = attempt.request(GROUND)
    path, _, query = request.path.partition("?")
    assert "{" not in request.path
    if request.method == "GET":
        assert request.body is None
    elif path.endswith("/token"):
        assert request.body["spec"] == {"audiences": ["berth-attack.invalid"], "expirationSeconds": 600}
    elif path.endswith("/exec"):
        assert "/pods/any/" in path
    else:
        assert "dryRun=All" in query.split("&")


def test_headers_and_the_body_are_sent_as_they_are(server: CrookedServer, thief: KubeCluster) -> None:
    heard: dict[str, str | None] = {}

    def listen(handler: BaseHTTPRequestHandler) -> None:
        heard.update({name: handler.headers.get(name) for name in ("Impersonate-User", "Content-Type")})
        send(200, {"kind": "Status"})(handler)

    server.answer = listen
    request = Request("PATCH", "/api/v1/namespaces/x?dryRun=All", {"a": "ä"}, {"Impersonate-User": "alice"})
    assert thief.exchange(request) == Answer(200, {"kind": "Status"})
    assert heard == {"Impersonate-User": "alice", "Content-Type": "application/merge-patch+json"}
    assert json.loads(server.seen[0].body) == {"a": "ä"}


def test_no_answer_is_a_failure_and_the_next_is_tried(server: CrookedServer, thief: KubeCluster) -> None:
    server.answer = hang_up
    outcomes = list(attack(FORBIDDEN[:3], GROUND, thief))
    assert [each.verdict for each in outcomes] == [Verdict.UNANSWERED] * 3
    assert "broke" in outcomes[0].detail
    assert len(server.seen) == 3


def test_what_needs_a_place_that_is_not_there_is_not_made_and_says_so(
    server: CrookedServer, thief: KubeCluster
) -> None:
    outcomes = list(attack(FORBIDDEN, Ground(None, "default", None), thief))
    left_out = [each for each in outcomes if each.verdict == Verdict.NOT_MADE]
    assert len(server.seen) == len(FORBIDDEN) - len(left_out)
    assert {each.detail for each in left_out} == {
        "no managed namespace",
        "nobody is bound yet, so no user name is known that fits",
    }
    assert title(left_out, "binds all who are logged in")
    assert not title(left_out, "reads a secret")


def title(outcomes: list[Outcome], wanted: str) -> list[Attempt]:
    return [each.attempt for each in outcomes if each.attempt.title == wanted]


# --- The ground --------------------------------------------------------------------------------------------


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster(fake_config())


def test_an_empty_cluster_has_nobody_and_no_managed_namespace(cluster: FakeCluster) -> None:
    assert survey(cluster, fake_config()) == Ground(None, "default", None)


def test_a_namespace_with_a_member_comes_first(cluster: FakeCluster) -> None:
    for name in ("avis-fire", "quiet-lab"):
        cluster.create(NAMESPACE, namespace(name))
    assert survey(cluster, fake_config()) == Ground("avis-fire", "default", None)
    cluster.create(ROLE_BINDING, binding("quiet-lab", 7))
    assert survey(cluster, fake_config()) == Ground("quiet-lab", "default", subject(7))
    assert survey(cluster, fake_config(), "avis-fire") == Ground("avis-fire", "default", None)


def test_a_namespace_of_others_is_preferred_to_default(cluster: FakeCluster) -> None:
    cluster.outside.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "theirs"}})
    assert survey(cluster, fake_config()).unmanaged == "theirs"


@pytest.mark.parametrize("wanted", ["default", "nowhere", "berth-system"])
def test_a_namespace_that_is_not_managed_is_no_place_for_it(cluster: FakeCluster, wanted: str) -> None:
    with pytest.raises(NothingThere, match=f"{wanted} is no managed namespace"):
        survey(cluster, fake_config(), wanted)


def test_a_namespace_that_ends_is_passed_over(cluster: FakeCluster) -> None:
    cluster.create(NAMESPACE, namespace("avis-fire"))
    cluster.outside.hold("avis-fire")
    cluster.outside.terminate("avis-fire")
    assert survey(cluster, fake_config()).managed is None


def test_a_condemned_namespace_is_the_reapers_and_no_place_for_it(cluster: FakeCluster) -> None:
    cluster.create(NAMESPACE, namespace("avis-fire"))
    cluster.create(ROLE_BINDING, reaper_binding("avis-fire"))
    assert survey(cluster, fake_config()).managed is None
    with pytest.raises(NothingThere, match="avis-fire is condemned"):
        survey(cluster, fake_config(), "avis-fire")


@pytest.mark.parametrize("change", [{"name": "by-hand"}, {"subject": "system:masters"}])
def test_a_name_that_berth_did_not_bind_is_nobody(cluster: FakeCluster, change: dict[str, str]) -> None:
    cluster.create(NAMESPACE, namespace("avis-fire"))
    manifest: dict[str, Any] = binding("avis-fire", 7)
    manifest["metadata"]["name"] = change.get("name", manifest["metadata"]["name"])
    manifest["subjects"][0]["name"] = change.get("subject", manifest["subjects"][0]["name"])
    cluster.outside.put(manifest)
    assert survey(cluster, fake_config()).somebody is None
