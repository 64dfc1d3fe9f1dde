"""Every credential × every way of being switched off: what somebody held before is worth nothing at once.

A new kind of credential has its row here: `CREDENTIALS` says, for a member of avis-fire, whether it still works.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.test import Client

from accounts.actions import suspensions
from accounts.models import Identity, Session, User
from clusters.registry import configured_clusters
from namespaces import desired_state
from namespaces.access import Role
from namespaces.models import Membership, Namespace
from tests import factories
from tests.accounts.conftest import Browser, browser, idp, issuer
from tests.conftest import Cast
from tests.hostile_idp import HostileProvider

__all__ = ["browser", "idp", "issuer"]  # fixtures
REASON = "They did what nobody may do."


@dataclass
class Member:
    """An admin of avis-fire, logged in through their provider, with a page of theirs open."""

    person: User
    browser: Browser
    namespace: Namespace
    token: str

    @property
    def client(self) -> Client:
        return self.browser.client


@pytest.fixture
def member(browser: Browser, fire: Namespace) -> Member:
    browser.client.handler.enforce_csrf_checks = False
    browser.log_in()
    person = browser.person()
    assert person is not None
    User.objects.filter(pk=person.pk).update(level="user")
    factories.MembershipFactory.create(namespace=fire, person=person, role=Role.ADMIN)
    factories.IdentityFactory.create(person=person)  # the provider of these tests is none of the cluster's
    browser.client.handler.enforce_csrf_checks = True
    page = browser.client.get(f"{fire.get_absolute_url()}leave/").content.decode()
    token = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    return Member(User.objects.get(pk=person.pk), browser, fire, token)


def session_cookie(member: Member) -> bool:
    return member.client.get("/profile/").status_code == 200


def page_of_the_namespace(member: Member) -> bool:
    return member.client.get(f"{member.namespace.get_absolute_url()}members/").status_code == 200


def form_rendered_before(member: Member) -> bool:
    """Sent with the token that its page had."""
    vera = Membership.objects.get(person__name="Vera Lind")
    member.client.post(
        f"{member.namespace.get_absolute_url()}members/{vera.pk}/role/",
        {"role": "viewer" if vera.role == "editor" else "editor", "csrfmiddlewaretoken": member.token},
    )
    return Membership.objects.get(pk=vera.pk).role != vera.role


def config_download(member: Member) -> bool:
    return member.client.get("/config/download/").status_code == 200


def new_login(member: Member) -> bool:
    """Through the provider, which knows nothing of it, in a browser of its own."""
    other = Browser(Client(), member.browser.settings, member.browser.issuer)
    other.log_in()
    return other.person() is not None


def bindings(member: Member) -> bool:
    spec = desired_state.namespace_spec(member.namespace, configured_clusters()["nautilus"])
    identities = {
        str(pk) for pk in Identity.objects.filter(person=member.person).values_list("pk", flat=True)
    }
    return bool(identities & {binding.identity_id for binding in spec.bindings})


CREDENTIALS: dict[str, Callable[[Member], bool]] = {
    "session cookie": session_cookie,
    "page of the namespace": page_of_the_namespace,
    "form rendered before": form_rendered_before,
    "config download": config_download,
    "login callback": new_login,
    "role bindings": bindings,
}


def suspend(member: Member, cast: Cast) -> None:
    suspensions.suspend(person=member.person, reason=REASON, until=None, by=cast.olga)


def lift(member: Member, cast: Cast) -> None:
    suspensions.lift(person=member.person, by=cast.olga)


def make_inactive(member: Member, cast: Cast) -> None:
    User.objects.filter(pk=member.person.pk).update(is_active=False)


def make_active(member: Member, cast: Cast) -> None:
    User.objects.filter(pk=member.person.pk).update(is_active=True)


WAYS = {"suspended": (suspend, lift), "inactive": (make_inactive, make_active)}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("credential", CREDENTIALS)
def test_nothing_works(member: Member, cast: Cast, credential: str, way: str) -> None:
    works, (off, _on) = CREDENTIALS[credential], WAYS[way]
    assert works(member)
    off(member, cast)
    assert not works(member)


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_lifting_gives_back_the_rights_and_no_session(member: Member, cast: Cast, credential: str) -> None:
    suspend(member, cast)
    lift(member, cast)
    assert CREDENTIALS[credential](member) is (credential in {"login callback", "role bindings"})


def test_old_browser_works_again_after_a_new_login(member: Member, cast: Cast) -> None:
    suspend(member, cast)
    lift(member, cast)
    member.client.handler.enforce_csrf_checks = False
    member.browser.log_in()
    assert session_cookie(member)
    assert page_of_the_namespace(member)


def test_who_is_suspended_reads_so_at_the_login_and_not_why(
    member: Member, cast: Cast, idp: HostileProvider
) -> None:
    member.browser.settings.SUPPORT_URL = "https://help.example.edu/"
    suspend(member, cast)
    other = Browser(Client(), member.browser.settings, member.browser.issuer)
    answer = other.log_in()
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "Your account is suspended." in page
    assert 'href="https://help.example.edu/"' in page
    assert REASON not in page
    assert not Session.objects.filter(person=member.person).exists()
