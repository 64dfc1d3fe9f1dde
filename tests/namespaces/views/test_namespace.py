"""The page of one namespace: what each reader sees, how the state line asks, asking to join."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from clusters.models import Cluster
from namespaces import directory, search
from namespaces.access import Role
from namespaces.actions import namespaces as acts
from namespaces.models import PARTS, Grant, Membership, Namespace, Publication, Request, Software
from tests import factories
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse

pytestmark = pytest.mark.django_db

FIRE = "/namespaces/nautilus/avis-fire/"
REASON = "I work with the group on smoke plumes."


@pytest.mark.parametrize("who", ["", "ana", "otto", "eda", "nils", "olga"])
def test_public_part_is_for_everybody(browse: Browse, cast: Cast, fire: Namespace, who: str) -> None:
    Software.objects.create(namespace=fire, name="Tensorflow")
    Publication.objects.create(namespace=fire, title="Smoke plumes", link="https://doi.org/10.1/x", year=2022)
    User.objects.update(named_to="public")
    page = browse(getattr(cast, who) if who else None).get(FIRE).content.decode()
    for text in ("What we do here.", "Alex Pang", "UC Santa Cruz", "Tensorflow", "Smoke plumes", "Nils Berg"):
        assert text in page
    assert 'rel="noopener nofollow"' in page


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        ("", False),
        ("ana", False),
        ("otto", False),
        ("vera", True),
        ("eda", True),
        ("nils", True),
        ("olga", True),
    ],
)
def test_members_are_seen_by_members_and_operators(
    browse: Browse, cast: Cast, fire: Namespace, who: str, sees: bool
) -> None:
    page = browse(getattr(cast, who) if who else None).get(FIRE).content.decode()
    assert ("Vera Lind</th>" in page or "Vera Lind <span" in page) == sees


@pytest.mark.parametrize("who", ["", "ana", "otto", "nils"])
@pytest.mark.parametrize("part", ["", "join/", "members/", "settings/", "requests/", "leave/"])
def test_hidden_namespace_answers_like_one_that_does_not_exist(
    browse: Browse, cast: Cast, hidden: Namespace, who: str, part: str
) -> None:
    client = browse(getattr(cast, who) if who else None)
    there = client.get(f"/namespaces/nautilus/quiet-lab/{part}")
    absent = client.get(f"/namespaces/nautilus/loud-lab/{part}")
    varying = re.compile(rb'name="csrfmiddlewaretoken" value="\w+"|[0-9a-f-]{36}|quiet-lab|loud-lab')
    assert there.status_code == absent.status_code == (302 if part and not who else 404)
    assert varying.sub(b"", there.content) == varying.sub(b"", absent.content)


def test_member_of_a_hidden_namespace_opens_it(browse: Browse, cast: Cast, hidden: Namespace) -> None:
    assert browse(cast.paula).get("/namespaces/nautilus/quiet-lab/").status_code == 200


def test_unknown_parameter_is_refused_by_its_name(browse: Browse, fire: Namespace) -> None:
    answer = browse(None).get(f"{FIRE}?tab=about")
    assert answer.status_code == 400
    assert "“tab”" in answer.content.decode()


def test_missing_parts_of_the_page_are_told_to_its_admins_only(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    Namespace.objects.filter(pk=fire.pk).update(description="", pi_name="")
    told = "This page does not say yet: a description, a PI."
    assert told in browse(cast.nils).get(FIRE).content.decode()
    assert told not in browse(cast.eda).get(FIRE).content.decode()


def test_stored_address_that_is_no_web_link_is_shown_as_text(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    Publication.objects.create(namespace=fire, title="Trap", link="javascript:alert(1)")
    page = browse(None).get(FIRE).content.decode()
    assert "Trap" in page
    assert "javascript:" not in page


def test_member_without_a_name_is_not_called_by_their_address(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    person = factories.PersonFactory.create(name="")
    factories.MembershipFactory.create(namespace=fire, person=person, role=Role.ADMIN)
    for address in (FIRE, f"{FIRE}join/"):
        assert person.email not in browse(cast.eda).get(address).content.decode()


class TestNextStep:
    def test_anonymous_reader_logs_in_and_comes_back_to_the_form(
        self, browse: Browse, fire: Namespace
    ) -> None:
        page = browse(None).get(FIRE).content.decode()
        assert "/accounts/login/?next=%2Fnamespaces%2Fnautilus%2Favis-fire%2Fjoin%2F" in page

    def test_outsider_asks_to_join(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        assert f'href="{FIRE}join/"' in browse(cast.otto).get(FIRE).content.decode()

    def test_who_has_asked_sees_where_it_lies(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        asked = factories.RequestFactory.create(namespace=fire, person=cast.otto)
        page = browse(cast.otto).get(FIRE).content.decode()
        assert f'href="/requests/{asked.pk}/"' in page
        assert f'href="{FIRE}join/"' not in page

    def test_admin_decides(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        factories.RequestFactory.create_batch(2, namespace=fire)
        assert "Decide 2 requests" in browse(cast.nils).get(FIRE).content.decode()
        assert "Decide 2 requests" not in browse(cast.eda).get(FIRE).content.decode()


class TestStateLine:
    @pytest.fixture(autouse=True)
    def _reachable(self, cluster: Cluster) -> None:
        cluster.status.state = "reachable"
        cluster.status.save()

    def grant(self, fire: Namespace, cast: Cast, state: str, **values: object) -> None:
        membership = Membership.objects.get(namespace=fire, person=cast.eda)
        identity = cast.eda.identities.get()
        defaults = {
            "membership": membership,
            "username": identity.subject,
            "binding_name": "b",
            "state": state,
            "proved_at": membership.changed_at,
        }
        Grant.objects.update_or_create(
            namespace=fire, identity=identity, role=Role.EDITOR, defaults=defaults | values
        )

    def test_says_active_with_the_moment_of_the_proof_and_does_not_ask_again(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        self.grant(fire, cast, "active")
        page = browse(cast.eda).get(FIRE).content.decode()
        assert "You can use this namespace as editor" in page
        assert "checked <time" in page
        assert "every 3s" not in page

    def test_says_nothing_of_use_before_the_proof_and_asks_again(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        page = browse(cast.eda).get(FIRE).content.decode()
        assert "Waiting for the cluster" in page
        assert "You can use this namespace" not in page
        assert 'hx-trigger="every 3s"' in page

    def test_says_how_many_wait_before(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        factories.NamespaceFactory.create_batch(2, cluster=fire.cluster, changed_at="2020-01-01T00:00Z")
        assert "2 others before you" in browse(cast.eda).get(FIRE).content.decode()

    def test_polled_part_is_the_line_alone_and_stops_when_final(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        client = browse(cast.eda)
        part = client.get(FIRE, headers={"HX-Request": "true"})
        assert b"<html" not in part.content
        asked_again = re.search(r'hx-get="([^"]+)"', part.content.decode())
        assert asked_again
        same = client.get(asked_again[1], headers={"HX-Request": "true"})
        assert same.status_code == 204
        self.grant(fire, cast, "active")
        final = client.get(asked_again[1], headers={"HX-Request": "true"})
        assert final.status_code == 200
        assert b"You can use this namespace as editor" in final.content
        assert b"hx-get" not in final.content

    def test_tells_why_it_does_not_work(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        self.grant(fire, cast, "failing", error_message="the cluster refuses us (403)")
        page = browse(cast.eda).get(FIRE).content.decode()
        assert "Not working" in page
        assert "the cluster refuses us (403)" in page

    def test_guest_is_told_that_membership_has_no_effect(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        factories.MembershipFactory.create(namespace=fire, person=cast.ana)
        assert "without effect until somebody vouches" in browse(cast.ana).get(FIRE).content.decode()

    def test_former_member_reads_what_was_proved(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        self.grant(fire, cast, "revoked")
        Membership.objects.filter(namespace=fire, person=cast.eda).update(ended_at=fire.created_at)
        page = browse(cast.eda).get(FIRE).content.decode()
        assert "You are no longer a member" in page
        assert "revoked, proved <time" in page

    def test_residual_access_is_never_called_revoked(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        self.grant(fire, cast, "revoking", error_message="RoleBinding friends still allows it.")
        Membership.objects.filter(namespace=fire, person=cast.eda).update(ended_at=fire.created_at)
        page = browse(cast.nils).get(f"{FIRE}members/").content.decode()
        assert "Removed; still has access" in page
        assert "RoleBinding friends still allows it." in page
        assert ">revoked<" not in page

    def test_anonymous_reader_who_still_asks_is_told_to_stop(self, browse: Browse, fire: Namespace) -> None:
        answer = browse(None).get(f"{FIRE}?seen=x", headers={"HX-Request": "true"})
        assert answer.status_code == 286


def test_number_of_queries_does_not_grow_with_the_members(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    client = browse(cast.nils)
    client.get(FIRE)
    with CaptureQueriesContext(connection) as few:
        client.get(FIRE)
    factories.MembershipFactory.create_batch(20, namespace=fire)
    with CaptureQueriesContext(connection) as many:
        client.get(FIRE)
    assert len(many) == len(few)


class TestJoin:
    def test_form_names_who_decides(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        assert "Nils Berg and Paula Ilić" in browse(cast.otto).get(f"{FIRE}join/").content.decode()

    @pytest.mark.parametrize("role", list(Role))
    @pytest.mark.parametrize("who", ["ana", "otto"])
    def test_request_is_made_and_shown(
        self, browse: Browse, cast: Cast, fire: Namespace, who: str, role: Role
    ) -> None:
        answer = browse(getattr(cast, who)).post(f"{FIRE}join/", {"role": role, "reason": REASON})
        made = Request.objects.get()
        assert (made.person, made.role, made.reason) == (getattr(cast, who), role, REASON)
        assert answer.headers["Location"] == f"/requests/{made.pk}/"

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("reason", ""), ("reason", "x" * 19), ("reason", " " * 30), ("reason", "x" * 2001),
            ("reason", "A reason with a NUL \0 inside."), ("reason", "A reason with \x1b[31m in it."),
            ("reason", "A reason with \u202eturned text in it."), ("role", ""), ("role", "owner"),
        ],
    )  # fmt: skip
    def test_bad_input_is_named_and_nothing_typed_is_lost(
        self, browse: Browse, cast: Cast, fire: Namespace, field: str, value: str
    ) -> None:
        typed = {"role": "viewer", "reason": REASON, field: value}
        answer = browse(cast.otto).post(f"{FIRE}join/", typed)
        page = answer.content.decode()
        assert answer.status_code == 400
        assert f'href="#id_{field}"' in page
        assert f'id="id_{field}_error"' in page
        assert "<title>\n  Error:" in page or "Error:" in page.split("</title>")[0]
        assert not Request.objects.exists()
        if field == "role":
            assert REASON in page
        else:
            assert re.search(r'value="viewer"\s+id="id_role_0"\s+checked', page)

    @pytest.mark.parametrize("reason", ["x" * 20, "x" * 2000, "Line one of it\r\nline two\tof it"])
    def test_limits_belong_to_what_is_allowed(
        self, browse: Browse, cast: Cast, fire: Namespace, reason: str
    ) -> None:
        assert browse(cast.otto).post(f"{FIRE}join/", {"role": "viewer", "reason": reason}).status_code == 302

    def test_member_is_told_that_they_are_one(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        answer = browse(cast.eda).post(f"{FIRE}join/", {"role": "admin", "reason": REASON})
        assert answer.status_code == 409
        assert "You are a member of avis-fire already." in answer.content.decode()
        assert REASON in answer.content.decode()

    def test_asking_twice_is_told(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        factories.RequestFactory.create(namespace=fire, person=cast.otto)
        answer = browse(cast.otto).post(f"{FIRE}join/", {"role": "viewer", "reason": REASON})
        assert answer.status_code == 409
        assert Request.objects.count() == 1

    def test_asking_too_often_says_when_to_come_back(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        factories.RequestFactory.create_batch(10, person=cast.otto)
        answer = browse(cast.otto).post(f"{FIRE}join/", {"role": "viewer", "reason": REASON})
        assert answer.status_code == 429
        assert answer.headers["Retry-After"].isdigit()
        assert REASON in answer.content.decode()


@pytest.mark.parametrize(
    ("written_for", "readers"),
    [
        ("public", ["", "ana", "otto", "vera", "olga"]),
        ("signed_in", ["ana", "otto", "vera", "olga"]),
        ("members", ["vera", "olga"]),
    ],
)
def test_part_is_read_by_whom_it_was_written_for(
    browse: Browse, cast: Cast, fire: Namespace, written_for: str, readers: list[str]
) -> None:
    Publication.objects.create(namespace=fire, title="Smoke plumes")
    Software.objects.create(namespace=fire, name="Tensorflow")
    Namespace.objects.filter(pk=fire.pk).update(
        title="Fires",
        field="Ecology",
        institution="Some Place",
        **{f"{part}_to": written_for for part in PARTS},
    )
    parts = (
        "Fires", "What we do here.", "Alex Pang", "Some Place", "Ecology", "Tensorflow", "Smoke plumes", "Members from",
    )  # fmt: skip
    for who in ("", "ana", "otto", "vera", "olga"):
        page = browse(getattr(cast, who) if who else None).get(FIRE).content.decode()
        assert [part in page for part in parts] == [who in readers] * len(parts)


def test_nobody_reads_what_was_said_before_a_change(browse: Browse, cast: Cast, fire: Namespace) -> None:
    readers = [browse(who) for who in (None, cast.otto, cast.eda, cast.olga)]
    for description in ("The first words.", "The second words."):
        page = acts.Page(description=description)
        fire = acts.edit_page(namespace=fire, page=page, version=fire.page_version, by=cast.nils)
        for reader in readers:
            for _again in range(2):
                shown = reader.get(FIRE).content.decode()
                assert [f"The {each} words." in shown for each in ("first", "second")] == [
                    f"The {each} words." == description for each in ("first", "second")
                ]


def test_what_one_reader_was_shown_is_not_shown_to_another(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    Namespace.objects.filter(pk=fire.pk).update(description_to="members", pi_name_to="signed_in")
    search.write(fire.pk)
    User.objects.update(named_to="members")
    readers = {"": None, "otto": cast.otto, "eda": cast.eda, "olga": cast.olga}
    for order in (list(readers), list(reversed(readers))):
        directory.forget()
        for who in (*order, *order):
            shown = browse(readers[who]).get(FIRE).content.decode()
            assert ("What we do here." in shown) == (who in ("eda", "olga"))
            assert ("Alex Pang" in shown) == (who != "")
            assert ("<dd>Nils Berg" in shown or "<br>Nils Berg" in shown) == (who in ("eda", "olga"))


def test_who_is_logged_in_reads_other_words_where_nobody_is_named(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    User.objects.update(named_to="members")
    directory.forget()
    for who, words in (
        (None, "named to who is logged in"),
        (cast.otto, "not named here"),
        (None, "named to who is"),
    ):
        assert words in browse(who).get(FIRE).content.decode()


def test_page_that_is_not_listed_is_open_and_asks_not_to_be_indexed(browse: Browse, fire: Namespace) -> None:
    assert "X-Robots-Tag" not in browse(None).get(FIRE).headers
    Namespace.objects.filter(pk=fire.pk).update(visibility="unlisted", page_version=2)
    answer = browse(None).get(FIRE)
    assert answer.status_code == 200
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert '<meta name="robots" content="noindex">' in answer.content.decode()


def test_who_asks_to_join_is_not_told_an_admin_who_is_named_to_members_only(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    assert "Nils Berg and Paula Ilić" in browse(cast.otto).get(f"{FIRE}join/").content.decode()
    User.objects.filter(pk=cast.nils.pk).update(named_to="members")
    assert "Nils Berg" not in browse(cast.otto).get(f"{FIRE}join/").content.decode()
    User.objects.update(named_to="members")
    assert "Decided by its admins." in browse(cast.otto).get(f"{FIRE}join/").content.decode()
