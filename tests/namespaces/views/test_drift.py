"""The drift page, and its part on the page of a namespace."""

from __future__ import annotations

import pytest

from namespaces import drift
from namespaces.models import Grant, Namespace, NamespaceStatus
from namespaces.reconciler.diff import Foreign
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
