"""Handing out the kubeconfig."""

from __future__ import annotations

import pytest
import yaml

from accounts.errors import StateConflict
from audit.models import Event
from namespaces.actions import config
from namespaces.kit import DOWNLOADED
from namespaces.models import Namespace
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


def test_file_is_built_and_recorded(cast: Cast, fire: Namespace) -> None:
    document = yaml.safe_load(config.download(login="browser", by=cast.eda))
    assert document["current-context"] == "avis-fire.nautilus"
    event = Event.objects.get(act=DOWNLOADED)
    assert event.actor == event.object_id == str(cast.eda.pk)
    assert event.after == {"contexts": 1, "login": "browser"}


def test_who_no_cluster_believes_gets_no_file_and_no_event(cast: Cast, fire: Namespace) -> None:
    cast.eda.identities.update(state="retired")
    with pytest.raises(StateConflict):
        config.download(login="browser", by=cast.eda)
    assert not Event.objects.exists()
