"""What Berth takes from claims, and what it leaves."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.claims import CUT_MARK, NAME_MAX_LENGTH, ClaimError, Claims, clean_name, read
from accounts.issuers import REFUSE, Institution, Issuer

UCSC = "urn:mace:incommon:ucsc.edu"
TABLE = {UCSC: Institution("UC Santa Cruz", "https://ror.org/03s65by71")}
Said = dict[str, Any] | None
SUBJECT = "http://cilogon.org/serverA/users/12345"


def issuer(**fields: Any) -> Issuer:
    facts: dict[str, Any] = {
        "id": "cilogon",
        "name": "CILogon",
        "issuer": "https://cilogon.org",
        "client_id": "berth",
        "client_secret": "x",
        "institutions": TABLE,
    }
    return Issuer(**{**facts, **fields})


def claims(
    id_token: dict[str, Any] | None = None, userinfo: dict[str, Any] | None = None, **facts: Any
) -> Claims:
    return read({"sub": SUBJECT, **(id_token or {})}, {"sub": SUBJECT, **(userinfo or {})}, issuer(**facts))


def test_cilogon_shaped_claims_are_read() -> None:
    said = {
        "name": "Ana Kim",
        "given_name": "Ana",
        "family_name": "Kim",
        "email": "Ana.Kim@ucsc.edu",
        "idp": UCSC,
        "idp_name": "University of California, Santa Cruz",
        "eppn": "akim@ucsc.edu",
        "affiliation": "employee@ucsc.edu;member@ucsc.edu",
        "acr": ["https://refeds.org/profile/mfa"],
        "isMemberOf": [{"name": "admins"}],
    }
    assert claims(said) == Claims(
        issuer="https://cilogon.org",
        subject=SUBJECT,
        name="Ana Kim",
        email="Ana.Kim@ucsc.edu",
        email_verified=False,
        entity_id=UCSC,
        institution="UC Santa Cruz",
    )


def test_subject_and_issuer_alone_are_enough() -> None:
    assert claims() == Claims(issuer="https://cilogon.org", subject=SUBJECT)


def test_issuer_is_the_configured_one_whatever_the_token_says() -> None:
    assert claims({"iss": "https://evil.example"}).issuer == "https://cilogon.org"


def test_userinfo_fills_in_what_the_token_lacks_and_overrides_nothing() -> None:
    read_claims = claims({"name": "Ana"}, {"name": "Eve", "email": "ana@ucsc.edu", "sub": "other"})
    assert (read_claims.name, read_claims.email, read_claims.subject) == ("Ana", "ana@ucsc.edu", SUBJECT)


def test_verification_of_one_address_does_not_cover_another() -> None:
    read_claims = claims({"email": "ana@ucsc.edu"}, {"email": "olga@ucsc.edu", "email_verified": True})
    assert (read_claims.email, read_claims.email_verified) == ("ana@ucsc.edu", False)


@pytest.mark.parametrize("subject", [None, 5, True, ["x"], {"x": 1}, b"x", 1.5])
def test_subject_that_is_no_text_is_refused(subject: Any) -> None:
    with pytest.raises(ClaimError) as error:
        claims({"sub": subject})
    assert error.value.code == "subject"


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "system:masters",
        "system:",
        "x\n",
        " x",
        "../",
        "a/./b",
        "..",
        "*",
        "%2f",
        "x" * 256,
        "\u0430na",
        "x\x00",
    ],
    ids=ascii,
)
def test_subject_outside_the_rule_is_refused(subject: str) -> None:
    with pytest.raises(ClaimError) as error:
        claims({"sub": subject})
    assert error.value.code == "subject"


@given(st.text(max_size=300))
def test_any_subject_is_kept_as_it_is_or_refused(subject: str) -> None:
    try:
        kept = claims({"sub": subject}).subject
    except ClaimError:
        return
    assert kept == subject
    assert kept.isascii()
    assert kept.isprintable()
    assert " " not in kept
    assert 1 <= len(kept) <= 255
    assert not kept.startswith("system:")


@pytest.mark.parametrize("verified", [1, "true", "false", "True", [True], {}, None, 0, "yes"], ids=repr)
def test_only_json_true_verifies_an_address(verified: Any) -> None:
    assert claims({"email": "ana@ucsc.edu", "email_verified": verified}).email_verified is False


def test_json_true_verifies_an_address() -> None:
    assert claims({"email": "ana@ucsc.edu", "email_verified": True}).email_verified is True


@pytest.mark.parametrize(
    "email",
    [
        "a@x@good.edu",
        "ana",
        "@ucsc.edu",
        "ana@",
        "ana @ucsc.edu",
        " ana@ucsc.edu",
        "ana@ucsc.edu\n",
        "ana@ucsc.edu\r\nBcc: all@ucsc.edu",
        '"a b"@ucsc.edu',
        '"<script>"@ucsc.edu',
        "Ana <ana@ucsc.edu>",
        "ana@ucsc.edu,eve@evil.example",
        "änna@ucsc.edu",
        "ana@ücsc.edu",
        "a" * 250 + "@ucsc.edu",
        ["ana@ucsc.edu"],
        5,
        "",
    ],
    ids=ascii,
)
def test_what_is_no_single_address_is_left_out(email: Any) -> None:
    read_claims = claims({"email": email, "email_verified": True})
    assert (read_claims.email, read_claims.email_verified) == ("", False)


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("Ana Kim", "Ana Kim"),
        ("  Ana \t\n Kim\u2028 ", "Ana Kim"),
        ("Ana\u202eKim", "AnaKim"),
        ("A\u200bn\u200da\ufeff", "Ana"),
        ("Ana\x00\x1b[31m Kim", "Ana[31m Kim"),
        ("A\u0308nna", "Änna"),
        ("An\ud800a", "Ana"),
        ("\u2066Ana\u2069", "Ana"),
        ("Ana\U000e0041", "Ana"),
        (" \u3000\u00a0 ", ""),
        ("\u3164\u2800\u115f", ""),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),  # escaped where it is shown
        ("{{ 7*7 }}", "{{ 7*7 }}"),
        ("Ольга Reyes", "Ольга Reyes"),  # mixed scripts are shown to whoever decides
        (5, ""),
        (["Ana"], ""),
        (None, ""),
    ],
    ids=ascii,
)
def test_name_is_cleaned(name: Any, cleaned: str) -> None:
    assert clean_name(name) == cleaned


def test_long_name_is_cut_with_a_mark() -> None:
    name = clean_name("Ana " * 2500)
    assert len(name) <= NAME_MAX_LENGTH
    assert name.endswith(CUT_MARK)
    assert clean_name("x" * NAME_MAX_LENGTH) == "x" * NAME_MAX_LENGTH


@given(st.text(max_size=400))
def test_any_name_becomes_one_short_visible_line(name: str) -> None:
    cleaned = clean_name(name)
    assert len(cleaned) <= NAME_MAX_LENGTH
    assert cleaned == cleaned.strip()
    assert unicodedata.is_normalized("NFC", cleaned)
    assert all(unicodedata.category(character)[0] != "C" for character in cleaned)
    assert clean_name(cleaned) == cleaned


def test_name_is_put_together_from_its_parts() -> None:
    assert claims({"given_name": "Ana", "family_name": "Kim"}).name == "Ana Kim"
    assert claims({"name": " ", "given_name": "Ana"}).name == "Ana"
    assert claims({"family_name": "Kim"}).name == "Kim"


@pytest.mark.parametrize("email", ["x@ucsc.edu", "x@berkeley.edu"])
def test_mail_domain_is_no_institution(email: str) -> None:
    google = {"idp": "http://google.com/accounts/o8/id", "idp_name": "Google", "email": email}
    read_claims = claims(google)
    assert (read_claims.institution, read_claims.entity_id) == ("", "http://google.com/accounts/o8/id")


def test_any_institution_goes_by_the_name_that_the_provider_gives_it() -> None:
    google = {"idp": "http://google.com/accounts/o8/id", "idp_name": "Google\u202e"}
    assert claims(google, institutions=None).institution == "Google"
    assert claims({"idp": UCSC}, institutions=None).institution == UCSC
    assert claims({"idp_name": "Nowhere"}, institutions=None).institution == ""


@pytest.mark.parametrize(
    "idp",
    [None, "https://elsewhere.example", UCSC.upper(), f"{UCSC} ", f" {UCSC}", [UCSC], 5, "x" * 300],
    ids=ascii,
)
def test_entity_id_that_is_not_listed_is_refused_or_has_no_institution(idp: Any) -> None:
    assert claims({"idp": idp}).institution == ""
    with pytest.raises(ClaimError) as error:
        claims({"idp": idp}, unknown_institutions=REFUSE)
    assert error.value.code == "institution"


def test_listed_entity_id_is_welcome_where_others_are_refused() -> None:
    assert claims({"idp": UCSC}, unknown_institutions=REFUSE).institution == "UC Santa Cruz"


def test_issuer_of_one_institution_names_it_for_everybody() -> None:
    read_claims = claims({"idp": UCSC, "idp_name": "x"}, institutions={}, institution="Example University")
    assert (read_claims.institution, read_claims.entity_id) == ("Example University", "")
