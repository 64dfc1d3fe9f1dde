"""The file of issuers: read whole, or refused with file, issuer and field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import LazySettings

from accounts import issuers
from accounts.issuers import Institution, IssuersError, load, load_or_explain
from tests.hostile_idp import write_certificate

GOOD: dict[str, Any] = {
    "id": "cilogon",
    "name": "CILogon",
    "issuer": "https://cilogon.org",
    "client_id": "cilogon:/client_id/1",
    "client_secret": "s3cret-value",
    "institutions": "any",
}


def write(folder: Path, *rows: Any, **top: Any) -> Path:
    path = folder / "issuers.yaml"
    path.write_text(yaml.safe_dump({"issuers": list(rows), **top}), encoding="utf-8")
    return path


def changed(**fields: Any) -> dict[str, Any]:
    row = {**GOOD, **fields}
    return {name: value for name, value in row.items() if value is not ...}


def test_every_field_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-a-file\n")
    write_certificate(tmp_path / "ca.crt")
    row = changed(
        client_secret=...,
        client_secret_file="secret",
        issuer="https://localhost:18443",
        scopes=["openid", "org.cilogon.userinfo"],
        form_action_origins=["http://localhost:18080"],
        certificate_authority_file="ca.crt",
        institutions=[{"entity_id": "urn:x", "name": "X", "ror": "https://ror.org/03s65by71"}],
        unknown_institutions="refuse",
        auth_params={"idphint": "urn:x"},
    )
    (found,) = load(write(tmp_path, row))
    assert found == issuers.Issuer(
        id="cilogon",
        name="CILogon",
        issuer="https://localhost:18443",
        client_id="cilogon:/client_id/1",
        client_secret="from-a-file",
        scopes=("openid", "org.cilogon.userinfo"),
        form_action_origins=("http://localhost:18080",),
        certificate_authority_file=tmp_path / "ca.crt",
        institutions={"urn:x": Institution("X", "https://ror.org/03s65by71")},
        unknown_institutions="refuse",
        auth_params={"idphint": "urn:x"},
    )


def test_defaults(tmp_path: Path) -> None:
    (found,) = load(write(tmp_path, GOOD))
    assert found.scopes == ("openid", "email", "profile")
    assert found.form_action_origins == ("https://cilogon.org",)
    assert found.certificate_authority_file is None
    assert found.institutions is None
    assert found.unknown_institutions == "guest"


def test_issuer_with_one_institution(tmp_path: Path) -> None:
    (found,) = load(write(tmp_path, changed(institutions=..., institution="Example University")))
    assert (found.institution, found.institutions) == ("Example University", {})


@pytest.mark.parametrize(
    "address", ["http://localhost:1", "http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]:1"]
)
def test_plain_http_is_for_this_machine(tmp_path: Path, address: str) -> None:
    (found,) = load(write(tmp_path, changed(issuer=address)))
    assert found.issuer == address


def test_secret_is_in_no_text(tmp_path: Path) -> None:
    (found,) = load(write(tmp_path, GOOD))
    assert "s3cret-value" not in repr(found)
    with pytest.raises(IssuersError) as error:
        load(write(tmp_path, changed(scopes=5)))
    assert "s3cret-value" not in str(error.value)


def one(**institution: Any) -> list[dict[str, Any]]:
    return [{"entity_id": "urn:x", "name": "X", **institution}]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"id": ...}, "id"),
        ({"id": 5}, "id"),
        ({"id": "CILogon"}, "id"),
        ({"id": "openid_connect"}, "id"),
        ({"id": "a/b"}, "id"),
        ({"id": "x\n"}, "id"),
        ({"id": "x" * 51}, "id"),
        ({"name": ...}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 41}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"issuer": ...}, "issuer"),
        ({"issuer": "http://cilogon.org"}, "issuer"),
        ({"issuer": "cilogon.org"}, "issuer"),
        ({"issuer": "https://"}, "issuer"),
        ({"issuer": "https://u:p@cilogon.org"}, "issuer"),
        ({"issuer": "https://cilogon.org?a=b"}, "issuer"),
        ({"issuer": "https://cilogon.org#x"}, "issuer"),
        ({"issuer": "https://cilogon.org:99999"}, "issuer"),
        ({"issuer": "http://127.0.0.1.evil.example"}, "issuer"),
        ({"issuer": "http://localhost.evil.example"}, "issuer"),
        ({"issuer": "file:///etc/passwd"}, "issuer"),
        ({"issuer": f"https://{'x' * 250}.org"}, "issuer"),
        ({"client_id": ...}, "client_id"),
        ({"client_id": ""}, "client_id"),
        ({"client_secret": ...}, "client_secret"),
        ({"client_secret": ""}, "client_secret"),
        ({"client_secret_file": "also"}, "client_secret"),
        ({"client_secret": ..., "client_secret_file": "missing"}, "client_secret_file"),
        ({"client_secret": ..., "client_secret_file": "empty"}, "client_secret_file"),
        ({"client_secret": ..., "client_secret_file": "."}, "client_secret_file"),
        ({"scopes": ["email"]}, "scopes"),
        ({"scopes": []}, "scopes"),
        ({"scopes": "openid email"}, "scopes"),
        ({"scopes": ["openid", "a b"]}, "scopes"),
        ({"form_action_origins": ["https://x.edu/path"]}, "form_action_origins"),
        ({"form_action_origins": ["http://x.edu"]}, "form_action_origins"),
        ({"form_action_origins": ["*"]}, "form_action_origins"),
        ({"form_action_origins": ["https://x.edu; script-src *"]}, "form_action_origins"),
        ({"certificate_authority_file": "missing"}, "certificate_authority_file"),
        ({"certificate_authority_file": "empty"}, "certificate_authority_file"),
        ({"institutions": ...}, "institutions"),
        ({"institutions": []}, "institutions"),
        ({"institutions": "all"}, "institutions"),
        ({"institutions": {"urn:x": "X"}}, "institutions"),
        ({"institution": "X"}, "institutions"),
        ({"institutions": ["urn:x"]}, "institutions[1]"),
        ({"institutions": one(name=None)}, "institutions[1].name"),
        ({"institutions": one(entity_id="")}, "institutions[1].entity_id"),
        ({"institutions": one() + one()}, "institutions[2].entity_id"),
        ({"institutions": one(ror="03s65by71")}, "institutions[1].ror"),
        ({"institutions": one(homepage="x")}, "institutions[1].homepage"),
        ({"unknown_institutions": "refuse"}, "unknown_institutions"),
        ({"institutions": one(), "unknown_institutions": "maybe"}, "unknown_institutions"),
        ({"auth_params": ["idphint"]}, "auth_params"),
        ({"auth_params": {"redirect_uri": "https://x"}}, "auth_params.redirect_uri"),
        ({"auth_params": {"nonce": "x"}}, "auth_params.nonce"),
        ({"auth_params": {"skin": 5}}, "auth_params.skin"),
        ({"clientid": "typo"}, "clientid"),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_wrong_field_is_named(tmp_path: Path, fields: dict[str, Any], field: str) -> None:
    (tmp_path / "empty").write_text("")
    path = write(tmp_path, changed(**fields))
    with pytest.raises(IssuersError) as error:
        load(path)
    called = fields.get("id", "cilogon")
    place = f'issuer "{called}"' if isinstance(called, str) else "issuer number 1"
    assert str(error.value).startswith(f'{path}: {place}: field "{field}": ')


@pytest.mark.parametrize("field", ["id", "issuer"])
def test_nothing_is_given_to_two_issuers(tmp_path: Path, field: str) -> None:
    second = changed(id="other", issuer="https://other.example")
    second[field] = GOOD[field]
    with pytest.raises(IssuersError, match=f'field "{field}": is given to two issuers'):
        load(write(tmp_path, GOOD, second))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", 'must hold a mapping with the field "issuers"'),
        ("[]", 'must hold a mapping with the field "issuers"'),
        ("issuers: []", 'field "issuers": must be a list of at least one issuer'),
        ("issuers: {}", 'field "issuers": must be a list of at least one issuer'),
        ("issuer: []", 'field "issuer": is not known'),
        ("issuers: [5]", "issuer number 1: must be a mapping"),
        ("issuers: [", "line 1"),
        ("a: 1\na: 2", "line 2: 'a' is given twice"),
        ("issuers: !!python/object/apply:os.system [id]", "line 1"),
        ("issuers: \x00", "is not YAML"),
        ("#" * (1 << 20) + "#", "is larger than"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_file_that_is_no_list_of_issuers_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "issuers.yaml"
    path.write_text(text)
    with pytest.raises(IssuersError) as error:
        load(path)
    assert str(error.value).startswith(f"{path}: ")
    assert problem in str(error.value)


def test_missing_file_and_other_bytes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(IssuersError, match="cannot be read: No such file"):
        load(tmp_path / "missing.yaml")
    (tmp_path / "latin.yaml").write_bytes("name: Z\xfcrich".encode("latin-1"))
    with pytest.raises(IssuersError, match="is not UTF-8 text"):
        load(tmp_path / "latin.yaml")


def test_settings_get_the_error_as_text(tmp_path: Path) -> None:
    assert load_or_explain("") == ((), "")
    found, problem = load_or_explain(str(tmp_path / "missing.yaml"))
    assert found == ()
    assert problem.startswith(f"{tmp_path}/missing.yaml: cannot be read")
    found, problem = load_or_explain(str(write(tmp_path, GOOD)))
    assert [issuer.id for issuer in found] == ["cilogon"]
    assert problem == ""


def test_issuer_is_found_by_its_id_exactly(settings: LazySettings, tmp_path: Path) -> None:
    settings.ISSUERS = load(write(tmp_path, GOOD))
    assert issuers.by_id("cilogon").name == "CILogon"
    for name in ("CILogon", "", "cilogon ", "openid_connect"):
        with pytest.raises(issuers.UnknownIssuer):
            issuers.by_id(name)
