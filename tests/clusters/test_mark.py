"""The mark in a cluster: read as it was written, and never believed when it cannot be read."""

from __future__ import annotations

import pytest

from clusters import mark, names
from clusters.api import CONFIG_MAP, Conflict, NotFound
from clusters.mark import Mark, Quarantined
from tests.contract.hands import fake_config
from tests.fake_cluster import FakeCluster

WRITTEN = Mark("8f14e45f-ceea-467f-a7d3-2f2f7a1d0001", 7, "abc")


@pytest.fixture
def api() -> FakeCluster:
    return FakeCluster(fake_config())


def put(api: FakeCluster, data: dict[str, str]) -> None:
    api.outside.change(
        CONFIG_MAP, names.STATE_CONFIG_MAP, names.SYSTEM_NAMESPACE, lambda found: found.update(data=data)
    )


def test_applied_manifests_hold_no_mark(api: FakeCluster) -> None:
    assert mark.read(api)[0] == Mark()


def test_what_is_written_is_read(api: FakeCluster) -> None:
    mark.write(api, mark.read(api)[1], WRITTEN)
    assert mark.read(api)[0] == WRITTEN


def test_who_read_before_somebody_else_wrote_does_not_overwrite(api: FakeCluster) -> None:
    _mark, old = mark.read(api)
    mark.write(api, old, WRITTEN)
    with pytest.raises(Conflict):
        mark.write(api, old, Mark("another"))
    assert mark.read(api)[0] == WRITTEN


@pytest.mark.parametrize("number", ["", "-1", "seven", "1.5", "٧"])
def test_number_that_is_none_stops_everything(api: FakeCluster, number: str) -> None:
    put(api, {"installation": "x", "event": number})
    with pytest.raises(Quarantined, match="cannot be read"):
        mark.read(api)


def test_missing_one_says_what_to_do(api: FakeCluster) -> None:
    api.outside.remove(CONFIG_MAP, names.STATE_CONFIG_MAP, names.SYSTEM_NAMESPACE)
    with pytest.raises(NotFound, match="apply the manifests"):
        mark.read(api)
