"""The clusters file: what it says, and how it says what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from clusters.config import ConfigError, IssuerTrust, load, load_with_sources
from tests.clusters.clusters_file import CILOGON, EXAMPLE, Facts

# --- What it says --------------------------------------------------------------------------------------------------


def test_facts_are_read(facts: Facts, tmp_path: Path) -> None:
    facts.cluster["status_file"] = "status.json"
    config = facts.load()
    assert config.name == "nautilus"
    assert config.title == "Nautilus"
    assert config.server == "https://127.0.0.1:16443"
    assert config.certificate_authority == (tmp_path / "pki" / "ca.crt").read_text()
    assert config.credentials == {
        "worker": tmp_path / "credentials" / "worker.kubeconfig",
        "observer": tmp_path / "credentials" / "observer.kubeconfig",
        "reaper": Path("/elsewhere/reaper.kubeconfig"),
    }
    assert config.status_file == tmp_path / "status.json"
    assert config.issuers == (IssuerTrust(CILOGON["issuer"], CILOGON["client_id"], "", CILOGON["pattern"]),)


def test_optional_facts_may_be_left_out(facts: Facts) -> None:
    del facts.cluster["title"]
    config = facts.load()
    assert config.title == "nautilus"
    assert config.status_file is None
    assert config.issuers[0].certificate_authority is None


def test_certificates_may_stand_in_the_file(facts: Facts, tmp_path: Path) -> None:
    pem = (tmp_path / "pki" / "ca.crt").read_text()
    del facts.cluster["certificate_authority_file"]
    facts.cluster["certificate_authority"] = pem
    facts.issuer["certificate_authority_file"] = "pki/ca.crt"
    config = facts.load()
    assert config.certificate_authority == pem
    assert config.issuers[0].certificate_authority == pem


def test_sources_are_all_files_that_were_read(facts: Facts, tmp_path: Path) -> None:
    facts.issuer["certificate_authority_file"] = "pki/ca.crt"
    _, sources = load_with_sources(facts.write())
    assert set(sources) == {facts.path, tmp_path / "pki" / "ca.crt"}


def test_credentials_need_not_exist(facts: Facts) -> None:
    assert not facts.load().credentials["worker"].exists()


# --- User names ----------------------------------------------------------------------------------------------------


def test_user_name_is_prefix_and_subject(facts: Facts) -> None:
    facts.cluster["issuers"] = [CILOGON, EXAMPLE]
    config = facts.load()
    subject = "http://cilogon.org/serverA/users/13600071"
    assert config.username("https://cilogon.org", subject) == subject
    assert config.username("https://idp.example.edu", "ann@example.edu") == "example:ann@example.edu"


def test_user_name_needs_an_entry_for_exactly_that_issuer(facts: Facts) -> None:
    subject = "http://cilogon.org/serverA/users/1"
    for issuer in ("https://cilogon.org/", "https://CILOGON.org", "http://cilogon.org", ""):
        assert facts.load().username(issuer, subject) is None


BAD_SUBJECTS = [
    "", " ", "system:masters", "system:serviceaccount:kube-system:x", "a\n", "a\nb", "a\0", " a", "a ", "é",
    "x" * 256, "a b", "a,b", "a'b", 'a"b', "{a}", "*",
]  # fmt: skip


@pytest.mark.parametrize("subject", BAD_SUBJECTS)
def test_subjects_that_are_none_get_no_name(facts: Facts, subject: str) -> None:
    facts.cluster["issuers"] = [{**EXAMPLE, "pattern": "example:[^#]*"}]
    assert facts.load().username("https://idp.example.edu", subject) is None


def test_the_longest_subject_gets_a_name(facts: Facts) -> None:
    facts.cluster["issuers"] = [EXAMPLE]
    assert facts.load().username("https://idp.example.edu", "x" * 255) == "example:" + "x" * 255


@pytest.mark.parametrize(
    "subject",
    ["http://cilogon.org/serverA/users/", "http://cilogonXorg/serverA/users/1", "13600071", "alice"],
)
def test_subjects_outside_the_pattern_get_no_name(facts: Facts, subject: str) -> None:
    assert facts.load().username("https://cilogon.org", subject) is None


# --- What is refused -----------------------------------------------------------------------------------------------


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"clusters\.yaml: .*cannot be read: No such file"):
        load(tmp_path / "clusters.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must hold a mapping"),
        ("[]", "must hold a mapping"),
        ("clusters: [", "line 1: is not valid YAML"),
        ("clusters: []", 'field "clusters": must be a list of at least one cluster'),
        ("clusters: nautilus", 'field "clusters": must be a list of at least one cluster'),
        ("clusters: [nautilus]", "item 1 must be a mapping"),
        ("clusters: []\nclusters: []", "line 2: 'clusters' is given twice"),
        ("cluster: []", 'field "cluster": is not known; did you mean "clusters"?'),
        ("clusters: [!!python/object/apply:os.getcwd []]", "is not valid YAML"),
    ],
)
def test_file_that_is_no_list_of_clusters_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "clusters.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load(path)
    assert str(path) in str(raised.value)
    assert words in str(raised.value)


def test_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clusters.yaml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(path)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", None, "must be given"),
        ("name", "Nautilus", "may hold only a to z"),
        ("name", "a/b", "may hold only a to z"),
        ("name", 7, "must be a text, not 7"),
        ("server", None, "must be given"),
        ("server", "http://127.0.0.1", "begins with https://"),
        ("server", "https://", "begins with https://"),
        ("server", "https://u:p@host", "without user name"),
        ("server", "https://host/?a=b", "without user name, query"),
        ("server", "https://[", "is not an address"),
        ("server", "https://host:port", "is not an address"),
        ("certificate_authority_file", None, "must be given"),
        ("certificate_authority_file", "nowhere.crt", "cannot be read"),
        ("certificate_authority", "-----BEGIN", "not both"),
        ("credentials", None, "must be given"),
        ("credentials", "worker.kubeconfig", "must be a mapping"),
        ("issuers", [], "at least one issuer"),
        ("issuer", [CILOGON], 'did you mean "issuers"?'),
        ("token", "secret", "is not known; there are"),
    ],
)
def test_error_names_cluster_and_field(facts: Facts, field: str, value: Any, words: str) -> None:
    facts.cluster[field] = value
    text = facts.refusal()
    assert f'field "{field}": ' in text
    assert words in text
    if isinstance(facts.cluster["name"], str):
        assert text.startswith(f'cluster "{facts.cluster["name"]}": ')


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("issuer", "http://cilogon.org", "begins with https://"),
        ("issuer", None, "must be given"),
        ("client_id", None, "must be given"),
        ("client_id", 12, "must be a text"),
        ("prefix", None, 'must be given, if only as ""'),
        ("prefix", "system:", "may not begin"),
        ("prefix", "a b", "may hold only"),
        ("prefix", "oidc:", "can match no name that begins with the prefix 'oidc:'"),
        ("pattern", None, "must be given where the prefix is empty"),
        ("pattern", "(?=a)", "RE2 has no"),
        ("pattern", "(a+)+", "repeated"),
        ("pattern", "system:serviceaccount:.*", "belong to the cluster itself"),
        ("certificate_authority_file", "nowhere.crt", "cannot be read"),
        ("username_claim", "email", "is not known"),
    ],
)
def test_error_names_issuer_and_field(facts: Facts, field: str, value: Any, words: str) -> None:
    facts.issuer[field] = value
    text = facts.refusal()
    assert text.startswith('cluster "nautilus": issuer ')
    assert words in text


def test_error_about_the_user_name_says_what_it_is(facts: Facts) -> None:
    facts.issuer["username_claim"] = "email"
    assert "never an e-mail address" in facts.refusal()


@pytest.mark.parametrize("account", ["worker", "observer", "reaper"])
def test_every_account_needs_a_credential(facts: Facts, account: str) -> None:
    del facts.cluster["credentials"][account]
    text = facts.refusal()
    assert text == f'cluster "nautilus": in "credentials": field "{account}": must be given'


def test_two_clusters_of_one_name_are_refused(facts: Facts) -> None:
    facts.path.write_text(yaml.safe_dump({"clusters": [facts.cluster, facts.cluster]}))
    with pytest.raises(ConfigError, match="another cluster has this name"):
        load(facts.path)


def test_private_key_in_place_of_a_certificate_is_refused_and_not_shown(
    facts: Facts, authority: Path
) -> None:
    key = (authority / "ca.key").read_text()
    del facts.cluster["certificate_authority_file"]
    facts.cluster["certificate_authority"] = key
    text = facts.refusal()
    assert "holds a private key" in text
    assert key.splitlines()[1] not in text


@pytest.mark.parametrize("pem", ["hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_text_that_is_no_certificate_is_refused(facts: Facts, pem: str) -> None:
    del facts.cluster["certificate_authority_file"]
    facts.cluster["certificate_authority"] = pem
    assert "holds no certificate in PEM form" in facts.refusal()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"prefix": "example:"}, {"prefix": "example:"}),
        ({"prefix": "example:"}, {"prefix": "example:staff:"}),
        ({"prefix": "", "pattern": ".*"}, {"prefix": "example:"}),
        ({"prefix": "", "pattern": "exam.*"}, {"prefix": "example:"}),
        ({"prefix": "", "pattern": "a|b"}, {"prefix": "example:"}),
        ({"prefix": "", "pattern": "[ab]x"}, {"prefix": "", "pattern": "[cd]x"}),
    ],
)
def test_issuers_that_could_name_the_same_user_are_refused(
    facts: Facts, one: dict[str, str], other: dict[str, str]
) -> None:
    facts.cluster["issuers"] = [
        {"issuer": "https://one.example", "client_id": "x", **one},
        {"issuer": "https://other.example", "client_id": "x", **other},
    ]
    text = facts.refusal()
    assert 'cluster "nautilus": field "issuers": ' in text
    assert "https://one.example and https://other.example could name the same user" in text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"prefix": "a:"}, {"prefix": "b:"}),
        ({"prefix": "", "pattern": "http://.*"}, {"prefix": "example:"}),
        ({"prefix": "u:", "pattern": "u:[0-9]+"}, {"prefix": "v:", "pattern": "v:.*"}),
        ({"prefix": "x:", "pattern": "x:staff-.*"}, {"prefix": "x:", "pattern": "x:guest-.*"}),
    ],
)
def test_issuers_whose_names_begin_differently_are_accepted(
    facts: Facts, one: dict[str, str], other: dict[str, str]
) -> None:
    facts.cluster["issuers"] = [
        {"issuer": "https://one.example", "client_id": "x", **one},
        {"issuer": "https://other.example", "client_id": "x", **other},
    ]
    assert len(facts.load().issuers) == 2


def test_one_issuer_twice_is_refused(facts: Facts) -> None:
    facts.cluster["issuers"] = [EXAMPLE, {**EXAMPLE, "prefix": "other:"}]
    assert "listed twice" in facts.refusal()
