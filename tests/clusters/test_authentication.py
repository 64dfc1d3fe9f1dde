"""What the API server is told about issuers, and that it then lets in those it should and nobody else."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from clusters import authentication
from clusters.config import ClusterConfig, IssuerTrust
from clusters.raw import Answer, Request
from localcluster.admin_api import AdminApi
from tests.clusters.raw_api import RawApi, id_token
from tests.conftest import ControlPlane

SUBJECT = "http://cilogon.org/serverA/users/4711"
CILOGON = IssuerTrust("https://cilogon.org", "client", "", "^http://cilogon[.]org/server[A-Z]/users/[0-9]+$")
EXAMPLE = IssuerTrust("https://idp.example.edu", "kubectl", "example:", "example:[a-z@.:-]+", "PEM\n")
REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
BAD_SUBJECTS = [
    "", " ", "system:masters", "system:serviceaccount:kube-system:default", "system:admin", "alice",
    f"{SUBJECT}\n", f"\n{SUBJECT}", f"{SUBJECT}\nx", f" {SUBJECT}", f"{SUBJECT} ", f"{SUBJECT}\0", f"x{SUBJECT}",
    f"{SUBJECT}/x", "http://cilogonXorg/serverA/users/1", SUBJECT + "1" * 5000, SUBJECT.upper(), "13600071",
]  # fmt: skip


def config(*issuers: IssuerTrust) -> ClusterConfig:
    return ClusterConfig("nautilus", "Nautilus", "https://x", "PEM", {}, issuers)


# --- The documents -------------------------------------------------------------------------------------------------


def test_document_names_issuers_audiences_prefixes_and_rules() -> None:
    document = authentication.render(config(CILOGON, EXAMPLE))
    assert document["apiVersion"] == "apiserver.config.k8s.io/v1"
    assert document["kind"] == "AuthenticationConfiguration"
    first, second = document["jwt"]
    assert first["issuer"] == {"url": "https://cilogon.org", "audiences": ["client"]}
    assert first["claimMappings"] == {"username": {"claim": "sub", "prefix": ""}}
    assert second["issuer"]["certificateAuthority"] == "PEM\n"
    assert second["claimMappings"] == {"username": {"claim": "sub", "prefix": "example:"}}
    for trust, entry in ((CILOGON, first), (EXAMPLE, second)):
        assert [rule["expression"] for rule in entry["userValidationRules"]] == [trust.cel("user.username")]


def test_groups_are_never_mapped() -> None:
    assert "groups" not in str(authentication.render(config(CILOGON, EXAMPLE)))


def test_flags_stand_for_one_issuer() -> None:
    assert authentication.flags(config(EXAMPLE)) == [
        "--oidc-issuer-url=https://idp.example.edu",
        "--oidc-client-id=kubectl",
        "--oidc-username-claim=sub",
        "--oidc-username-prefix=example:",
        "--oidc-signing-algs=RS256,ES256",
        "--oidc-ca-file=FILE",
    ]
    assert "--oidc-username-prefix=-" in authentication.flags(config(CILOGON))


def test_there_are_no_flags_for_two_issuers() -> None:
    with pytest.raises(ValueError, match="flags can name only one"):
        authentication.flags(config(CILOGON, EXAMPLE))


# --- The real API server, told by them -----------------------------------------------------------------------------


def whoami(control_plane: ControlPlane, token: str) -> Answer:
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    return RawApi(control_plane.config, token).send(Request("POST", path, REVIEW))


def token(control_plane: ControlPlane, **claims: Any) -> str:
    trust = control_plane.config.issuers[0]
    key = control_plane.layout.oidc_signing_key.read_bytes()
    return id_token(key, **{"iss": trust.issuer, "aud": trust.client_id, "sub": SUBJECT, **claims})


def test_a_person_of_the_issuer_is_let_in_under_the_name_that_we_bind(control_plane: ControlPlane) -> None:
    answer = whoami(control_plane, token(control_plane))
    assert answer.status == 201, answer.message
    user = answer.body["status"]["userInfo"]
    assert user["username"] == control_plane.config.username(control_plane.config.issuers[0].issuer, SUBJECT)
    assert user["groups"] == ["system:authenticated"]


def test_claimed_groups_are_nothing(control_plane: ControlPlane) -> None:
    answer = whoami(control_plane, token(control_plane, groups=["system:masters"]))
    assert answer.body["status"]["userInfo"]["groups"] == ["system:authenticated"]


def test_audiences_may_be_several(control_plane: ControlPlane) -> None:
    client = control_plane.config.issuers[0].client_id
    assert whoami(control_plane, token(control_plane, aud=["another", client])).status == 201


@pytest.mark.parametrize("subject", BAD_SUBJECTS, ids=lambda subject: repr(subject)[:40])
def test_a_subject_that_berth_would_not_bind_is_not_let_in(control_plane: ControlPlane, subject: str) -> None:
    issuer = control_plane.config.issuers[0].issuer
    assert control_plane.config.username(issuer, subject) is None
    assert whoami(control_plane, token(control_plane, sub=subject)).status == 401


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "berth-portal"},
        {"aud": []},
        {"iss": "https://elsewhere.example"},
        {"exp": 946684800},  # the year 2000
        {"nbf": 4102444800},  # the year 2100
    ],
    ids=str,
)
def test_a_token_that_is_not_for_this_cluster_now_is_refused(
    control_plane: ControlPlane, claims: dict[str, Any]
) -> None:
    assert whoami(control_plane, token(control_plane, **claims)).status == 401


def test_a_token_of_another_key_is_refused(control_plane: ControlPlane) -> None:
    claims = jwt.decode(token(control_plane), options={"verify_signature": False})
    foreign = rsa.generate_private_key(65537, 2048)
    assert whoami(control_plane, jwt.encode(claims, foreign, algorithm="RS256")).status == 401
    assert whoami(control_plane, jwt.encode(claims, "", algorithm="none")).status == 401


# --- The rule about names, judged by the API server ----------------------------------------------------------------

NAMES = [
    *BAD_SUBJECTS, SUBJECT, "example:alice", "example:", "example:system:masters", "example:alice\n", "example:a b",
    "example:" + "a" * 255, "example:" + "a" * 256, "xexample:alice", "example:Alice", "example:ann@example.edu",
    "dot.ted:7", "dotXted:7", "dot.ted:x",
]  # fmt: skip
TRUSTS = [
    CILOGON,
    EXAMPLE,
    IssuerTrust("https://dotted.example", "k", "dot.ted:", r"dot\.ted:\d+|never"),
]


@pytest.fixture(scope="module")
def judge(control_plane: ControlPlane) -> Iterator[dict[str, str]]:
    """Policies of the API server that refuse a ConfigMap whose `data.name` a trust refuses; by issuer, the place."""
    admin = AdminApi(control_plane.layout)
    places = {}
    for trust in TRUSTS:
        place = places[trust.issuer] = f"cel-{uuid.uuid4().hex[:10]}"
        admin.expect("POST", "/api/v1/namespaces", {"metadata": {"name": place}})
        selector = {"matchLabels": {"kubernetes.io/metadata.name": place}}
        rule = {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "resources": ["configmaps"],
            "operations": ["CREATE"],
        }
        spec = {
            "matchConstraints": {"resourceRules": [rule], "namespaceSelector": selector},
            "validations": [{"expression": trust.cel("object.data.name"), "reason": "Forbidden"}],
        }
        binding = {"policyName": place, "validationActions": ["Deny"]}
        for kind, content in (("policies", spec), ("policybindings", binding)):
            path = f"/apis/admissionregistration.k8s.io/v1/validatingadmission{kind}"
            admin.expect("POST", path, {"metadata": {"name": place}, "spec": content})
        deadline = time.monotonic() + 60
        while accepts(admin, place, "refuse me") and time.monotonic() < deadline:
            time.sleep(0.05)
    yield places
    for place in places.values():
        admin.expect("DELETE", f"/api/v1/namespaces/{place}")
        for kind in ("policies", "policybindings"):
            admin.expect("DELETE", f"/apis/admissionregistration.k8s.io/v1/validatingadmission{kind}/{place}")


def accepts(admin: AdminApi, place: str, name: str) -> bool:
    """Ask whether the policy of the place accepts a name; nothing is stored."""
    manifest = {"metadata": {"name": "probe"}, "data": {"name": name}}
    status, answer = admin.call("POST", f"/api/v1/namespaces/{place}/configmaps?dryRun=All", manifest)
    assert status in {201, 403}, answer
    return status == 201


@pytest.mark.parametrize("trust", TRUSTS, ids=lambda trust: str(trust.prefix or "no prefix"))
def test_the_api_server_judges_names_as_we_do(
    control_plane: ControlPlane, judge: dict[str, str], trust: IssuerTrust
) -> None:
    admin = AdminApi(control_plane.layout)
    for name in NAMES:
        ours = name.startswith(trust.prefix) and trust.username(name.removeprefix(trust.prefix)) is not None
        assert accepts(admin, judge[trust.issuer], name) is ours, name
    assert any(
        trust.username(name.removeprefix(trust.prefix)) for name in NAMES if name.startswith(trust.prefix)
    )
