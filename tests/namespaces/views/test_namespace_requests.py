"""The pages of asking for a namespace and of deciding that."""

from __future__ import annotations

import pytest

from clusters.models import Cluster
from namespaces.models import Namespace, Request
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse

pytestmark = pytest.mark.django_db
ASKED = {
    "cluster": "nautilus", "name": "river-watch", "reason": "We count the fish of the Merced River.",
    "pi_name": "Alex Pang", "institution": "UC Merced", "size": "Ten people, 20 cores.",
}  # fmt: skip


def test_user_asks_and_is_led_to_the_request(browse: Browse, cast: Cast, cluster: Cluster) -> None:
    client = browse(cast.otto)
    assert "Ask for a namespace" in client.get("/manage/").content.decode()
    page = client.post("/manage/ask/", ASKED, follow=True).content.decode()
    assert "You asked for the namespace river-watch." in page
    assert "It lies with the operators." in page
    again = client.get("/manage/ask/")
    assert again.headers["Location"] == Request.objects.get().get_absolute_url()
    assert "river-watch" in client.get("/requests/").content.decode()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "river", "At least two parts joined by a dash"),
        ("name", "kube-river", "reserved"),
        ("name", "", "Give the namespace a name."),
        ("reason", "fish", "At least 20 characters"),
        ("pi_name", " ", "Say who leads the group."),
        ("institution", "", "Name the institution."),
        ("size", "", "Say roughly how much you need."),
        ("cluster", "elsewhere", "There is no such cluster."),
    ],
)
def test_what_is_wrong_is_said_and_kept(
    browse: Browse, cast: Cast, cluster: Cluster, field: str, value: str, said: str
) -> None:
    answer = browse(cast.otto).post("/manage/ask/", {**ASKED, field: value})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert said in page
    assert not Request.objects.exists()
    assert field == "size" or "Ten people, 20 cores." in page


def test_guest_is_told_to_become_a_user_first(browse: Browse, cast: Cast, cluster: Cluster) -> None:
    answer = browse(cast.ana).post("/manage/ask/", ASKED)
    assert answer.status_code == 403
    assert not Request.objects.exists()
    assert "/manage/ask/" not in browse(cast.ana).get("/manage/").content.decode()


def test_name_is_checked_while_one_types(browse: Browse, cast: Cast, cluster: Cluster) -> None:
    client = browse(cast.otto)
    said = client.post("/manage/create/name/", {"cluster": "nautilus", "name": "river-watch"})
    assert "river-watch follows the rules and is free in Berth" in said.content.decode()
    said = client.post("/manage/create/name/", {"cluster": "nautilus", "name": "kube-river"})
    assert "This name is reserved" in said.content.decode()


class TestDeciding:
    @pytest.fixture
    def wish(self, browse: Browse, cast: Cast, cluster: Cluster) -> Request:
        browse(cast.otto).post("/manage/ask/", ASKED)
        return Request.objects.get()

    def test_operator_sees_what_it_changes(self, browse: Browse, cast: Cast, wish: Request) -> None:
        page = browse(cast.olga).get(wish.get_absolute_url()).content.decode()
        assert "Otto Brandt asks for the namespace river-watch" in page
        assert "Ten people, 20 cores." in page
        assert "kind: Namespace" in page
        assert "Otto Brandt will be its admin" in page

    def test_operator_approves_with_another_name(self, browse: Browse, cast: Cast, wish: Request) -> None:
        given = {
            "approve-name": "merced-river", "approve-pi_name": "Maya Torres", "approve-institution": "UC Merced",
            "approve-note": "The river has a name.",
        }  # fmt: skip
        address = f"{wish.get_absolute_url()}approve/"
        page = browse(cast.olga).post(address, given, follow=True).content.decode()
        assert "You approved: merced-river is made, and Otto Brandt is its admin." in page
        assert Namespace.objects.get().pi_name == "Maya Torres"
        theirs = browse(cast.otto).get(wish.get_absolute_url()).content.decode()
        assert "The river has a name." in theirs
        assert "/namespaces/nautilus/merced-river/" in theirs
        assert "merced-river" in browse(cast.otto).get("/manage/").content.decode()

    @pytest.mark.parametrize(("name", "status"), [("kube-river", 400), ("", 400)])
    def test_name_that_cannot_be_is_said_at_the_field(
        self, browse: Browse, cast: Cast, wish: Request, name: str, status: int
    ) -> None:
        answer = browse(cast.olga).post(f"{wish.get_absolute_url()}approve/", {"approve-name": name})
        page = answer.content.decode()
        assert answer.status_code == status
        assert 'id="id_approve-name_error"' in page or "id_approve-name" in page
        assert not Namespace.objects.exists()

    def test_denied(self, browse: Browse, cast: Cast, wish: Request) -> None:
        given = {"deny-note": "Join the group that does this already."}
        browse(cast.olga).post(f"{wish.get_absolute_url()}deny/", given)
        page = browse(cast.otto).get(wish.get_absolute_url()).content.decode()
        assert "Join the group that does this already." in page
        assert "You can ask again after" in page

    @pytest.mark.parametrize("who", ["paula", "nils", "ana"])
    def test_others_do_not_know_of_it(self, browse: Browse, cast: Cast, wish: Request, who: str) -> None:
        assert browse(getattr(cast, who)).get(wish.get_absolute_url()).status_code == 404
