"""What the rest of Berth may expect of a cluster. Each test passes word for word on the real API server and in memory.

What is not here is not promised: nothing else may be in `tests.fake_cluster`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

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
    ClusterApi,
    ClusterError,
    Conflict,
    Forbidden,
    Invalid,
    Kind,
    NotFound,
)
from clusters.soundness import altered_roles
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
RUN_PODS = AccessQuestion("create", "pods")


# --- Making and reading
# --------------------------------------------------------------------------------------------


def test_what_was_created_can_be_read(hands: Hands) -> None:
    name = hands.new_namespace()
    stored = hands.worker.get(NAMESPACE, name)
    assert stored["apiVersion"] == "v1"
    assert stored["kind"] == "Namespace"
    assert stored["metadata"]["name"] == name
    assert stored["metadata"]["uid"]
    assert stored["metadata"]["resourceVersion"]
    expected = namespace(name)["metadata"]["labels"] | {"kubernetes.io/metadata.name": name}
    assert stored["metadata"]["labels"] == expected
    assert stored["status"]["phase"] == "Active"


def test_create_returns_what_was_stored(hands: Hands) -> None:
    place = hands.new_namespace()
    made = hands.worker.create(ROLE_BINDING, binding(place))
    assert made == hands.worker.get(ROLE_BINDING, made["metadata"]["name"], place)
    assert made["roleRef"] == binding(place)["roleRef"]
    assert made["subjects"] == binding(place)["subjects"]


def test_api_group_of_a_user_is_filled_in(hands: Hands) -> None:
    place = hands.new_namespace()
    manifest = binding(place)
    del manifest["subjects"][0]["apiGroup"]
    made = hands.worker.create(ROLE_BINDING, manifest)
    assert made["subjects"] == binding(place)["subjects"]


def test_a_manifest_given_in_is_not_changed(hands: Hands) -> None:
    place = hands.new_namespace()
    manifest = binding(place)
    hands.worker.create(ROLE_BINDING, manifest)
    assert manifest == binding(place)


def test_changing_an_answer_changes_nothing_in_the_cluster(hands: Hands) -> None:
    place = hands.new_namespace()
    made = hands.worker.create(ROLE_BINDING, binding(place))
    name = made["metadata"]["name"]
    made["subjects"].clear()
    hands.worker.get(ROLE_BINDING, name, place)["subjects"].clear()
    listed(hands.worker, ROLE_BINDING, place)[0]["subjects"].clear()
    assert hands.worker.get(ROLE_BINDING, name, place)["subjects"] == binding(place)["subjects"]


@pytest.mark.parametrize("place", ["present", "absent"])
def test_a_missing_object_is_not_found(hands: Hands, place: str) -> None:
    where = hands.new_namespace() if place == "present" else "nowhere-at-all"
    with pytest.raises(NotFound, match="not found"):
        hands.worker.get(ROLE_BINDING, "berth-viewer-none", where)


def test_a_missing_namespace_is_not_found(hands: Hands) -> None:
    with pytest.raises(NotFound):
        hands.worker.get(NAMESPACE, "nowhere-at-all")


def test_a_taken_name_is_a_conflict_and_nothing_is_overwritten(hands: Hands) -> None:
    place = hands.new_namespace()
    made = hands.worker.create(ROLE_BINDING, binding(place))
    other = binding(place)
    other["metadata"]["annotations"] = {"berth.internal/operation": "another"}
    with pytest.raises(Conflict) as raised:
        hands.worker.create(ROLE_BINDING, other)
    assert raised.value.cause == "AlreadyExists"
    assert hands.worker.get(ROLE_BINDING, made["metadata"]["name"], place) == made


def test_a_namespace_that_exists_is_a_conflict(hands: Hands) -> None:
    name = hands.new_namespace()
    with pytest.raises(Conflict) as raised:
        hands.worker.create(NAMESPACE, namespace(name))
    assert raised.value.cause == "AlreadyExists"


def test_of_two_who_create_the_same_one_wins(hands: Hands) -> None:
    place = hands.new_namespace()
    barrier = Barrier(2)

    def create() -> str:
        barrier.wait()
        try:
            hands.worker.create(ROLE_BINDING, binding(place))
        except Conflict as error:
            return error.cause
        return "made"

    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(create) for _ in range(2)]
    assert sorted(result.result() for result in results) == ["AlreadyExists", "made"]


def test_a_label_that_holds_a_subject_is_invalid(hands: Hands) -> None:
    place = hands.new_namespace()
    manifest = binding(place)
    manifest["metadata"]["labels"]["berth.internal/subject"] = subject(1)
    with pytest.raises(Invalid):
        hands.worker.create(ROLE_BINDING, manifest)


def test_a_binding_in_a_missing_namespace_is_not_found(hands: Hands) -> None:
    with pytest.raises(NotFound, match="nowhere-at-all"):
        hands.worker.create(ROLE_BINDING, binding("nowhere-at-all"))


def test_a_binding_to_a_role_that_we_may_not_bind_and_that_is_missing_is_not_found(hands: Hands) -> None:
    manifest = binding(hands.new_namespace())
    manifest["roleRef"]["name"] = "berth:nothing"
    with pytest.raises(NotFound, match="berth:nothing"):
        hands.worker.create(ROLE_BINDING, manifest)


def test_a_binding_to_a_missing_role_that_we_may_bind_is_stored_and_gives_nothing(hands: Hands) -> None:
    place = hands.new_namespace()
    with hands.without_role(roles.cluster_role("reaper")):
        made = hands.worker.create(ROLE_BINDING, reaper_binding(place))
        with pytest.raises(Forbidden):
            hands.reaper.get(NAMESPACE, place)
        hands.worker.delete(ROLE_BINDING, made["metadata"]["name"], place, uid=made["metadata"]["uid"])


# --- Dry runs
# ------------------------------------------------------------------------------------------------------


def test_a_dry_run_stores_nothing(hands: Hands) -> None:
    place = hands.new_namespace()
    answer = hands.worker.create(ROLE_BINDING, binding(place), dry_run=True)
    assert answer["metadata"]["name"] == binding(place)["metadata"]["name"]
    assert listed(hands.worker, ROLE_BINDING, place) == []


def test_a_dry_run_finds_a_taken_name(hands: Hands) -> None:
    place = hands.new_namespace()
    hands.worker.create(ROLE_BINDING, binding(place))
    with pytest.raises(Conflict):
        hands.worker.create(ROLE_BINDING, binding(place), dry_run=True)


def test_a_dry_run_passes_through_the_fences(hands: Hands) -> None:
    manifest = binding(hands.new_namespace())
    manifest["subjects"] = [
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"}
    ]
    with pytest.raises(Forbidden):
        hands.worker.create(ROLE_BINDING, manifest, dry_run=True)


# --- Lists
# ---------------------------------------------------------------------------------------------------------


def test_pages_together_are_the_list_of_one_moment(hands: Hands) -> None:
    place = hands.new_namespace()
    made = [hands.worker.create(ROLE_BINDING, binding(place, person)) for person in range(5)]
    pages = list(hands.worker.list_pages(ROLE_BINDING, place, limit=2))
    assert [len(page.items) for page in pages] == [2, 2, 1]
    assert [page.last for page in pages] == [False, False, True]
    assert len({page.resource_version for page in pages}) == 1
    assert pages[0].resource_version
    items = [item for page in pages for item in page.items]
    assert items == sorted(made, key=lambda item: str(item["metadata"]["name"]))


def test_a_full_last_page_is_the_last(hands: Hands) -> None:
    place = hands.new_namespace()
    for person in range(4):
        hands.worker.create(ROLE_BINDING, binding(place, person))
    pages = list(hands.worker.list_pages(ROLE_BINDING, place, limit=2))
    assert [(len(page.items), page.last) for page in pages] == [(2, False), (2, True)]


def test_what_happens_between_two_pages_is_not_in_the_list(hands: Hands) -> None:
    place = hands.new_namespace()
    made = [hands.worker.create(ROLE_BINDING, binding(place, person)) for person in range(4)]
    last = max(made, key=lambda item: str(item["metadata"]["name"]))["metadata"]
    pages = hands.worker.list_pages(ROLE_BINDING, place, limit=2)
    first = next(pages)
    hands.worker.delete(ROLE_BINDING, last["name"], place, uid=last["uid"])
    hands.worker.create(ROLE_BINDING, binding(place, 99, "editor"))
    rest = [item for page in pages for item in page.items]
    assert titles(first.items + rest) == sorted(titles(made))


def test_a_list_of_the_whole_cluster_has_everything_and_the_canary(hands: Hands) -> None:
    places = [hands.new_namespace() for _ in range(2)]
    for place in places:
        hands.worker.create(ROLE_BINDING, binding(place))
    found = {
        (item["metadata"]["namespace"], item["metadata"]["name"])
        for item in listed(hands.worker, ROLE_BINDING, limit=3)
    }
    assert {(place, binding(place)["metadata"]["name"]) for place in places} <= found
    assert (names.SYSTEM_NAMESPACE, names.CANARY_BINDING) in found


def test_a_list_shows_objects_as_get_does(hands: Hands) -> None:
    name = hands.new_namespace()
    found = {item["metadata"]["name"]: item for item in listed(hands.worker, NAMESPACE)}
    assert found[name] == hands.worker.get(NAMESPACE, name)


@pytest.mark.parametrize("place", ["present", "absent"])
def test_an_empty_list_is_one_empty_last_page(hands: Hands, place: str) -> None:
    where = hands.new_namespace() if place == "present" else "nowhere-at-all"
    pages = list(hands.worker.list_pages(ROLE_BINDING, where))
    assert [(page.items, page.last) for page in pages] == [([], True)]


def test_bindings_of_others_are_listed(hands: Hands) -> None:
    place = hands.new_namespace()
    foreign = binding(place)
    foreign["metadata"] = {"name": "made-by-hand", "namespace": place}
    hands.outside.put(foreign)
    assert titles(listed(hands.worker, ROLE_BINDING, place)) == ["made-by-hand"]


# --- Deleting
# ------------------------------------------------------------------------------------------------------


def test_delete_takes_the_object_with_the_right_uid(hands: Hands) -> None:
    place = hands.new_namespace()
    made = hands.worker.create(ROLE_BINDING, binding(place))["metadata"]
    hands.worker.delete(ROLE_BINDING, made["name"], place, uid=made["uid"])
    assert listed(hands.worker, ROLE_BINDING, place) == []
    with pytest.raises(NotFound):
        hands.worker.delete(ROLE_BINDING, made["name"], place, uid=made["uid"])


def test_delete_with_another_uid_is_a_conflict_and_deletes_nothing(hands: Hands) -> None:
    place = hands.new_namespace()
    first = hands.worker.create(ROLE_BINDING, binding(place))["metadata"]
    hands.worker.delete(ROLE_BINDING, first["name"], place, uid=first["uid"])
    second = hands.worker.create(ROLE_BINDING, binding(place))
    assert second["metadata"]["uid"] != first["uid"]
    with pytest.raises(Conflict) as raised:
        hands.worker.delete(ROLE_BINDING, first["name"], place, uid=first["uid"])
    assert raised.value.cause == "Conflict"
    assert hands.worker.get(ROLE_BINDING, first["name"], place) == second


def test_delete_without_uid_is_a_mistake_of_ours(hands: Hands) -> None:
    with pytest.raises(ValueError, match="uid"):
        hands.worker.delete(ROLE_BINDING, "berth-x", "some-where", uid="")


# --- Replacing
# -----------------------------------------------------------------------------------------------------


def test_replace_writes_and_moves_the_version_on(hands: Hands) -> None:
    place = hands.new_namespace()
    made = hands.worker.create(LIMIT_RANGE, limits(place, "1Gi"))
    wanted = limits(place, "2Gi")["spec"]
    written = hands.worker.replace(LIMIT_RANGE, {**made, "spec": wanted})
    assert written["spec"] == wanted
    assert written["metadata"]["uid"] == made["metadata"]["uid"]
    assert written["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]
    assert hands.worker.get(LIMIT_RANGE, names.LIMITS, place) == written


def test_replace_of_what_has_moved_on_is_a_conflict(hands: Hands) -> None:
    place = hands.new_namespace()
    made = hands.worker.create(LIMIT_RANGE, limits(place, "1Gi"))
    changed = {**made, "spec": limits(place, "2Gi")["spec"]}
    hands.worker.replace(LIMIT_RANGE, changed)
    with pytest.raises(Conflict) as raised:
        hands.worker.replace(LIMIT_RANGE, changed)
    assert raised.value.cause == "Conflict"


@pytest.mark.parametrize("kind", [RESOURCE_QUOTA, LIMIT_RANGE], ids=lambda kind: str(kind.name))
def test_replace_of_what_is_gone_makes_nothing(hands: Hands, kind: Kind) -> None:
    place = hands.new_namespace()
    made = hands.worker.create(kind, quota(place) if kind is RESOURCE_QUOTA else limits(place, "1Gi"))
    hands.worker.delete(kind, made["metadata"]["name"], place, uid=made["metadata"]["uid"])
    with pytest.raises((NotFound, Conflict)):
        hands.worker.replace(kind, made)
    assert listed(hands.worker, kind, place) == []


def test_replace_without_change_leaves_the_version(hands: Hands) -> None:
    state = hands.worker.get(CONFIG_MAP, names.STATE_CONFIG_MAP, names.SYSTEM_NAMESPACE)
    written = hands.worker.replace(CONFIG_MAP, state)
    assert written["metadata"]["resourceVersion"] == state["metadata"]["resourceVersion"]


def test_replace_without_uid_and_version_is_a_mistake_of_ours(hands: Hands) -> None:
    with pytest.raises(ValueError, match="resourceVersion"):
        hands.worker.replace(RESOURCE_QUOTA, quota("some-where"))


# --- Access
# --------------------------------------------------------------------------------------------------------


def test_a_binding_gives_access_that_the_review_explains(hands: Hands) -> None:
    place = hands.new_namespace()
    made = hands.worker.create(ROLE_BINDING, binding(place, 7))
    hands.eventually(lambda: hands.worker.review_access(subject(7), place, READ_PODS).allowed, "access")
    answer = hands.worker.review_access(subject(7), place, READ_PODS)
    assert f'RoleBinding "{made["metadata"]["name"]}/{place}"' in answer.reason


def test_access_is_for_that_person_that_namespace_and_that_act_alone(hands: Hands) -> None:
    place, other = hands.new_namespace(), hands.new_namespace()
    hands.worker.create(ROLE_BINDING, binding(place, 7))
    hands.eventually(lambda: hands.worker.review_access(subject(7), place, READ_PODS).allowed, "access")
    assert not hands.worker.review_access(subject(70), place, READ_PODS).allowed
    assert not hands.worker.review_access(subject(7), other, READ_PODS).allowed
    assert not hands.worker.review_access(subject(7), "nowhere-at-all", READ_PODS).allowed
    assert not hands.worker.review_access(subject(7), place, RUN_PODS).allowed


def test_access_ends_with_the_binding(hands: Hands) -> None:
    place = hands.new_namespace()
    made = hands.worker.create(ROLE_BINDING, binding(place, 7))["metadata"]
    hands.eventually(lambda: hands.worker.review_access(subject(7), place, READ_PODS).allowed, "access")
    hands.worker.delete(ROLE_BINDING, made["name"], place, uid=made["uid"])
    hands.eventually(lambda: not hands.worker.review_access(subject(7), place, READ_PODS).allowed, "its end")


@pytest.mark.parametrize("role", roles.ROLES)
def test_every_probe_of_a_role_is_answered_yes(hands: Hands, role: str) -> None:
    place = hands.new_namespace()
    hands.worker.create(ROLE_BINDING, binding(place, 7, role))
    hands.eventually(lambda: hands.worker.review_access(subject(7), place, READ_PODS).allowed, "access")
    refused = [
        question
        for question in roles.probes(role)
        if not hands.worker.review_access(subject(7), place, question).allowed
    ]
    assert refused == []


@pytest.mark.parametrize(
    ("lost", "kept"), [("editor", "viewer"), ("admin", "viewer"), ("admin", "editor"), ("viewer", None)]
)
def test_every_probe_beyond_the_role_kept_is_answered_no(hands: Hands, lost: str, kept: str | None) -> None:
    place = hands.new_namespace()
    if kept:
        hands.worker.create(ROLE_BINDING, binding(place, 7, kept))
        hands.eventually(lambda: hands.worker.review_access(subject(7), place, READ_PODS).allowed, "access")
    questions = roles.probes_beyond(lost, kept)
    assert questions
    assert not [q for q in questions if hands.worker.review_access(subject(7), place, q).allowed]


def test_access_that_somebody_gave_by_hand_shows(hands: Hands) -> None:
    place = hands.new_namespace()
    sneaky = binding(place, 7, "editor")
    sneaky["metadata"] = {"name": "sneaky", "namespace": place}
    hands.outside.put(sneaky)
    hands.eventually(lambda: hands.worker.review_access(subject(7), place, RUN_PODS).allowed, "access")
    assert f'RoleBinding "sneaky/{place}"' in hands.worker.review_access(subject(7), place, RUN_PODS).reason


# --- Roles
# ---------------------------------------------------------------------------------------------------------


def test_the_roles_that_berth_gives_away_can_be_read_and_are_sound(hands: Hands) -> None:
    with hands.roles_in_place():
        found = hands.worker.get(CLUSTER_ROLE, "berth:reaper")
        assert found["kind"] == "ClusterRole"
        assert found["rules"] == [rule.manifest() for rule in roles.REAPER_RULES]
        assert altered_roles(hands.worker) == []


def test_a_role_that_is_missing_or_was_widened_is_named(hands: Hands) -> None:
    with hands.without_role("berth:reaper"):
        assert altered_roles(hands.worker) == ["berth:reaper"]
        widened = [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "delete", "patch"]}]
        hands.outside.put(
            {
                "apiVersion": CLUSTER_ROLE.api_version,
                "kind": "ClusterRole",
                "metadata": {"name": "berth:reaper"},
                "rules": widened,
            }
        )
        assert altered_roles(hands.worker) == ["berth:reaper"]
        hands.outside.remove_role("berth:reaper")


# --- A namespace that ends
# -----------------------------------------------------------------------------------------


def test_a_namespace_that_ends_takes_nothing_new_and_keeps_its_name_until_it_is_gone(hands: Hands) -> None:
    place = hands.new_namespace()
    first = hands.worker.create(ROLE_BINDING, binding(place))
    before = hands.worker.get(NAMESPACE, place)
    hands.outside.hold(place)
    hands.outside.terminate(place)

    with pytest.raises(Forbidden) as raised:
        hands.worker.create(ROLE_BINDING, binding(place, 2))
    assert raised.value.cause == "NamespaceTerminating"
    with pytest.raises(Conflict, match="being deleted") as taken:
        hands.worker.create(NAMESPACE, namespace(place))
    assert taken.value.cause == "AlreadyExists"
    ending = hands.worker.get(NAMESPACE, place)
    assert ending["metadata"]["deletionTimestamp"]
    assert ending["metadata"]["uid"] == before["metadata"]["uid"]

    hands.eventually(lambda: listed(hands.worker, ROLE_BINDING, place) == [], "the end of its bindings")
    with pytest.raises(NotFound):
        hands.worker.get(ROLE_BINDING, first["metadata"]["name"], place)
    assert not hands.is_gone(place)
    hands.outside.release(place)
    hands.eventually(lambda: hands.is_gone(place), "the end of the namespace")
    again = hands.worker.create(NAMESPACE, namespace(place))
    assert again["metadata"]["uid"] != before["metadata"]["uid"]


def test_the_reaper_ends_a_condemned_namespace_and_no_other(hands: Hands) -> None:
    condemned, living = hands.new_namespace(), hands.new_namespace()
    uid = hands.worker.get(NAMESPACE, condemned)["metadata"]["uid"]
    for place in (condemned, living):
        with pytest.raises(Forbidden):
            hands.reaper.get(NAMESPACE, place)
    with hands.roles_in_place():
        hands.worker.create(ROLE_BINDING, reaper_binding(condemned))
        hands.eventually(lambda: may_read(hands.reaper, condemned), "the reaper's access")
        with pytest.raises(Forbidden):
            hands.reaper.delete(NAMESPACE, living, uid=hands.worker.get(NAMESPACE, living)["metadata"]["uid"])
        with pytest.raises(Conflict):
            hands.reaper.delete(NAMESPACE, condemned, uid="00000000-0000-0000-0000-000000000000")
        hands.reaper.delete(NAMESPACE, condemned, uid=uid)
    hands.eventually(lambda: hands.is_gone(condemned), "the end of the namespace")
    assert not hands.is_gone(living)


def may_read(cluster: ClusterApi, place: str) -> bool:
    try:
        cluster.get(NAMESPACE, place)
    except Forbidden:
        return False
    return True


# --- Errors -----------------------------------------------------------------------------------------------------------


def test_errors_say_in_words_what_was_wrong(hands: Hands) -> None:
    with pytest.raises(ClusterError) as raised:
        hands.worker.get(NAMESPACE, "nowhere-at-all")
    assert "nowhere-at-all" in raised.value.message
    assert raised.value.code == "not-found"
