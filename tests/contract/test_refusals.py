"""What a cluster, or Berth itself, refuses. Like the rest of the contract, word for word on both clusters."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clusters import names, roles
from clusters.api import (
    CLUSTER_ROLE,
    CONFIG_MAP,
    LIMIT_RANGE,
    NAMESPACE,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    AccessQuestion,
    Forbidden,
    Manifest,
)
from clusters.guard import CAUSE as NOT_OURS
from tests.contract.hands import (
    Hands,
    binding,
    limits,
    listed,
    namespace,
    quota,
    reaper_binding,
    subject,
    titles,
)

READ_PODS = AccessQuestion("get", "pods")

# -------------------------------------------------------------------------------------------


def test_the_worker_may_not_delete_a_namespace(hands: Hands) -> None:
    place = hands.new_namespace()
    uid = hands.worker.get(NAMESPACE, place)["metadata"]["uid"]
    with pytest.raises(Forbidden):
        hands.worker.delete(NAMESPACE, place, uid=uid)
    assert not hands.is_gone(place)


def test_the_observer_sees_namespaces_and_quotas_and_writes_nothing(hands: Hands) -> None:
    place = hands.new_namespace()
    hands.worker.create(RESOURCE_QUOTA, quota(place))
    assert titles(listed(hands.observer, RESOURCE_QUOTA, place)) == [names.QUOTA]
    assert hands.observer.get(NAMESPACE, place)["metadata"]["name"] == place
    attempts: list[Callable[[], object]] = [
        lambda: hands.observer.create(ROLE_BINDING, binding(place)),
        lambda: hands.observer.get(ROLE_BINDING, "berth-x", place),
        lambda: listed(hands.observer, ROLE_BINDING, place),
        lambda: hands.observer.create(NAMESPACE, namespace("contract-never")),
    ]
    for attempt in attempts:
        with pytest.raises(Forbidden):
            attempt()


def test_the_worker_reads_the_roles_it_gives_and_no_others(hands: Hands) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: hands.worker.get(CLUSTER_ROLE, "cluster-admin"),
        lambda: hands.worker.get(CLUSTER_ROLE, "berth:worker"),
        lambda: listed(hands.worker, CLUSTER_ROLE),
        lambda: hands.observer.get(CLUSTER_ROLE, "berth:viewer"),
        lambda: hands.reaper.get(CLUSTER_ROLE, "berth:reaper"),
    ]
    for attempt in attempts:
        with pytest.raises(Forbidden):
            attempt()


def test_a_role_is_never_written(hands: Hands) -> None:
    manifest = {
        "apiVersion": CLUSTER_ROLE.api_version,
        "kind": "ClusterRole",
        "metadata": {"name": "berth:viewer", "uid": "x", "resourceVersion": "1"},
        "rules": [],
    }
    attempts: list[Callable[[], object]] = [
        lambda: hands.worker.create(CLUSTER_ROLE, manifest),
        lambda: hands.worker.replace(CLUSTER_ROLE, manifest),
        lambda: hands.worker.delete(CLUSTER_ROLE, "berth:viewer", uid="x"),
    ]
    for attempt in attempts:
        with pytest.raises(Forbidden) as raised:
            attempt()
        assert raised.value.cause == NOT_OURS


def no_label(manifest: Manifest) -> None:
    del manifest["metadata"]["labels"]


def every_user(manifest: Manifest) -> None:
    manifest["subjects"] = [
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"}
    ]


def two_people(manifest: Manifest) -> None:
    manifest["subjects"].append({**manifest["subjects"][0], "name": subject(2)})


def nobody(manifest: Manifest) -> None:
    manifest["subjects"] = []


def unknown_name(manifest: Manifest) -> None:
    manifest["subjects"][0]["name"] = "system:masters"


def own_account(manifest: Manifest) -> None:
    manifest["subjects"] = [{"kind": "ServiceAccount", "name": "worker", "namespace": names.SYSTEM_NAMESPACE}]


def reapers_role(manifest: Manifest) -> None:
    manifest["roleRef"]["name"] = roles.cluster_role("reaper")


def another_role_in_its_name(manifest: Manifest) -> None:
    manifest["roleRef"]["name"] = roles.cluster_role("admin")


@pytest.mark.parametrize(
    "spoil",
    [
        no_label, every_user, two_people, nobody, unknown_name, own_account, reapers_role,
        another_role_in_its_name,
    ],
)  # fmt: skip
def test_the_fence_refuses_a_binding_that_is_not_of_one_person(
    hands: Hands, spoil: Callable[[Manifest], None]
) -> None:
    place = hands.new_namespace()
    manifest = binding(place)
    spoil(manifest)
    with pytest.raises(Forbidden):
        hands.worker.create(ROLE_BINDING, manifest)
    assert listed(hands.worker, ROLE_BINDING, place) == []


def test_the_fence_refuses_what_is_not_managed(hands: Hands) -> None:
    place = hands.unmanaged_namespace()
    attempts: list[Callable[[], object]] = [
        lambda: hands.worker.create(ROLE_BINDING, binding(place)),
        lambda: hands.worker.create(ROLE_BINDING, reaper_binding(place)),
        lambda: hands.worker.create(RESOURCE_QUOTA, quota(place)),
    ]
    for attempt in attempts:
        with pytest.raises(Forbidden):
            attempt()


def test_the_fence_leaves_quotas_of_others_alone(hands: Hands) -> None:
    place = hands.unmanaged_namespace()
    foreign = hands.outside.put(limits(place, "1Gi"))
    with pytest.raises(Forbidden):
        hands.worker.replace(LIMIT_RANGE, {**foreign, "spec": limits(place, "2Gi")["spec"]})
    with pytest.raises(Forbidden):
        hands.worker.delete(LIMIT_RANGE, names.LIMITS, place, uid=foreign["metadata"]["uid"])


@pytest.mark.parametrize("amount", ["1e3", "+5", "5."])
def test_the_fence_refuses_an_amount_that_berth_never_writes(hands: Hands, amount: str) -> None:
    place = hands.new_namespace()
    with pytest.raises(Forbidden):
        hands.worker.create(RESOURCE_QUOTA, quota(place, pods=amount))
    with pytest.raises(Forbidden):
        hands.worker.create(LIMIT_RANGE, limits(place, amount))
    made = hands.worker.create(LIMIT_RANGE, limits(place, "1Gi"))
    with pytest.raises(Forbidden):
        hands.worker.replace(LIMIT_RANGE, {**made, "spec": limits(place, amount)["spec"]})


def test_the_fence_leaves_an_amount_of_others_in_our_object_as_it_is(hands: Hands) -> None:
    place = hands.new_namespace()
    theirs = hands.outside.put(limits(place, "1e9"))
    with pytest.raises(Forbidden):
        hands.worker.replace(LIMIT_RANGE, {**theirs, "spec": limits(place, "1e10")["spec"]})
    wanted = limits(place, "1e9")["spec"]
    wanted["limits"][0]["max"] = {"memory": "8Gi"}
    written = hands.worker.replace(LIMIT_RANGE, {**theirs, "spec": wanted})
    assert written["spec"] == wanted


def test_the_fence_refuses_to_delete_a_binding_without_our_name_and_role(hands: Hands) -> None:
    place = hands.new_namespace()
    for number, change in enumerate(({"name": "berth-other"}, {"role": "view"}), start=1):
        manifest = binding(place, person=number)
        manifest["metadata"]["name"] = change.get("name", manifest["metadata"]["name"])
        if "role" in change:
            manifest["roleRef"]["name"] = change["role"]
        made = hands.outside.put(manifest)["metadata"]
        with pytest.raises(Forbidden):
            hands.worker.delete(ROLE_BINDING, made["name"], place, uid=made["uid"])


def test_a_binding_can_be_deleted_whose_label_was_taken_off(hands: Hands) -> None:
    """Else anybody who may label it could make a right last for ever."""
    place = hands.new_namespace()
    manifest = binding(place)
    no_label(manifest)
    made = hands.outside.put(manifest)["metadata"]
    hands.worker.delete(ROLE_BINDING, made["name"], place, uid=made["uid"])
    assert listed(hands.worker, ROLE_BINDING, place) == []


def test_a_binding_can_be_deleted_where_the_namespace_is_no_longer_managed(hands: Hands) -> None:
    place = hands.unmanaged_namespace()
    made = hands.outside.put(binding(place))["metadata"]
    hands.worker.delete(ROLE_BINDING, made["name"], place, uid=made["uid"])
    assert listed(hands.worker, ROLE_BINDING, place) == []


@pytest.mark.parametrize(
    "labels",
    [
        {names.MANAGED_LABEL: "false"},
        {names.MANAGED_BY_LABEL: "somebody"},
        {names.NAMESPACE_ID_LABEL: "no-uuid"},
        {names.POD_SECURITY_LABEL: "privileged"},
    ],
)
def test_the_fence_refuses_a_namespace_without_our_labels(hands: Hands, labels: dict[str, str]) -> None:
    with pytest.raises(Forbidden):
        hands.worker.create(NAMESPACE, namespace("contract-never", **labels))


def test_the_fence_refuses_a_reserved_name(hands: Hands) -> None:
    with pytest.raises(Forbidden) as raised:
        hands.worker.create(NAMESPACE, namespace("openshift-never"))
    assert raised.value.cause != NOT_OURS


def test_berth_itself_refuses_what_it_never_writes(hands: Hands) -> None:
    place = hands.new_namespace()
    state = {"name": "anything", "namespace": names.SYSTEM_NAMESPACE, "resourceVersion": "1"}
    other_binding = binding(place)
    other_binding["metadata"]["name"] = "helm-release"
    attempts: list[Callable[[], object]] = [
        lambda: hands.worker.replace(ROLE_BINDING, binding(place)),
        lambda: hands.worker.replace(NAMESPACE, namespace(place)),
        lambda: hands.worker.replace(
            CONFIG_MAP, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": state}
        ),
        lambda: hands.worker.create(ROLE_BINDING, binding("kube-system")),
        lambda: hands.worker.create(ROLE_BINDING, other_binding),
        lambda: hands.worker.create(RESOURCE_QUOTA, quota(place, name="theirs")),
        lambda: hands.worker.create(NAMESPACE, namespace("kube-never")),
        lambda: hands.worker.delete(ROLE_BINDING, names.CANARY_BINDING, names.SYSTEM_NAMESPACE, uid="x"),
        lambda: hands.worker.delete(ROLE_BINDING, "helm-release", place, uid="x"),
        lambda: hands.worker.delete(NAMESPACE, "default", uid="x"),
    ]
    for attempt in attempts:
        with pytest.raises(Forbidden) as raised:
            attempt()
        assert raised.value.cause == NOT_OURS


def test_a_call_in_the_wrong_place_is_a_mistake_of_ours(hands: Hands) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: hands.worker.get(ROLE_BINDING, "berth-x"),
        lambda: hands.worker.get(NAMESPACE, "some-where", "some-where"),
        lambda: hands.worker.create(ROLE_BINDING, namespace("some-where")),
        lambda: hands.worker.review_access("", "some-where", READ_PODS),
    ]
    for attempt in attempts:
        with pytest.raises(ValueError, match=r"namespace|RoleBinding|user name"):
            attempt()
