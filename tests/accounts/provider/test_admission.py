"""Whom a verified login belongs to: the identity decides, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialLogin, SocialToken

from accounts.actions import people
from accounts.claims import Claims
from accounts.issuers import REFUSE
from accounts.models import Identity, Level, Session, User, account_uid
from accounts.provider import admission
from audit.models import Event
from tests import factories
from tests.accounts.conftest import Browser, Refusals, issuer_for
from tests.hostile_idp import SUBJECT, HostileProvider

pytestmark = pytest.mark.database


def test_first_login_makes_a_guest(browser: Browser, idp: HostileProvider) -> None:
    answer = browser.log_in()
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    person = browser.person()
    assert person is not None
    assert (person.name, person.email, person.institution) == (
        "Ana Kim",
        "ana.kim@ou.example",
        "University of Oklahoma",
    )
    assert (person.level, person.is_superuser, person.is_active) == (Level.GUEST, False, True)
    assert not person.has_usable_password()
    identity = person.identities.get()
    assert (identity.issuer, identity.subject) == (idp.issuer, SUBJECT)
    assert identity.entity_id == "urn:mace:incommon:ou.edu"
    assert identity.email_verified is False
    account = SocialAccount.objects.get()
    assert (account.user, account.uid, account.extra_data) == (person, account_uid(idp.issuer, SUBJECT), {})
    assert not SocialToken.objects.exists()
    assert not EmailAddress.objects.exists()
    assert [event.act for event in Event.objects.all()] == ["person.registered", "person.logged_in"]


def test_second_login_is_the_same_person_with_what_the_provider_says_now(
    browser: Browser, idp: HostileProvider
) -> None:
    browser.log_in()
    first = browser.person()
    browser.client.logout()
    idp.claims |= {"name": "Ana Kim-Berg", "email": "new@ou.example"}
    browser.log_in()
    assert browser.person() == first is not None
    assert (User.objects.get().name, Identity.objects.get().email) == ("Ana Kim-Berg", "new@ou.example")
    assert SocialAccount.objects.get().extra_data == {}
    refreshed = Event.objects.get(act="identity.refreshed")
    assert refreshed.after == {"changed": ["name", "email"]}


def test_stored_identity_without_account_is_taken_over_at_its_first_login(
    browser: Browser, idp: HostileProvider
) -> None:
    stored = factories.PersonFactory.create(level=Level.ADMIN, is_superuser=True)
    factories.IdentityFactory.create(person=stored, issuer=idp.issuer, subject=SUBJECT)
    browser.log_in()
    assert browser.person() == stored
    assert SocialAccount.objects.get().user == stored
    assert User.objects.get().level == Level.ADMIN
    browser.client.logout()
    browser.log_in()
    assert browser.person() == stored
    assert SocialAccount.objects.count() == 1


def test_retired_identity_is_refused(refused: Refusals) -> None:
    refused.browser.log_in()
    refused.browser.client.logout()
    Identity.objects.update(state=Identity.State.RETIRED)
    page = refused.check("identity_retired", status=403).content.decode()
    assert "This identity was retired" in page
    assert Event.objects.latest("id").object_id == str(Identity.objects.get().pk)


@pytest.mark.parametrize("first_login", [True, False], ids=["with account", "without account"])
def test_inactive_person_is_refused(refused: Refusals, idp: HostileProvider, first_login: bool) -> None:
    if first_login:
        refused.browser.log_in()
        refused.browser.client.logout()
    else:
        factories.IdentityFactory.create(issuer=idp.issuer, subject=SUBJECT)
    User.objects.update(is_active=False)
    page = refused.check("person_inactive", status=403).content.decode()
    assert "your account is not active" in page


def test_person_made_inactive_while_the_login_runs_gets_no_session(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.log_in()
    browser.client.logout()
    welcome = people.welcome_back

    def suspended_meanwhile(**given: Any) -> None:
        welcome(**given)
        User.objects.update(is_active=False)
        given["identity"].person.is_active = False

    monkeypatch.setattr(people, "welcome_back", suspended_meanwhile)
    answer = browser.client.get(browser.visit_provider(browser.begin()), follow=True)
    assert (answer.status_code, answer.redirect_chain) == (403, [("/accounts/inactive/", 302)])
    assert browser.person() is None


def test_session_of_an_inactive_person_is_anonymous_at_once(browser: Browser) -> None:
    browser.log_in()
    User.objects.update(is_active=False)
    assert browser.client.get("/accounts/logout/").status_code == 302  # nobody to log out


@pytest.mark.parametrize(
    "second", [{"sub": SUBJECT}, {"sub": "http://cilogon.org/serverT/users/77"}], ids=["sub", "mail"]
)
def test_two_issuers_with_equal_subject_or_mail_make_two_people(
    browser: Browser, second: dict[str, str]
) -> None:
    browser.log_in()
    first = browser.person()
    browser.client.logout()
    with HostileProvider() as other:
        other.claims |= second
        browser.issuer = issuer_for(other, id="other")
        browser.settings.ISSUERS = (*browser.settings.ISSUERS, browser.issuer)
        browser.log_in()
    assert browser.person() != first
    assert browser.person() is not None
    assert User.objects.count() == 2


@pytest.mark.parametrize("verified", [True, False, None])
def test_mail_of_an_operator_gives_nothing(
    browser: Browser, idp: HostileProvider, verified: bool | None
) -> None:
    olga = factories.person("Olga Reyes", is_superuser=True, level=Level.ADMIN, email="olga@ucsc.example")
    idp.claims |= {"email": olga.email, "email_verified": verified}
    browser.log_in()
    person = browser.person()
    assert person is not None
    assert person != olga
    assert (person.level, person.is_superuser) == (Level.GUEST, False)
    olga.refresh_from_db()
    assert olga.identities.count() == 1


def test_new_mail_changes_no_right_and_finds_no_account(browser: Browser, idp: HostileProvider) -> None:
    browser.log_in()
    User.objects.update(level=Level.USER)
    other = factories.person("Paula", level=Level.ADMIN, email="paula@ucsc.example")
    browser.client.logout()
    idp.claims |= {"email": other.email, "email_verified": True}
    browser.log_in()
    person = browser.person()
    assert person is not None
    assert person != other
    assert person.level == Level.USER


def test_claims_that_sound_like_rights_are_ignored(browser: Browser, idp: HostileProvider) -> None:
    idp.claims |= {
        "is_staff": True, "is_superuser": True, "groups": ["admin", "system:masters"], "level": "admin",
        "role": "operator", "isMemberOf": [{"name": "admins"}], "is_active": False, "id": "1",
    }  # fmt: skip
    browser.log_in()
    person = browser.person()
    assert person is not None
    assert (person.level, person.is_superuser, person.is_active) == (Level.GUEST, False, True)
    assert "admin" not in repr(list(SocialAccount.objects.values()) + list(Identity.objects.values()))


def test_google_login_with_a_campus_address_is_not_of_the_campus(
    browser: Browser, idp: HostileProvider
) -> None:
    idp.claims |= {"idp": "http://google.com/accounts/o8/id", "idp_name": "Google", "email": "x@ou.edu"}
    browser.log_in()
    person = browser.person()
    assert person is not None
    assert person.institution == ""
    assert person.level == Level.GUEST


def test_institution_that_is_not_listed_is_refused_where_the_file_says_so(
    refused: Refusals, idp: HostileProvider
) -> None:
    refused.browser.settings.ISSUERS = (issuer_for(idp, unknown_institutions=REFUSE),)
    idp.claims |= {"idp": "https://elsewhere.example/idp", "email": "x@ou.edu"}
    page = refused.check("institution").content.decode()
    assert "Your institution is not among those" in page


@pytest.mark.parametrize(
    "subject",
    [
        "", " ", " x", "x ", "x\n", "x\t", "x\x00", "a b", "x" * 256, "x" * 5000, "system:masters", "system:",
        "system:serviceaccount:kube-system:default", "*", "%2f", "../", "a/../b", "{a: b}", "- a", "ü",
        "\u202ex", "a,b", "a;b", "a|b", "<b>", "'", '"', "\ud800",
    ],
    ids=ascii,
)  # fmt: skip
def test_subject_that_is_no_name_for_a_person_is_refused(
    refused: Refusals, idp: HostileProvider, subject: str
) -> None:
    idp.claims["sub"] = subject
    refused.check("subject")


@pytest.mark.parametrize("subject", ["x" * 255, "System:masters", "1", "a@b.c", "auth0:5~x=y+z-_/.."[:-3]])
def test_subject_within_the_rule_is_kept_byte_by_byte(
    browser: Browser, idp: HostileProvider, subject: str
) -> None:
    idp.claims["sub"] = subject
    browser.log_in()
    assert browser.person() is not None
    assert Identity.objects.get().subject == subject


def test_subject_that_looks_like_an_internal_id_finds_nobody(browser: Browser, idp: HostileProvider) -> None:
    olga = factories.person("Olga Reyes", is_superuser=True)
    idp.claims["sub"] = str(olga.pk)
    browser.log_in()
    assert browser.person() is not None
    assert browser.person() != olga


def test_subjects_that_differ_in_case_are_two_people(browser: Browser, idp: HostileProvider) -> None:
    for subject in ("Ana", "ana"):
        idp.claims["sub"] = subject
        browser.log_in()
    assert User.objects.count() == 2


def test_account_of_allauth_without_identity_is_refused(refused: Refusals, idp: HostileProvider) -> None:
    somebody = factories.PersonFactory.create()
    uid = account_uid(idp.issuer, SUBJECT)
    SocialAccount.objects.create(provider="campus", uid=uid, user=somebody)
    refused.check("account_without_identity")


def test_account_that_points_to_another_person_is_refused(refused: Refusals, idp: HostileProvider) -> None:
    factories.IdentityFactory.create(issuer=idp.issuer, subject=SUBJECT)
    uid = account_uid(idp.issuer, SUBJECT)
    SocialAccount.objects.create(provider="campus", uid=uid, user=factories.PersonFactory.create())
    refused.check("account_without_identity")


def test_deleted_person_who_returns_starts_as_guest(browser: Browser) -> None:
    browser.log_in()
    former = browser.person()
    assert former is not None
    User.objects.update(level=Level.ADMIN)
    browser.client.logout()
    SocialAccount.objects.all().delete()
    Identity.objects.all().delete()
    browser.log_in()
    person = browser.person()
    assert person is not None
    assert person != former
    assert person.level == Level.GUEST


def test_first_login_is_stored_whole_or_not_at_all(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the last of the four rows cannot be written")

    monkeypatch.setattr(admission, "_attach", fail)
    callback = browser.visit_provider(browser.begin())
    with pytest.raises(RuntimeError):
        browser.client.get(callback)
    assert not User.objects.exists()
    assert not Identity.objects.exists()
    assert not Event.objects.exists()
    assert browser.person() is None


def test_second_of_two_first_logins_at_once_finds_the_first(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    register = admission.register

    def overtaken(login: SocialLogin, claims: Claims) -> None:
        people.register(person=User(), claims=claims)
        register(login, claims)

    monkeypatch.setattr(admission, "register", overtaken)
    browser.log_in()
    assert browser.person() == User.objects.get()
    assert SocialAccount.objects.get().user == browser.person()


def test_session_key_changes_at_login_and_a_planted_one_has_no_effect(browser: Browser) -> None:
    browser.begin()
    planted = browser.client.session.session_key
    browser.log_in()
    assert browser.client.session.session_key != planted
    assert not Session.objects.filter(session_key=planted).exists()
