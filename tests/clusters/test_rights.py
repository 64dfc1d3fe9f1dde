"""Rules taken apart and compared."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.rights import Right, beyond, expand


def rule(**fields: Any) -> dict[str, Any]:
    return {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], **fields}


def test_grouping_and_order_do_not_matter() -> None:
    together = expand([rule(resources=["pods", "services"], verbs=["list", "get"])])
    apart = expand(
        [rule(resources=[kind], verbs=[verb]) for verb in ("get", "list") for kind in ("services", "pods")]
    )
    assert together == apart
    assert len(together) == 4


def test_addresses_and_names_are_rights_of_their_own() -> None:
    found = expand([{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}, rule(resourceNames=["one"])])
    assert {str(right) for right in found} == {"get /metrics", "get pods one"}


@pytest.mark.parametrize(
    ("held", "allowed", "is_beyond"),
    [
        (rule(), rule(), False),
        (rule(resourceNames=["one"]), rule(), False),
        (rule(), rule(resourceNames=["one"]), True),
        (rule(verbs=["*"]), rule(), True),
        (rule(), rule(verbs=["*"], resources=["*"], apiGroups=["*"]), False),
        (rule(resources=["pods/exec"]), rule(), True),
        (rule(resources=["deployments/scale"]), rule(resources=["*/scale"]), False),
        (rule(apiGroups=["apps"]), rule(), True),
        ({"nonResourceURLs": ["/metrics"], "verbs": ["get"]}, rule(verbs=["*"], resources=["*"]), True),
        (
            {"nonResourceURLs": ["/api/v1"], "verbs": ["get"]},
            {"nonResourceURLs": ["/api/*"], "verbs": ["get"]},
            False,
        ),
        (rule(), {"nonResourceURLs": ["*"], "verbs": ["*"]}, True),
    ],
)
def test_a_right_is_beyond_those_that_do_not_cover_it(
    held: dict[str, Any], allowed: dict[str, Any], *, is_beyond: bool
) -> None:
    assert bool(beyond(expand([held]), expand([allowed]))) is is_beyond


def test_a_right_is_said_with_its_group() -> None:
    assert str(Right("apps", "deployments", "get", "web")) == "get deployments.apps web"
