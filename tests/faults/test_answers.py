"""Answers of the API server that are late, broken, wrong or lost: what passes and sweeps make of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from audit.models import Event
from clusters import kube
from clusters.api import Unavailable
from clusters.models import ClusterStatus
from clusters.names import CANARY_BINDING
from localcluster.processes import LOOPBACK
from namespaces import contact, sweeping
from namespaces.access import Role
from namespaces.models import Grant, Namespace, NamespaceStatus
from namespaces.standing import State
from tests.faults import exchange
from tests.faults.exchange import HTML, Effect
from tests.faults.lab import Lab, until
from tests.faults.proxy import Proxy

LISTS = r"/rolebindings\?"
BROKEN: dict[str, Effect] = {
    "500": exchange.status(500, b'{"kind": "Status", "apiVersion": "v1", "code": 500, "message": "no"}'),
    "502 in HTML": exchange.status(502, HTML, Content_Type="text/html"),
    "503": exchange.status(503, b"overloaded"),
    "504": exchange.status(504),
    "200 in HTML": exchange.status(200, HTML, Content_Type="text/html"),
    "200 with nothing": exchange.status(200),
    "200 with an empty object": exchange.status(200, b"{}"),
    "200 with a list of nothing in particular": exchange.status(200, b'{"kind": "List", "items": []}'),
    "200 with a list of no version": exchange.status(200, b'{"kind": "RoleBindingList", "items": []}'),
    "a cut answer": exchange.cut(),
    "a reset": exchange.reset,
}


class TestBrokenAnswers:
    """F-03."""

    @pytest.mark.parametrize("effect", BROKEN.values(), ids=BROKEN.keys())
    def test_list_that_is_none_takes_nothing_away_and_claims_nothing(
        self, lab: Lab, proxy: Proxy, effect: Effect
    ) -> None:
        stays = lab.member()
        leaves = lab.member(Role.VIEWER)
        before = lab.bindings()
        lab.remove(leaves)
        proxy.calls.clear()
        with proxy.breaking(effect, "GET", LISTS) as rule:
            lab.reconcile()
            with pytest.raises(Unavailable):
                sweeping.sweep(lab.row.cluster)
        assert rule.hits == 2
        assert proxy.writes() == []
        assert lab.bindings() == before
        assert (lab.stands(stays), lab.stands(leaves)) == (State.ACTIVE, State.ENDING)
        status = lab.status()
        assert (status.state, status.attempts) == (NamespaceStatus.State.UNREACHABLE, 1)
        assert status.next_reconcile_at < timezone.now() + timedelta(seconds=6)
        lab.reconcile()
        assert lab.stands(leaves) == State.REVOKED
        assert not lab.may(leaves, {"verb": "get", "resource": "pods"})

    def test_pauses_grow_up_to_a_minute(self, lab: Lab, proxy: Proxy) -> None:
        with proxy.breaking(exchange.status(503)):
            for attempt in range(8):
                lab.time_passes()
                lab.reconcile()
                wait = lab.status().next_reconcile_at - timezone.now()
                assert wait <= timedelta(seconds=min(5 * 2**attempt, 60))
        assert lab.status().attempts == 8

    @pytest.mark.parametrize("effect", [exchange.status(500), exchange.reset], ids=["500", "reset"])
    def test_one_write_that_fails_delays_no_other(self, lab: Lab, proxy: Proxy, effect: Effect) -> None:
        leaves, other = lab.member(), lab.member()
        comes = lab.add()
        for person in (leaves, other):
            lab.remove(person)
        with proxy.breaking(effect, "DELETE", lab.binding(leaves, "editor")) as rule:
            lab.reconcile()
        assert rule.hits == 1
        assert [lab.stands(person) for person in (leaves, other, comes)] == [
            State.ENDING, State.REVOKED, State.ACTIVE,
        ]  # fmt: skip
        lab.reconcile()
        assert lab.stands(leaves) == State.REVOKED


class TestSilence:
    """F-02."""

    @pytest.fixture
    def far_away(self) -> Iterator[str]:
        """An address at which nobody takes up a connection: the queue of those who knock is full."""
        with socket.create_server((LOOPBACK, 0), backlog=0) as listener:
            port = listener.getsockname()[1]
            knocking = [socket.socket() for _each in range(4)]
            for each in knocking:
                each.setblocking(False)
                each.connect_ex((LOOPBACK, port))
            yield f"https://{LOOPBACK}:{port}"
            for each in knocking:
                each.close()

    def test_one_call_holds_a_worker_for_seconds_and_a_pass_makes_no_second_one(
        self, lab: Lab, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert (kube.CONNECT_SECONDS, kube.READ_SECONDS, kube.CALL_SECONDS) == (3, 10, 15)
        monkeypatch.setattr(kube, "READ_SECONDS", 0.5)
        lab.add()
        with proxy.breaking(exchange.swallow):
            lab.reconcile()
            sweeping.reconcile_due()
        assert len(proxy.calls) == 2
        assert "did not answer within" in lab.status().error_message
        cluster = ClusterStatus.objects.get(cluster=lab.row.cluster)
        assert cluster.state == ClusterStatus.State.UNREACHABLE

    def test_connection_that_nobody_takes_up_is_given_up(self, lab: Lab, far_away: str) -> None:
        config = contact.config_of(lab.row.cluster)
        token = kube.connect_with_token(type(config)(**{**vars(config), "server": far_away}), "token")
        with pytest.raises(Unavailable, match="could not be reached within 3 seconds"):
            token.identify()

    def test_silence_about_one_namespace_does_not_keep_another_waiting(
        self, lab: Lab, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(kube, "READ_SECONDS", 0.5)
        second = Lab(proxy.layout, lab.row.cluster)
        lab.add()
        Namespace.objects.filter(pk=lab.row.pk).update(changed_at="2020-01-01T00:00:00Z")  # it comes first
        with proxy.breaking(exchange.swallow, "", lab.row.name):
            sweeping.reconcile_due()
        assert lab.status().state == NamespaceStatus.State.UNREACHABLE
        assert second.stands(second.admin) == State.ACTIVE


class TestThrottling:
    """F-04."""

    @pytest.mark.parametrize(("headers", "seconds"), [({"Retry_After": "40"}, 40), ({}, 1)])
    def test_wait_that_the_server_asks_for_is_kept(
        self, lab: Lab, proxy: Proxy, headers: dict[str, str], seconds: int
    ) -> None:
        person = lab.add()
        with proxy.breaking(exchange.status(429, b"slow down", **headers), "GET", LISTS):
            lab.reconcile()
        wait = (lab.status().next_reconcile_at - timezone.now()).total_seconds()
        assert seconds - 5 < wait <= seconds
        assert lab.status().error_code == "throttled"
        assert proxy.writes() == []
        proxy.calls.clear()
        if seconds > 10:
            sweeping.reconcile_due()
            assert proxy.made("GET", lab.row.name) == []
        lab.time_passes()
        sweeping.reconcile_due()
        assert lab.stands(person) == State.ACTIVE

    def test_change_that_is_slowed_down_does_not_hold_up_an_end(self, lab: Lab, proxy: Proxy) -> None:
        leaves = lab.member()
        comes = lab.add()
        lab.remove(leaves)
        with proxy.breaking(exchange.status(429, Retry_After="30"), "POST", "/rolebindings"):
            lab.reconcile()
        assert (lab.stands(leaves), lab.stands(comes)) == (State.REVOKED, State.WAITING)
        until(lambda: not lab.may(leaves), "the end of the right")

    def test_other_namespaces_of_the_cluster_keep_the_pause_too(self, lab: Lab, proxy: Proxy) -> None:
        second, third = (Lab(proxy.layout, lab.row.cluster) for _each in range(2))
        leaves = third.member()
        lab.add()
        comes = second.add()
        third.remove(leaves)
        with proxy.breaking(exchange.status(429, Retry_After="30"), "GET", lab.row.name):
            lab.reconcile()
        proxy.calls.clear()
        sweeping.reconcile_due()
        assert proxy.made("GET", second.row.name) == []
        assert (second.stands(comes), third.stands(leaves)) == (State.WAITING, State.ENDING)
        until(lambda: not third.may(leaves), "the end of the right, which does not wait")
        second.time_passes()
        sweeping.reconcile_due()
        assert (second.stands(comes), third.stands(leaves)) == (State.ACTIVE, State.REVOKED)


class TestFilteredLists:
    """F-06."""

    def test_sweep_stops_at_a_list_without_the_canary(self, lab: Lab, proxy: Proxy) -> None:
        person = lab.member()
        swept = ClusterStatus.objects.get(cluster=lab.row.cluster).swept_at
        lost = (CANARY_BINDING, lab.binding(person, "editor"))
        with (
            proxy.breaking(exchange.drop_items(*lost), "GET", LISTS),
            pytest.raises(Unavailable, match="filtered"),
        ):
            sweeping.sweep(lab.row.cluster)
        assert ClusterStatus.objects.get(cluster=lab.row.cluster).swept_at == swept

    def test_binding_that_was_filtered_out_is_made_once_and_never_taken_away(
        self, lab: Lab, proxy: Proxy
    ) -> None:
        person = lab.member()
        before = lab.bindings()
        with proxy.breaking(exchange.drop_items(*before), "GET", LISTS):
            assert sweeping.sweep(lab.row.cluster).differing == [lab.row.pk]
            sweeping.sweep_clusters()
        assert proxy.made("DELETE", "") == []
        assert lab.bindings() == before
        assert lab.stands(person) == State.ACTIVE
        proxy.calls.clear()
        lab.reconcile()
        assert proxy.writes() == []

    def test_end_is_not_said_to_be_one_because_the_list_lacked_it(self, lab: Lab, proxy: Proxy) -> None:
        person = lab.member()
        lab.remove(person)
        with proxy.breaking(exchange.drop_items(lab.binding(person, "editor")), "GET", LISTS):
            lab.reconcile()
        assert lab.binding(person, "editor") not in lab.bindings()  # it was asked for by its name
        assert lab.stands(person) == State.REVOKED
        until(lambda: not lab.may(person), "the end of the right")

    def test_binding_that_was_filtered_out_is_told_once(self, lab: Lab, proxy: Proxy) -> None:
        """I-9: nothing was written, so that nothing is told."""
        lab.member()
        told = Event.objects.count()
        with proxy.breaking(exchange.drop_items(*lab.bindings()), "GET", LISTS):
            lab.reconcile()
        assert Event.objects.count() == told


class TestLostAnswers:
    """F-20."""

    def test_create_is_taken_over_and_told_once(self, lab: Lab, proxy: Proxy) -> None:
        person = lab.add()
        with proxy.breaking(exchange.lose_answer, "POST", "/rolebindings", times=1) as rule:
            lab.reconcile()
        assert rule.hits == 1
        name = lab.binding(person, "editor")
        made = lab.bindings()[name]["metadata"]["uid"]
        lab.reconcile()
        assert lab.stands(person) == State.ACTIVE
        assert lab.bindings()[name]["metadata"]["uid"] == made
        assert [event.after["uid"] for event in told(lab, person, "binding.made")] == [made]
        assert len(proxy.made("POST", "/rolebindings")) == 1

    def test_create_whose_answer_was_lost_goes_when_it_is_over(self, lab: Lab, proxy: Proxy) -> None:
        person = lab.add()
        with proxy.breaking(exchange.lose_answer, "POST", "/rolebindings", times=1):
            lab.reconcile()
        until(lambda: lab.may(person), "the right of which nobody knows")
        lab.remove(person)
        lab.reconcile()
        assert lab.stands(person) == State.REVOKED
        until(lambda: not lab.may(person), "the end of the right")

    def test_delete_is_proved_and_told_once(self, lab: Lab, proxy: Proxy) -> None:
        person = lab.member()
        lab.remove(person)
        with proxy.breaking(exchange.lose_answer, "DELETE", "/rolebindings", times=1) as rule:
            lab.reconcile()
        assert rule.hits == 1
        assert lab.stands(person) == State.ENDING
        lab.reconcile()
        assert lab.stands(person) == State.REVOKED
        assert len(told(lab, person, "binding.ended")) == 1

    def test_namespace_whose_making_was_not_answered_is_ours(self, proxy: Proxy, lab: Lab) -> None:
        second = Lab(proxy.layout, lab.row.cluster)
        with proxy.breaking(exchange.lose_answer, "POST", r"/namespaces\?", times=1) as rule:
            second.reconcile()
        assert rule.hits == 1
        second.reconcile()
        assert second.stands(second.admin) == State.ACTIVE


def told(lab: Lab, person: User, act: str) -> list[Event]:
    grants = [str(pk) for pk in Grant.objects.filter(identity__person=person).values_list("pk", flat=True)]
    return [
        event
        for event in Event.objects.filter(namespace_id=lab.row.pk, act=act)
        if str(event.object_id) in grants
    ]


class TestGroupThatIsGone:
    """F-22: an API server that no longer knows the group says so by an address, and not by an object."""

    @pytest.mark.parametrize("group", ["rbac[.]authorization", "/authorization[.]k8s"])
    def test_nothing_is_concluded_from_it(self, lab: Lab, proxy: Proxy, group: str) -> None:
        stays, leaves = lab.member(), lab.member(Role.VIEWER)
        before = lab.bindings()
        lab.remove(leaves)
        with proxy.breaking(exchange.status(404, b"404 page not found\n"), "", group):
            lab.reconcile()
        assert lab.stands(leaves) != State.REVOKED
        assert lab.stands(stays) in (State.ACTIVE, State.WAITING)
        assert lab.status().state == NamespaceStatus.State.UNREACHABLE
        assert "404" in lab.status().error_message
        kept = before.keys() - {lab.binding(leaves, "viewer")}
        assert kept <= lab.bindings().keys()
        lab.time_passes()
        lab.reconcile()
        assert (lab.stands(stays), lab.stands(leaves)) == (State.ACTIVE, State.REVOKED)


class TestReturn:
    """F-01."""

    def test_ends_come_first_when_the_cluster_is_back(self, lab: Lab, proxy: Proxy) -> None:
        """Those who wait for their rights come later, though they have waited longer."""
        labs = [lab, *(Lab(proxy.layout, lab.row.cluster) for _each in range(5))]
        leaving = {each: each.add() for each in labs[1::2]}
        for each in labs:
            each.reconcile()
        proxy.calls.clear()
        for each in labs[::2]:
            each.add()
        for each, person in leaving.items():
            each.remove(person)
        with proxy.down():
            sweeping.reconcile_due()
        sweeping.reconcile_due()
        assert [call.method for call in proxy.writes()] == ["DELETE"] * 3 + ["POST"] * 3
