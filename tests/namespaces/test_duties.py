"""What workers do again and again, and when it is called late."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from clusters.api import Unavailable
from clusters.models import Cluster, ClusterStatus
from namespaces import duties, sweeping
from namespaces.models import Namespace
from portal.celery import app
from tests import factories
from tests.fake_cluster import FakeCluster

pytestmark = pytest.mark.django_db
FIELDS = {"reconcile-due": "worked_at", "sweep-clusters": "swept_at", "anchor-clusters": "anchored_at"}


def late() -> list[str]:
    return [each.duty.name for each in duties.late()]


def done(cluster: Cluster, seconds: float = 0) -> None:
    """Let every duty have succeeded so long ago."""
    moment = Now() - timedelta(seconds=seconds)
    ClusterStatus.objects.filter(cluster=cluster).update(**dict.fromkeys(FIELDS.values(), moment))


def test_whatever_beat_asks_for_is_a_duty_and_comes_at_least_once_in_its_period() -> None:
    schedule = {name: entry["schedule"] for name, entry in app.conf.beat_schedule.items()}
    # Of no cluster. That mails wait, operators read on every page (portal/banners.py); that nobody ends memberships or
    # reminds, by what else those workers do not do.
    for name in ("send-messages", "end-memberships", "remind"):
        del schedule[name]
    periods = {duty.name: duty.period for duty in duties.duties()}
    assert schedule.keys() == periods.keys()
    assert all(schedule[name] <= period for name, period in periods.items())


@pytest.mark.parametrize("duty", duties.duties(), ids=lambda duty: duty.name)
def test_duty_is_late_after_four_periods_and_not_before(cluster: Cluster, duty: duties.Duty) -> None:
    status = ClusterStatus.objects.filter(cluster=cluster)
    done(cluster)
    status.update(**{duty.field: Now() - timedelta(seconds=4 * duty.period - 5)})
    assert late() == []
    status.update(**{duty.field: Now() - timedelta(seconds=4 * duty.period + 1)})
    assert late() == [duty.name]
    (found,) = duties.late()
    assert found.since == getattr(status.get(), duty.field)
    assert "Nautilus" in found.text


def test_new_cluster_has_time_and_an_old_one_that_was_never_worked_at_is_late(cluster: Cluster) -> None:
    assert late() == []
    Cluster.objects.filter(pk=cluster.pk).update(created_at=Now() - timedelta(days=1))
    assert late() == list(FIELDS)
    assert {each.since for each in duties.late()} == {None}


def test_cluster_that_is_no_longer_configured_is_nobodys_duty(cluster: Cluster) -> None:
    gone = factories.ClusterFactory.create(name="gone", created_at=Now() - timedelta(days=1))
    ClusterStatus.objects.create(cluster=gone)
    assert late() == []


def test_question_is_one_query(cluster: Cluster) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        duties.late()
    assert len(queries) == 1


class TestSuccess:
    @pytest.fixture(autouse=True)
    def long_ago(self, fire: Namespace, fake_cluster: FakeCluster) -> None:
        sweeping.reconcile_due()
        done(fire.cluster, seconds=86_400)

    def test_each_duty_that_succeeds_is_not_late_any_more(self, fire: Namespace) -> None:
        sweeping.reconcile_due()
        assert late() == ["sweep-clusters", "anchor-clusters"]
        sweeping.sweep_clusters()
        assert late() == ["anchor-clusters"]
        sweeping.anchor_clusters()
        assert late() == []

    def test_what_fails_stays_late(self, fire: Namespace, fake_cluster: FakeCluster) -> None:
        fake_cluster.fail(Unavailable("no answer"), times=1000)
        for work in (sweeping.anchor_clusters, sweeping.sweep_clusters, sweeping.reconcile_due):
            work()
        assert late() == list(FIELDS)

    def test_heap_that_is_not_done_to_its_end_stays_late(
        self, fire: Namespace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Namespace.objects.update(generation=7, changed_at=Now() - timedelta(seconds=20))
        monkeypatch.setattr(sweeping, "MOST_SECONDS_AT_ONCE", -1)
        sweeping.reconcile_due()
        assert "reconcile-due" in late()


def test_periods_are_those_of_the_settings(settings: Settings) -> None:
    settings.SWEEP_SECONDS, settings.COMPARE_SECONDS, settings.ANCHOR_SECONDS = 1.0, 2.0, 3.0
    assert [duty.period for duty in duties.duties()] == [1.0, 2.0, 3.0]
