"""The drift page, and its part on the page of a namespace."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.record import record
from clusters.models import Cluster, ClusterStatus
from clusters.roles import binding_name
from namespaces import drift
from namespaces.models import (
    DriftDecision,
    Grant,
    Membership,
    Namespace,
    NamespaceStatus,
    SeenBinding,
    SeenKeys,
)
from namespaces.reconciler.diff import Foreign, ForeignKeys, Stray, Written
from tests import factories
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse

pytestmark = pytest.mark.django_db

FIRE = "/namespaces/nautilus/avis-fire/"


def test_operator_sees_everything_that_differs(browse: Browse, cast: Cast, fire: Namespace) -> None:
    drift.store({fire.pk: [Foreign("sneaky", ("somebody",), ("staff",), "ClusterRole view")]})
    NamespaceStatus.objects.create(namespace=fire, state="conflict", error_message="in the way")
    membership = factories.MembershipFactory.create(namespace=fire, person=cast.otto)
    factories.GrantFactory.create(
        membership=membership, state=Grant.State.REVOKING, binding_uid="", error_message="by way of sneaky"
    )
    page = browse(cast.olga).get("/drift/").content.decode()
    for text in (
        "sneaky",
        "ClusterRole view",
        "somebody",
        "staff",
        "in the way",
        "Otto Brandt",
        "by way of sneaky",
    ):
        assert text in page


def test_nothing_that_differs_is_said_in_words(browse: Browse, cast: Cast, fire: Namespace) -> None:
    page = browse(cast.olga).get("/drift/").content.decode()
    assert "Nothing differs that needs a decision" in page
    assert page.count("<h2>") == 0


def test_what_workers_should_have_done_and_have_not_is_told(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    statuses = ClusterStatus.objects.filter(cluster=fire.cluster)
    statuses.update(worked_at=Now(), swept_at=Now() - timedelta(minutes=7), anchored_at=Now())
    page = " ".join(browse(cast.olga).get("/drift/").content.decode().split())
    assert (
        "Nautilus is not being compared with the decisions as a whole.</strong> It was last done <time"
        in page
    )
    assert "7 min ago</time> and should be every 60 seconds." in page
    assert "The mark in" not in page
    assert "Nothing differs" not in page
    statuses.update(swept_at=Now())
    page = browse(cast.olga).get("/drift/").content.decode()
    assert "is not being compared" not in page
    assert "Nothing differs" in page


def test_what_was_never_done_is_told_as_that(browse: Browse, cast: Cast, fire: Namespace) -> None:
    Cluster.objects.update(created_at=Now() - timedelta(days=1))
    page = browse(cast.olga).get("/drift/").content.decode()
    assert page.count("It has never been done and should be every") == 3


def test_what_the_guard_keeps_and_what_is_given_to_nobody_is_told(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    ClusterStatus.objects.update_or_create(
        cluster=fire.cluster,
        defaults={"unexplained": 12, "barred": dict.fromkeys(("viewer", "editor"), "P1 is missing.")},
    )
    page = browse(cast.olga).get("/drift/").content.decode()
    assert "12 bindings of Berth in Nautilus are not wanted by any row" in page
    assert "Nobody in Nautilus is given this role now: viewer, editor." in page
    assert page.count("P1 is missing.") == 1
    assert "Nothing differs that needs a decision" not in page


@pytest.mark.parametrize(("who", "told"), [("nils", True), ("olga", True), ("eda", False), ("otto", False)])
def test_admins_of_the_namespace_see_their_part(
    browse: Browse, cast: Cast, fire: Namespace, hidden: Namespace, who: str, told: bool
) -> None:
    drift.store({fire.pk: [Foreign("sneaky", ("somebody",))], hidden.pk: [Foreign("elsewhere", ("x",))]})
    page = browse(getattr(cast, who)).get(FIRE).content.decode()
    assert ("sneaky" in page) is told
    assert "elsewhere" not in page


def test_only_operators_are_led_there(browse: Browse, cast: Cast, fire: Namespace) -> None:
    assert 'href="/drift/"' in browse(cast.olga).get("/").content.decode()
    assert 'href="/drift/"' not in browse(cast.nils).get("/").content.decode()


COPIED = binding_name("editor", "https://localhost:18443", "somebody")
FORMS = ("adopt", "revert", "leave", "limits/adopt", "limits/revert", "limits/leave", "confirm")
WHY = {"reason": "Made by hand during the workshop."}


def tomorrow() -> str:
    return str(timezone.localdate() + timedelta(days=1))


def line(fire: Namespace, *users: str, name: str = "sneaky", role: str = "ClusterRole view") -> SeenBinding:
    drift.store({fire.pk: [Foreign(name, users, role=role, uid="uid-1")]})
    return SeenBinding.objects.get(namespace=fire)


def of_quota(fire: Namespace) -> SeenKeys:
    drift.store_keys({fire.pk: [ForeignKeys("ResourceQuota", "uid-q", (("", "pods", "", "50"),))]})
    return SeenKeys.objects.get()


class TestList:
    def test_each_thing_is_listed_once_with_who_wrote_it(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        written = Written("kubectl-edit", "2026-01-02T03:04:05Z")
        drift.store(
            {
                fire.pk: [
                    Foreign(f"line-{kind}", ("x",), uid=kind, written=written, kind=kind) for kind in Stray
                ]
            }
        )
        of_quota(fire)
        NamespaceStatus.objects.create(
            namespace=fire, state="conflict", error_code="conflict", error_message="A RoleBinding is there."
        )
        page = browse(cast.olga).get("/drift/").content.decode()
        for kind in Stray:
            assert page.count(f"<code>line-{kind}</code>") == 1
        assert page.count("<code>kubectl-edit</code>") == 4
        assert 'datetime="2026-01-02T03:04:05+00:00"' in page
        assert "<code>pods</code>: no limit" in page
        assert "<code>pods</code>: 50" in page
        assert "A RoleBinding is there." not in page  # the line of the binding says it

    def test_what_was_repaired_is_told_for_a_month(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        before = {"found": "ClusterRole cluster-admin", "written_by": "kubectl-edit"}
        with transaction.atomic():
            record("binding.repaired", by=None, about=fire, namespace_id=fire.pk, before=before)
        page = browse(cast.olga).get("/drift/").content.decode()
        assert "somebody had changed it with kubectl-edit" in page
        assert "ClusterRole cluster-admin" in page
        with time_machine.travel(timezone.now() + timedelta(days=31), tick=True):
            assert drift.repaired() == []

    def test_what_was_let_go_is_told_beside(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        before = {"binding": "berth-viewer-lost", "uid": "uid-1", "role": "ClusterRole berth:viewer"}
        with transaction.atomic():
            record("binding.pruned", by=None, about=fire, namespace_id=fire.pk, before=before)
        page = browse(cast.olga).get("/drift/").content.decode()
        assert "<code>berth-viewer-lost</code>" in page
        assert "nothing explained it" in page
        assert "somebody had changed it" not in page

    def test_number_of_queries_does_not_grow(
        self, browse: Browse, cast: Cast, fire: Namespace, hidden: Namespace
    ) -> None:
        client = browse(cast.olga)
        client.get("/drift/")  # the first page of a process asks for more
        counts = []
        for number in (1, 6):
            for namespace in (fire, hidden):
                drift.store({namespace.pk: [Foreign(f"n{each}", (f"u{each}",)) for each in range(number)]})
            with CaptureQueriesContext(connection) as queries:
                client.get("/drift/")
            counts.append(len(queries))
        assert counts[0] == counts[1]

    def test_page_is_bounded(
        self, browse: Browse, cast: Cast, fire: Namespace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(drift, "MOST_LINES", 2)
        drift.store({fire.pk: [Foreign(f"n{each}", ("x",)) for each in range(4)]})
        assert "more than the 2 lines" in browse(cast.olga).get("/drift/").content.decode()

    def test_admins_see_the_same_without_anything_to_decide(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        line(fire, "x")
        page = browse(cast.nils).get(FIRE).content.decode()
        assert "sneaky" in page
        assert "/drift/" not in page


class TestForms:
    def address(self, fire: Namespace, form: str, *users: str, name: str = "sneaky") -> str:
        if form == "confirm":
            NamespaceStatus.objects.update_or_create(
                namespace=fire,
                defaults={
                    "state": "conflict",
                    "error_code": "replaced",
                    "seen_uid": "new",
                    "cluster_uid": "old",
                },
            )
            return f"/drift/namespaces/{fire.pk}/confirm/"
        if form.startswith("limits/"):
            return f"/drift/limits/{of_quota(fire).pk}/{form.removeprefix('limits/')}/"
        row = line(fire, *(users or ("x",)), name=name, role="ClusterRole berth:editor")
        return f"/drift/bindings/{row.pk}/{form}/"

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize(("reason", "said"), [("", "Say why"), ("x" * 2001, "At most 2000")])
    def test_bad_reason_names_the_field_and_nothing_is_lost(
        self, browse: Browse, cast: Cast, fire: Namespace, form: str, reason: str, said: str
    ) -> None:
        given = {"reason": reason, "role": "viewer", "until": tomorrow(), "uid": "new"}
        answer = browse(cast.olga).post(self.address(fire, form, name=COPIED), given)
        page = answer.content.decode()
        assert answer.status_code == 400
        assert f"Why: {said}" in page
        assert reason in page
        assert form != "adopt" or 'value="viewer"\n               id="id_role_0" checked' in page
        assert not DriftDecision.objects.exists()

    @pytest.mark.parametrize(
        ("form", "field", "value", "said"),
        [
            ("leave", "until", "", "Give the last day."), ("leave", "until", "31.12.2026", "Give a day, such as"),
            ("leave", "until", "2020-01-01", "still to come"), ("leave", "until", "2999-01-01", "a year from now"),
            ("leave", "until", "9999999999-01-01", "Give a day"), ("adopt", "role", "", "Choose a role."),
            ("adopt", "role", "cluster-admin", "There is no such role."),
        ],
    )  # fmt: skip
    def test_bad_value_names_the_field(
        self, browse: Browse, cast: Cast, fire: Namespace, form: str, field: str, value: str, said: str
    ) -> None:
        answer = browse(cast.olga).post(self.address(fire, form), {**WHY, field: value})
        assert answer.status_code == 400
        assert said in answer.content.decode()
        assert WHY["reason"] in answer.content.decode()

    def test_adoption_leads_to_the_command_that_is_left_to_run(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        address = self.address(fire, "adopt", cast.otto.identities.get().subject)
        client = browse(cast.olga)
        assert 'value="editor"\n               id="id_role_1" checked' in client.get(address).content.decode()
        answer = client.post(address, {**WHY, "role": "viewer"}, follow=True)
        page = html.unescape(answer.content.decode())
        assert "Otto Brandt becomes viewer. What is left is to take sneaky away." in page
        assert "<code>kubectl delete rolebinding sneaky --namespace avis-fire</code>" in page
        assert "<textarea" not in page
        assert Membership.objects.current().filter(person=cast.otto, role="viewer").exists()

    @pytest.mark.parametrize(
        ("form", "title"),
        [
            ("adopt", "Make Otto Brandt a member of avis-fire"), ("revert", "Take sneaky in avis-fire away"),
            ("leave", "Leave sneaky in avis-fire alone"),
            ("limits/adopt", "Decide the limits of avis-fire as the cluster has them"),
            ("limits/revert", "Make the limits of avis-fire as decided"),
            ("limits/leave", "Leave berth-quota in avis-fire alone"),
            ("confirm", "Go on in avis-fire as it is now"),
        ],
    )  # fmt: skip
    def test_title_says_what_and_where(
        self, browse: Browse, cast: Cast, fire: Namespace, form: str, title: str
    ) -> None:
        address = self.address(fire, form, cast.otto.identities.get().subject)
        assert f"<h1>{title}</h1>" in browse(cast.olga).get(address).content.decode()

    def test_refusal_keeps_what_was_typed(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        address = self.address(fire, "adopt", cast.eda.identities.get().subject)
        answer = browse(cast.olga).post(address, {**WHY, "role": "viewer"})
        assert answer.status_code == 409
        assert "a member of avis-fire already" in answer.content.decode()
        assert WHY["reason"] in answer.content.decode()

    @pytest.mark.parametrize(
        "form", ["revert", "leave", "limits/revert", "limits/leave", "limits/adopt", "confirm"]
    )
    def test_decision_is_made_and_shown(self, browse: Browse, cast: Cast, fire: Namespace, form: str) -> None:
        given = {**WHY, "until": tomorrow(), "uid": "new"}
        answer = browse(cast.olga).post(self.address(fire, form, name=COPIED), given, follow=True)
        assert answer.redirect_chain == [("/drift/", 302)]
        page = answer.content.decode()
        assert ("Take back" in page) is (form in ("revert", "leave", "limits/leave", "confirm"))
        assert DriftDecision.objects.exists() is ("Take back" in page)
        if form == "confirm":
            assert f"berth.internal/namespace-id={fire.pk}" in page

    def test_what_is_taken_back_is_open_again(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        client = browse(cast.olga)
        client.post(self.address(fire, "leave"), {**WHY, "until": tomorrow()})
        address = f"/drift/decisions/{DriftDecision.objects.get().pk}/take-back/"
        assert (
            "The decision about sneaky is taken back." in client.post(address, follow=True).content.decode()
        )
        assert len(drift.open_bindings()) == 1
        again = client.post(address)
        assert (again.status_code, "ended already" in again.content.decode()) == (409, True)

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("method", ["get", "post"])
    def test_what_has_changed_meanwhile_is_said(
        self, browse: Browse, cast: Cast, fire: Namespace, form: str, method: str
    ) -> None:
        address = self.address(fire, form)
        drift.store({fire.pk: [Foreign("sneaky", ("another",), uid="uid-1")]})
        drift.store_keys({fire.pk: []})
        NamespaceStatus.objects.update(state="ready", error_code="")
        answer = getattr(browse(cast.olga), method)(address, {**WHY, "role": "viewer", "until": tomorrow()})
        assert answer.status_code == 409
        assert "has changed meanwhile, and nothing was decided" in answer.content.decode()
        assert not DriftDecision.objects.exists()

    def test_namespace_that_was_made_anew_once_more_is_not_confirmed(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        address = self.address(fire, "confirm")
        answer = browse(cast.olga).post(address, {**WHY, "uid": "seen-before"})
        assert answer.status_code == 409
        assert not DriftDecision.objects.exists()
