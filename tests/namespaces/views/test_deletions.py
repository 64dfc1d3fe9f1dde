"""Deleting an account in the page: asking, withdrawing, carrying it out, and what operators see until it is done."""

from __future__ import annotations

import pytest

from accounts.actions import deletions
from accounts.models import Deletion, User
from namespaces import departures, reconciliation
from namespaces.access import Role
from namespaces.models import Membership, Namespace
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse, show

pytestmark = pytest.mark.django_db
OWN, SURE = "/profile/deletion/", {"sure": "on"}


def address(person: User, act: str = "") -> str:
    return f"/users/{person.pk}/{act}"


class TestAsk:
    def test_page_says_what_will_happen_and_asks(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        client = browse(cast.eda)
        assert f'href="{OWN}"' in client.get("/profile/").content.decode()
        page = client.get(OWN).content.decode()
        assert "avis-fire" in page
        assert "as editor" in page
        assert "last admin" not in page
        page = client.post(OWN, SURE, follow=True).content.decode()
        assert "Asked. An operator deletes your account" in page
        assert "that your account be deleted" in page
        assert Deletion.objects.get().person == cast.eda
        assert "It lies with the operators" in client.get(OWN).content.decode()
        assert client.post(OWN, SURE | {"again": "1"}).status_code == 409

    def test_needs_the_tick(self, browse: Browse, cast: Cast) -> None:
        answer = browse(cast.eda).post(OWN, {})
        assert answer.status_code == 400
        assert 'href="#id_sure"' in answer.content.decode()
        assert not Deletion.objects.exists()

    def test_needs_a_fresh_login(self, browse: Browse, cast: Cast) -> None:
        client = browse(cast.eda)
        show(client, cast.eda, minutes_ago=16)
        assert "Show again who you are" in client.get(OWN).content.decode()
        assert "Nothing was done yet." in client.post(OWN, SURE, follow=True).content.decode()
        assert not Deletion.objects.exists()

    def test_last_admin_and_last_operator_are_told(
        self, browse: Browse, cast: Cast, hidden: Namespace
    ) -> None:
        assert "You are the last admin of quiet-lab." in browse(cast.paula).get(OWN).content.decode()
        client = browse(cast.olga)
        assert "Ask for deletion" not in client.get(OWN).content.decode()
        answer = client.post(OWN, SURE)
        assert answer.status_code == 409
        assert "You are the last operator." in answer.content.decode()

    def test_withdraws(self, browse: Browse, cast: Cast) -> None:
        deletions.ask(by=cast.eda)
        client = browse(cast.eda)
        page = client.post(f"{OWN}withdraw/", follow=True).content.decode()
        assert "Withdrawn. Your account stays as it is." in page
        assert User.objects.get(pk=cast.eda.pk).deletion is None
        again = client.post(f"{OWN}withdraw/", {"again": "1"}, follow=True)
        assert "There is nothing to withdraw." in again.content.decode()


class TestDelete:
    def test_operators_find_it_and_see_what_goes(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        deletions.ask(by=cast.eda)
        client = browse(cast.olga)
        assert "Accounts to delete" in client.get("/users/").content.decode()
        assert "Accounts to delete" not in browse(cast.paula).get("/users/").content.decode()
        assert address(cast.eda, "delete/") in client.get(address(cast.eda)).content.decode()
        assert address(cast.eda, "delete/") not in browse(cast.paula).get(address(cast.eda)).content.decode()
        page = client.get(address(cast.eda, "delete/")).content.decode()
        for text in ("avis-fire", "as editor", "replaced by a pseudonym"):
            assert text in page

    def test_name_goes_when_the_cluster_has_refused(
        self, browse: Browse, cast: Cast, made: Namespace
    ) -> None:
        deletions.ask(by=cast.eda)
        client = browse(cast.olga)
        page = client.post(address(cast.eda, "delete/"), SURE, follow=True).content.decode()
        for text in ("being deleted", "Waiting for the cluster, in:", "avis-fire", "Eda Kaya"):
            assert text in page
        for text in ("Change the level", "Lift the suspension", "/suspend/", " · suspended"):
            assert text not in page
        assert "being deleted" in client.get("/users/?q=eda").content.decode()
        reconciliation.reconcile(made.pk)
        assert "The name goes within a minute." in client.get(address(cast.eda)).content.decode()
        departures.finish_due()
        page = client.get(address(cast.eda)).content.decode()
        assert f"Deleted person {str(cast.eda.pk)[:8]}" in page
        assert "Carried out by Olga Reyes" in page
        assert "Eda Kaya" not in page
        assert "Accounts to delete" not in client.get("/users/").content.decode()
        assert "Deleted person" not in client.get("/users/").content.decode()

    def test_last_admin_is_not_before_a_successor_is_chosen(
        self, browse: Browse, cast: Cast, hidden: Namespace
    ) -> None:
        deletions.ask(by=cast.paula)
        client, field = browse(cast.olga), f"successor_{hidden.pk.hex}"
        answer = client.post(address(cast.paula, "delete/"), SURE)
        page = answer.content.decode()
        assert answer.status_code == 409
        assert "is the last admin of quiet-lab" in page
        assert "Who takes over quiet-lab" in page
        assert "checked" in page
        assert User.objects.get(pk=cast.paula.pk).is_active
        answer = client.post(address(cast.paula, "delete/"), SURE | {field: str(cast.olga.pk)})
        assert answer.status_code == 302
        assert Membership.objects.current().get(namespace=hidden).role == Role.ADMIN

    def test_who_takes_over_is_there_again_after_showing_and_the_tick_is_not(
        self, browse: Browse, cast: Cast, hidden: Namespace
    ) -> None:
        deletions.ask(by=cast.paula)
        client, here = browse(cast.olga), address(cast.paula, "delete/")
        show(client, cast.olga, minutes_ago=16)
        client.post(here, SURE | {f"successor_{hidden.pk.hex}": str(cast.olga.pk)})
        show(client, cast.olga)
        page = " ".join(client.get(here).content.decode().split())
        assert f'value="{cast.olga.pk}" selected' in page
        assert "checked" not in page
        assert User.objects.get(pk=cast.paula.pk).is_active

    def test_needs_the_tick_and_a_fresh_login(self, browse: Browse, cast: Cast) -> None:
        deletions.ask(by=cast.eda)
        client = browse(cast.olga)
        assert client.post(address(cast.eda, "delete/"), {}).status_code == 400
        show(client, cast.olga, minutes_ago=16)
        again = client.post(address(cast.eda, "delete/"), SURE, follow=True)
        assert "Nothing was done yet." in again.content.decode()
        assert User.objects.get(pk=cast.eda.pk).is_active

    def test_not_who_does_not_ask_nor_oneself(self, browse: Browse, cast: Cast) -> None:
        client = browse(cast.olga)
        assert client.get(address(cast.eda, "delete/")).headers["Location"] == address(cast.eda)
        assert client.post(address(cast.eda, "delete/"), SURE).status_code == 409
        assert client.get(address(cast.olga, "delete/")).status_code == 403
        assert client.post(address(cast.olga, "delete/"), SURE).status_code == 403
