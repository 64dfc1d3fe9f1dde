"""Hostile amounts and names, straight to the real API server with the worker's token: every other layer is off.

Each is refused by the API server itself or by a policy. What the API server writes back as something harmless (it reads
`5.0` and stores `5`) is asserted to be stored so.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from clusters import names
from clusters.api import LIMIT_RANGE, NAMESPACE, RESOURCE_QUOTA, Conflict, Manifest
from clusters.attempts import binding, changed, limits, quota, user
from clusters.kube import KubeCluster
from clusters.raw import Answer, Request, collection, create
from namespaces.limits import MOST, MOST_WHOLE, Key, Kind
from tests.conftest import ControlPlane
from tests.contract.hands import namespace, subject

KEYS = ("pods", "requests.cpu", "limits.memory", "count/deployments.apps", "requests.nvidia.com/gpu")
NEVER = [
    "-1",
    "0x10",
    "٣",
    "1e99",
    "1e3",
    "1E3",
    "-1e3",
    "NaN",
    "inf",
    "",
    "+5",
    "5.",
    "1_000",
    "1ki",
    "5 5",
    "2Ei",
    "9" * 19,
]
SECTIONS = ("default", "defaultRequest", "max", "min", "maxLimitRequestRatio")


@pytest.fixture(scope="module")
def worker(control_plane: ControlPlane) -> KubeCluster:
    return KubeCluster(control_plane.config, control_plane.config.credentials["worker"])


@pytest.fixture(scope="module")
def place(control_plane: ControlPlane, worker: KubeCluster) -> Iterator[str]:
    """A managed namespace."""
    name = f"admission-{uuid.uuid4().hex[:8]}"
    worker.create(NAMESPACE, namespace(name))
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")


def try_quota(worker: KubeCluster, place: str, **hard: Any) -> Answer:
    return worker.exchange(create(quota(place, **hard)).as_dry_run())


def assert_refused(answer: Answer) -> None:
    """By the form of the request, by validation, or by a policy."""
    assert answer.status in {400, 403, 422}, f"{answer.status}: {answer.body}"
    if answer.status == 403:
        assert "ValidatingAdmissionPolicy" in answer.message


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("amount", NEVER)
def test_an_amount_that_berth_never_writes_is_refused(
    worker: KubeCluster, place: str, key: str, amount: str
) -> None:
    assert_refused(try_quota(worker, place, **{key: amount}))


@pytest.mark.parametrize("value", [1.5, True, [], {}, [5]])
def test_a_value_that_is_no_amount_is_refused(worker: KubeCluster, place: str, value: object) -> None:
    assert_refused(try_quota(worker, place, pods=value))


@pytest.mark.parametrize(
    ("key", "amount"),
    [
        ("pods", "1.5"), ("pods", "500m"), ("pods", "1Gi"), ("pods", "5n"),
        ("count/deployments.apps", "1Ki"), ("requests.nvidia.com/gpu", "1.5"), ("requests.nvidia.com/gpu", "500m"),
        ("requests.nvidia.com/gpu", "1Gi"), ("limits.memory", "1.5"), ("limits.memory", "1500m"),
        ("requests.storage", "1500m"), ("gold.storageclass.storage.k8s.io/requests.storage", "500m"),
        ("gold.storageclass.storage.k8s.io/persistentvolumeclaims", "1Gi"), ("requests.cpu", "1Gi"),
    ],
)  # fmt: skip
def test_a_unit_that_makes_no_sense_for_the_key_is_refused(
    worker: KubeCluster, place: str, key: str, amount: str
) -> None:
    assert_refused(try_quota(worker, place, **{key: amount}))


@pytest.mark.parametrize(
    ("amount", "stored"), [("5.0", "5"), (" 5", "5"), ("5 ", "5"), (5, "5"), ("00", "0")]
)
def test_what_the_api_server_reads_as_a_plain_amount_is_stored_as_one(
    worker: KubeCluster, place: str, amount: object, stored: str
) -> None:
    answer = try_quota(worker, place, pods=amount)
    assert answer.status == 201, answer.message
    assert answer.body["spec"]["hard"] == {"pods": stored}


@pytest.mark.parametrize("key", KEYS)
def test_more_than_the_api_server_can_write_is_refused_or_stored_as_what_it_reads(
    worker: KubeCluster, place: str, key: str
) -> None:
    """It writes 10^23 as `100` (no unit is that large), and policies see no more than that."""
    answer = try_quota(worker, place, **{key: "1" + "0" * 23})
    if answer.status == 201:
        assert answer.body["spec"]["hard"] == {key: "100"}
    else:
        assert_refused(answer)


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("amount", ["-1", "1e3", "1e99", "", "NaN", "0x10", "٣", "1.5", "1500m", "2Ei"])
def test_an_odd_amount_of_a_container_is_refused(
    worker: KubeCluster, place: str, section: str, amount: str
) -> None:
    manifest = limits(place)
    manifest["spec"]["limits"] = [{"type": "Container", section: {"memory": amount}}]
    assert_refused(worker.exchange(create(manifest).as_dry_run()))


# Of what it counts in whole things, the API server takes no more than fits 64 bits in thousandths.
AMOUNTS = (
    0,
    1,
    999,
    1000,
    1001,
    1023,
    1024,
    1500,
    10**6,
    1 << 20,
    (1 << 20) + 1,
    10**9,
    3 << 30,
    MOST_WHOLE,
)


def written() -> Iterator[tuple[Key, int]]:
    """Every sort of amount that Berth writes, and its ends."""
    for resource in (*KEYS, "requests.storage", "gold.storageclass.storage.k8s.io/requests.storage"):
        yield from ((Key(Kind.QUOTA, resource), amount) for amount in AMOUNTS)
    for resource in ("requests.cpu", "limits.memory"):
        yield from ((Key(Kind.QUOTA, resource), amount) for amount in (MOST - 1, MOST))


@pytest.mark.parametrize(("key", "amount"), list(written()))
def test_what_berth_writes_passes_the_fence(worker: KubeCluster, place: str, key: Key, amount: int) -> None:
    answer = try_quota(worker, place, **{key.resource: key.text(amount)})
    assert answer.status == 201, answer.message


def test_what_berth_writes_for_containers_passes_the_fence(worker: KubeCluster, place: str) -> None:
    manifest = limits(place)
    manifest["spec"]["limits"] = [
        {
            "type": "Container",
            "min": {"cpu": "1m", "memory": "1Mi"},
            "defaultRequest": {"cpu": "250m", "memory": "1500k"},
            "default": {"cpu": "1500m", "memory": "3Gi", "nvidia.com/gpu": "1"},
            "max": {"cpu": "64", "memory": "1Ti", "nvidia.com/gpu": "8"},
        }
    ]
    assert worker.exchange(create(manifest).as_dry_run()).status == 201


def test_an_amount_of_others_may_stay_and_not_change(
    control_plane: ControlPlane, worker: KubeCluster
) -> None:
    """Berth keeps what others wrote into its objects: else one odd number of theirs would stop it for ever."""
    place = f"admission-{uuid.uuid4().hex[:8]}"
    worker.create(NAMESPACE, namespace(place))
    administrator = KubeCluster(control_plane.config, control_plane.admin_kubeconfig)
    odd_quota, odd_limits = quota(place, services="1e3"), limits(place)
    odd_limits["spec"]["limits"].append({"type": "Pod", "max": {"memory": "1e9"}})
    for manifest in (odd_quota, odd_limits):
        assert administrator.exchange(create(manifest)).status == 201
    assert limit_pods(worker, place)["spec"]["hard"] == {"services": "1e3", "pods": "7"}
    kept_limits = worker.get(LIMIT_RANGE, names.LIMITS, place)
    kept_limits["spec"]["limits"][0]["default"]["memory"] = "2Gi"
    kept_limits = worker.replace(LIMIT_RANGE, kept_limits)
    assert kept_limits["spec"]["limits"][1]["max"] == {"memory": "1e9"}
    kept_limits["spec"]["limits"][1]["max"]["memory"] = "1e10"
    path = f"{collection(kept_limits)}/{names.LIMITS}"
    assert_refused(worker.exchange(Request("PUT", path, kept_limits).as_dry_run()))
    control_plane.kubectl("delete", "namespace", place, "--wait=false")


def limit_pods(worker: KubeCluster, place: str) -> Manifest:
    """Write our quota as soon as the controller, which counts what it limits, leaves it alone for a moment."""
    for _ in range(100):
        kept = worker.get(RESOURCE_QUOTA, names.QUOTA, place)
        kept["spec"]["hard"]["pods"] = "7"
        try:
            return worker.replace(RESOURCE_QUOTA, kept)
        except Conflict:
            continue
    pytest.fail("the quota was changed all the time")


HOSTILE_NAMES = [
    "", ".", "..", "a/b", "a%2Fb", "../berth-viewer", "berth-viewer-" + "A" * 26, "berth-viewer-" + "ä" * 26,
    "berth-viewer-" + "a" * 25 + "\n", "berth-viewer-" + "a" * 26 + "\n", "berth-viewer-" + "a" * 26 + " ",
    " berth-viewer-" + "a" * 26, "x" * 300, "berth-viewer-" + "a" * 26 + "\x00", "berth-root-" + "a" * 26,
    "BERTH-viewer-" + "a" * 26, "berth-viewer-" + "а" * 26, "system:berth", "berth-reaper",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
def test_a_hostile_name_of_a_binding_is_refused(worker: KubeCluster, place: str, name: str) -> None:
    assert_refused(worker.exchange(create(changed(binding(place, subject(1)), name=name)).as_dry_run()))


SUBJECTS: list[Any] = [
    user(""), user("\x00"), user(f"{subject(1)}\x00"), user(f"{subject(1)}\u200b"), user(f"\ufeff{subject(1)}"),
    user(f"{subject(1)}\r\n"), user(f"{subject(1)}\u0663"), user(subject(1).upper()), user(f"{subject(1)}/../1"),
    user(f"{subject(1)}%0a"), user("http://cilogon.org/serverA/users/"), user("http://cilogonXorg/serverA/users/1"),
    user("x" * 100_000), user("' || true || '"), user("system:serviceaccount:berth-system:worker"),
    [{"apiGroup": "rbac.authorization.k8s.io", "kind": "user", "name": subject(1)}],
    [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Robot", "name": subject(1)}],
    [{"apiGroup": "v1", "kind": "User", "name": subject(1)}],
    [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": subject(1), "namespace": "default"},
     {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"}],
    [{"kind": "ServiceAccount", "name": subject(1), "namespace": "default"}],
    [{}], [None], "everybody", {"kind": "User"}, 5,
]  # fmt: skip


@pytest.mark.parametrize("subjects", SUBJECTS, ids=lambda each: ascii(each)[:60])
def test_a_hostile_subject_of_a_binding_is_refused(worker: KubeCluster, place: str, subjects: Any) -> None:
    manifest: Manifest = {**binding(place, subject(1)), "subjects": subjects}
    assert_refused(worker.exchange(create(manifest).as_dry_run()))


def test_a_binding_that_is_right_passes(worker: KubeCluster, place: str) -> None:
    """Without this, the others would prove nothing."""
    assert worker.exchange(create(binding(place, subject(1))).as_dry_run()).status == 201
