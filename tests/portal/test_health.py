"""What the probes answer, also when the database is away."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.models.functions import Now
from django.test import Client

from clusters.models import Cluster, ClusterStatus
from portal import health


def fail() -> list[str]:
    raise OperationalError("connection refused at db.internal:5432")


@pytest.mark.django_db
def test_ready_with_a_database_that_has_every_table(client: Client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_ready_and_names_the_duties_that_are_late_and_nothing_of_the_site(
    client: Client, cluster: Cluster
) -> None:
    long_ago = Now() - timedelta(days=1)
    statuses = ClusterStatus.objects.filter(cluster=cluster)
    statuses.update(worked_at=Now(), swept_at=long_ago, anchored_at=Now())
    answer = client.get("/readyz")
    assert (answer.status_code, answer.content) == (200, b"ok\nlate: sweep-clusters\n")
    statuses.update(swept_at=Now())
    assert client.get("/readyz").content == b"ok\n"


def test_alive_without_a_database(client: Client) -> None:
    # Without the mark django_db a query would fail this test.
    answer = client.get("/livez")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_not_ready_without_a_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "unapplied_migrations", fail)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert b"db.internal" not in answer.content


def test_not_ready_before_migrations(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "unapplied_migrations", lambda: ["accounts.0001_initial"])
    assert client.get("/readyz").status_code == 503


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
@pytest.mark.django_db
def test_probes_come_by_address_and_are_answered(client: Client, path: str) -> None:
    assert client.get(path, headers={"host": "10.1.2.3:8080"}).status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
@pytest.mark.django_db
def test_answers_are_not_kept(client: Client, path: str) -> None:
    assert client.get(path).headers["Cache-Control"] == "no-store"
