"""The main paths of reconciliation against a real API server, looked at from outside with kubectl."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.errors import StateConflict
from accounts.models import Level, User
from clusters.models import Cluster
from clusters.roles import binding_name
from localcluster.admin_api import AdminApi
from namespaces import drift as differences
from namespaces import limits, reconciliation, seen_limits, standing, sweeping
from namespaces.access import Role
from namespaces.actions import drift, invitations, members
from namespaces.actions import limits as limit_actions
from namespaces.actions.invitations import Course
from namespaces.models import Grant, Limit, Membership, Namespace, NamespaceStatus, SeenBinding, SeenKeys
from namespaces.standing import State
from tests import factories
from tests.conftest import ControlPlane

PATIENCE_SECONDS = 60


class Lab:
    """A namespace of its own for one test, with its admin; what kubectl says of it."""

    def __init__(self, control_plane: ControlPlane, cluster: Cluster) -> None:
        self.outside = control_plane
        self.admin = self.person(level=Level.ADMIN)
        self.row = factories.NamespaceFactory.create(
            cluster=cluster, name=f"lab-{uuid.uuid4().hex[:16]}", created_by=self.admin
        )
        factories.MembershipFactory.create(namespace=self.row, person=self.admin, role=Role.ADMIN)

    def person(self, level: Level = Level.USER) -> User:
        made = factories.PersonFactory.create(level=level)
        number = uuid.uuid4().int % 10**12
        factories.IdentityFactory.create(
            person=made,
            issuer=self.outside.layout.issuer,
            subject=f"http://cilogon.org/serverA/users/{number}",
        )
        return made

    def member(self, role: Role = Role.EDITOR) -> User:
        """Let somebody in, and let a worker do its work."""
        person = self.person()
        members.add(namespace=self.row, person=person, role=role, by=self.admin)
        reconciliation.reconcile(self.row.pk)
        return person

    def membership(self, person: User) -> Membership:
        return Membership.objects.current().get(namespace=self.row, person=person)

    def stands(self, person: User) -> State:
        fresh = Namespace.objects.get(pk=self.row.pk)
        return standing.of_person(person, [fresh])[self.row.pk].state

    def status(self) -> NamespaceStatus:
        return NamespaceStatus.objects.get(namespace=self.row)

    def kubectl(self, *arguments: str) -> str:
        return self.outside.kubectl("--namespace", self.row.name, *arguments)

    def can(self, person: User, *act: str, namespace: str = "") -> bool:
        """Whether the API server lets exactly this user name do this."""
        subject = person.identities.get().subject
        arguments = ["auth", "can-i", *act, "--as", subject, "--namespace", namespace or self.row.name]
        return self.outside.answer(*arguments) == "yes"

    def binding(self, person: User, role: str) -> str:
        identity = person.identities.get()
        return binding_name(role, identity.issuer, identity.subject)

    def create(self, manifest: dict[str, Any]) -> None:
        """Make an object as an administrator of the cluster."""
        path = f"/apis/{manifest['apiVersion']}/namespaces/{self.row.name}/rolebindings"
        AdminApi(self.outside.layout).expect("POST", path, manifest)

    def bindings(self) -> dict[str, Any]:
        """Return all bindings of the namespace by name."""
        found = json.loads(self.kubectl("get", "rolebindings", "--output", "json"))
        return {item["metadata"]["name"]: item for item in found["items"]}


@pytest.fixture
def lab(control_plane: ControlPlane, real_cluster: Cluster) -> Lab:
    made = Lab(control_plane, real_cluster)
    reconciliation.reconcile(made.row.pk)
    assert made.status().state == NamespaceStatus.State.READY, made.status().error_message
    return made


def until(condition: Callable[[], bool]) -> None:
    """Wait for what the cluster does in its own time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the cluster did not get there"
        time.sleep(0.1)


def test_right_is_given_and_works_in_this_namespace_only(lab: Lab) -> None:
    eda, vera = lab.member(Role.EDITOR), lab.member(Role.VIEWER)
    assert [lab.stands(person) for person in (lab.admin, eda, vera)] == [State.ACTIVE] * 3
    assert [lab.can(person, "create", "pods") for person in (lab.admin, eda, vera)] == [True, True, False]
    assert [lab.can(person, "create", "rolebindings") for person in (lab.admin, eda)] == [True, False]
    assert lab.can(vera, "get", "pods")
    assert not lab.can(lab.admin, "get", "pods", namespace="default")
    assert set(lab.bindings()) == {
        lab.binding(lab.admin, "admin"), lab.binding(eda, "editor"), lab.binding(vera, "viewer"),
    }  # fmt: skip


def test_second_pass_and_sweep_change_nothing(lab: Lab) -> None:
    lab.member()
    before = lab.bindings()
    reconciliation.reconcile(lab.row.pk)
    assert lab.row.pk not in sweeping.sweep(lab.row.cluster).differing
    assert lab.bindings() == before


def test_change_of_role_is_followed(lab: Lab) -> None:
    person = lab.member(Role.EDITOR)
    members.set_role(membership=lab.membership(person), role=Role.VIEWER, by=lab.admin)
    reconciliation.reconcile(lab.row.pk)
    assert lab.stands(person) == State.ACTIVE
    assert [lab.can(person, verb, "pods") for verb in ("get", "create")] == [True, False]
    assert lab.binding(person, "editor") not in lab.bindings()


def test_removal_is_proved_and_true(lab: Lab) -> None:
    person = lab.member(Role.ADMIN)
    members.remove(membership=lab.membership(person), by=lab.admin)
    assert lab.stands(person) == State.ENDING
    reconciliation.reconcile(lab.row.pk)
    assert lab.stands(person) == State.REVOKED
    for act in (("get", "pods"), ("create", "pods"), ("get", "secrets"), ("create", "rolebindings")):
        assert not lab.can(person, *act)
    assert set(lab.bindings()) == {lab.binding(lab.admin, "admin")}


def test_course_of_200_comes_in_and_goes_out(lab: Lab) -> None:
    """Two hundred guests come by one link, all proved; when it ends no binding of theirs is left, and others stay."""
    stays = lab.member(Role.EDITOR)
    before = set(lab.bindings())
    end = timezone.now() + timedelta(days=30)
    course = invitations.open_course(
        namespace=lab.row,
        course=Course("Summer school", Role.EDITOR, 200, expires_at=end, access_ends_at=end),
        by=lab.admin,
    )
    students = [lab.person(level=Level.GUEST) for _number in range(200)]
    for student in students:
        assert invitations.accept(invitation=course, serial=course.serial, by=student)
    with pytest.raises(StateConflict, match="places are taken"):
        invitations.accept(invitation=course, serial=course.serial, by=lab.person())
    until(lambda: _reconciled(lab))
    came = Grant.objects.filter(namespace=lab.row, membership__invitation=course)
    assert came.filter(state=Grant.State.ACTIVE, proved_at__isnull=False).count() == 200
    assert len(set(lab.bindings()) - before) == 200
    for student in (students[0], students[-1]):
        assert lab.can(student, "create", "pods")

    assert len(invitations.end_course(invitation=course, by=lab.admin)) == 200
    until(lambda: _reconciled(lab))
    assert came.filter(state=Grant.State.REVOKED).count() == 200
    assert set(lab.bindings()) == before
    assert not lab.can(students[0], "create", "pods")
    assert lab.can(stays, "create", "pods")


def _reconciled(lab: Lab) -> bool:
    """Let a worker do its work; whether nothing is left to do."""
    reconciliation.reconcile(lab.row.pk)
    namespace, status = Namespace.objects.get(pk=lab.row.pk), lab.status()
    return status.observed_generation == namespace.generation


def test_changes_made_by_hand_are_healed_by_the_sweep(lab: Lab) -> None:
    deleted, swapped = lab.member(Role.EDITOR), lab.member(Role.VIEWER)
    lab.kubectl("delete", "rolebinding", lab.binding(deleted, "editor"))
    other = "http://cilogon.org/serverA/users/666"
    patch = [{"op": "replace", "path": "/subjects/0/name", "value": other}]
    lab.kubectl(
        "patch", "rolebinding", lab.binding(swapped, "viewer"), "--type=json", f"--patch={json.dumps(patch)}"
    )
    assert lab.row.pk in sweeping.sweep(lab.row.cluster).differing
    sweeping.sweep_clusters()
    assert [lab.stands(person) for person in (deleted, swapped)] == [State.ACTIVE] * 2
    assert lab.can(deleted, "create", "pods")
    assert lab.can(swapped, "get", "pods")
    assert (
        lab.outside.answer("auth", "can-i", "get", "pods", "--as", other, "--namespace", lab.row.name) == "no"
    )
    assert lab.row.pk not in sweeping.sweep(lab.row.cluster).differing


def test_binding_made_by_hand_leaves_residual_access_which_is_shown_and_not_touched(lab: Lab) -> None:
    person = lab.member(Role.VIEWER)
    subject = person.identities.get().subject
    lab.kubectl("create", "rolebinding", "sneaky", "--clusterrole=berth:editor", f"--user={subject}")
    members.remove(membership=lab.membership(person), by=lab.admin)
    reconciliation.reconcile(lab.row.pk)
    assert lab.stands(person) == State.RESIDUAL
    assert "sneaky" in Grant.objects.get(identity__person=person).error_message
    assert lab.can(person, "create", "pods")
    assert "sneaky" in lab.bindings()
    lab.kubectl("delete", "rolebinding", "sneaky")
    reconciliation.reconcile(lab.row.pk)
    assert lab.stands(person) == State.REVOKED
    assert not lab.can(person, "create", "pods")


def test_unmanaged_namespace_is_never_taken_over(control_plane: ControlPlane, real_cluster: Cluster) -> None:
    lab = Lab(control_plane, real_cluster)
    control_plane.kubectl("create", "namespace", lab.row.name)
    before = control_plane.kubectl("get", "namespace", lab.row.name, "--output", "json")
    reconciliation.reconcile(lab.row.pk)
    assert (lab.status().state, lab.status().error_code) == ("conflict", "foreign")
    assert lab.stands(lab.admin) == State.FAILING
    assert lab.bindings() == {}
    assert control_plane.kubectl("get", "namespace", lab.row.name, "--output", "json") == before


@pytest.mark.parametrize("name", ["kube-foo", "openshift-lab", "sys-lab"])
def test_reserved_name_is_refused_whatever_the_rows_say(
    control_plane: ControlPlane, real_cluster: Cluster, name: str
) -> None:
    """The API server alone would take all of these."""
    lab = Lab(control_plane, real_cluster)
    Namespace.objects.filter(pk=lab.row.pk).update(name=name)
    reconciliation.reconcile(lab.row.pk)
    assert (lab.status().state, lab.status().error_code) == ("degraded", "forbidden")
    assert name not in control_plane.kubectl("get", "namespaces", "--output", "name")


def test_namespace_deleted_and_made_again_gets_nothing(lab: Lab) -> None:
    """Terminating, gone, and then another one of that name: each is told, none is written to."""
    person = lab.member()
    lab.outside.kubectl("delete", "namespace", lab.row.name, "--wait=false")
    reconciliation.reconcile(lab.row.pk)
    assert (lab.status().state, lab.status().error_code) in {
        ("waiting", "terminating"),
        ("missing", "missing"),
    }
    members.remove(membership=lab.membership(person), by=lab.admin)
    until(lambda: lab.row.name not in lab.outside.kubectl("get", "namespaces", "--output", "name"))
    reconciliation.reconcile(lab.row.pk)
    assert (lab.status().state, lab.status().error_code) == ("missing", "missing")
    assert lab.stands(person) == State.REVOKED
    lab.outside.kubectl("create", "namespace", lab.row.name)
    reconciliation.reconcile(lab.row.pk)
    assert (lab.status().state, lab.status().error_code) == ("conflict", "replaced")
    assert lab.bindings() == {}
    assert not lab.can(lab.admin, "get", "pods")


def test_right_that_the_cluster_refuses_to_end_is_not_said_to_be_gone(lab: Lab) -> None:
    """The API server took the deletion, and a finalizer of somebody else holds up the end of the binding."""
    person = lab.member()
    name = lab.binding(person, "editor")
    lab.kubectl("patch", "rolebinding", name, "--patch", '{"metadata": {"finalizers": ["example.org/hold"]}}')
    members.remove(membership=lab.membership(person), by=lab.admin)
    reconciliation.reconcile(lab.row.pk)
    assert lab.can(person, "create", "pods")
    assert lab.stands(person) == State.RESIDUAL
    lab.kubectl("patch", "rolebinding", name, "--patch", '{"metadata": {"finalizers": null}}')
    reconciliation.reconcile(lab.row.pk)
    assert lab.stands(person) == State.REVOKED


def test_part_of_the_rights_given_by_hand_is_residual_access(lab: Lab) -> None:
    """The role of somebody else holds nothing that the proof asks about."""
    person = lab.member()
    subject = person.identities.get().subject
    lab.kubectl("create", "role", "part", "--verb=list", "--resource=secrets")
    lab.kubectl("create", "rolebinding", "sneaky", "--role=part", f"--user={subject}")
    members.remove(membership=lab.membership(person), by=lab.admin)
    reconciliation.reconcile(lab.row.pk)
    assert lab.stands(person) == State.RESIDUAL
    assert f'"sneaky/{lab.row.name}"' in Grant.objects.get(identity__person=person).error_message
    lab.kubectl("delete", "rolebinding", "sneaky")
    reconciliation.reconcile(lab.row.pk)
    assert lab.stands(person) == State.REVOKED


def test_right_given_to_everybody_who_logs_in_is_residual_access(lab: Lab) -> None:
    person = lab.member()
    lab.kubectl("create", "rolebinding", "open", "--clusterrole=berth:viewer", "--group=system:authenticated")
    members.remove(membership=lab.membership(person), by=lab.admin)
    reconciliation.reconcile(lab.row.pk)
    assert lab.stands(person) == State.RESIDUAL


def test_admin_of_the_namespace_may_close_a_door_that_others_opened(lab: Lab) -> None:
    me = ("--as", lab.admin.identities.get().subject)
    other = "http://cilogon.org/serverA/users/1"
    lab.kubectl("create", "rolebinding", "sneaky", "--clusterrole=berth:editor", f"--user={other}")
    lab.kubectl("delete", "rolebinding", "sneaky", *me)
    assert "sneaky" not in lab.bindings()
    with pytest.raises(AssertionError, match="This binding is kept by Berth"):
        lab.kubectl("delete", "rolebinding", lab.binding(lab.admin, "admin"), *me)


def test_binding_whose_label_was_taken_off_is_revoked_all_the_same(lab: Lab) -> None:
    person = lab.member()
    name = lab.binding(person, "editor")
    lab.kubectl("label", "rolebinding", name, "app.kubernetes.io/managed-by-")
    members.remove(membership=lab.membership(person), by=lab.admin)
    reconciliation.reconcile(lab.row.pk)
    assert name not in lab.bindings()
    assert lab.stands(person) == State.REVOKED


class TestLimits:
    """Quota and limits per container; numbers are counted by the real quota controller."""

    def decide(self, lab: Lab, **amounts: int) -> None:
        keys = {}
        for name, amount in amounts.items():
            kind, resource = name.split("__")
            keys[limits.Key(limits.Kind(kind), resource.replace("_", "."))] = amount
        limit_actions.store(lab.row, keys)
        reconciliation.reconcile(lab.row.pk)
        assert lab.status().state == NamespaceStatus.State.READY, lab.status().error_message

    def get(self, lab: Lab, kind: str, name: str) -> Any:
        return json.loads(lab.kubectl("get", kind, name, "--output", "json"))

    def hard(self, lab: Lab) -> dict[str, str]:
        found: dict[str, str] = self.get(lab, "resourcequota", "berth-quota")["spec"]["hard"]
        return found

    def test_limits_are_made_and_a_second_pass_writes_nothing(self, lab: Lab) -> None:
        self.decide(lab, quota__pods=20, quota__requests_cpu=1500, default__cpu=1000, max__cpu=4000)
        assert self.hard(lab) == {"pods": "20", "requests.cpu": "1500m"}
        (item,) = self.get(lab, "limitrange", "berth-limits")["spec"]["limits"]
        assert item == {
            "type": "Container", "max": {"cpu": "4"}, "default": {"cpu": "1"}, "defaultRequest": {"cpu": "1"},
        }  # fmt: skip
        patch = '{"spec": {"hard": {"pods": "20000m", "requests.cpu": "1.5"}}}'
        lab.kubectl("patch", "resourcequota", "berth-quota", "--patch", patch)
        before = self.versions_at_rest(lab)
        reconciliation.reconcile(lab.row.pk)
        assert self.versions_at_rest(lab) == before

    def versions_at_rest(self, lab: Lab) -> list[str]:
        """Return the versions of both objects, once the controller has counted."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            quota = self.get(lab, "resourcequota", "berth-quota")
            if quota.get("status", {}).get("hard") == quota["spec"]["hard"]:
                ranges = self.get(lab, "limitrange", "berth-limits")
                return [each["metadata"]["resourceVersion"] for each in (quota, ranges)]
            assert time.monotonic() < deadline

    def test_key_changed_by_hand_is_set_right_and_one_that_was_added_stays(self, lab: Lab) -> None:
        self.decide(lab, quota__pods=20)
        patch = '{"spec": {"hard": {"pods": "500", "secrets": "7"}}}'
        lab.kubectl("patch", "resourcequota", "berth-quota", "--patch", patch)
        reconciliation.reconcile(lab.row.pk)
        assert self.hard(lab) == {"pods": "20", "secrets": "7"}

    def test_maximum_below_what_was_filled_in_is_taken(self, lab: Lab) -> None:
        self.decide(lab, max__cpu=4000)
        self.decide(lab, max__cpu=2000)
        (item,) = self.get(lab, "limitrange", "berth-limits")["spec"]["limits"]
        assert (item["max"], item["default"]) == ({"cpu": "2"}, {"cpu": "2"})

    def test_limits_that_end_go_and_what_others_made_stays(self, lab: Lab) -> None:
        lab.kubectl("create", "quota", "theirs", "--hard", "pods=3")
        self.decide(lab, quota__pods=20, quota__secrets=9, max__cpu=4000)
        self.decide(lab, quota__secrets=9)
        assert self.hard(lab) == {"secrets": "9"}
        self.decide(lab)
        found = lab.kubectl("get", "resourcequotas,limitranges", "--output", "name").split()
        assert found == ["resourcequota/theirs"]
        assert [each.name for each in seen_limits.of(lab.row).quotas] == ["theirs"]

    def test_quota_below_use_is_kept_and_the_numbers_are_those_of_the_cluster(self, lab: Lab) -> None:
        for number in range(3):
            lab.kubectl("create", "secret", "generic", f"s{number}")
        self.decide(lab, quota__secrets=1)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while seen_limits.used(lab.row).get("secrets") != 3 and time.monotonic() < deadline:
            reconciliation.reconcile(lab.row.pk)
        (found,) = seen_limits.of(lab.row).quotas
        (line,) = found.lines
        assert (line.used, line.hard, line.is_over) == ("3", "1", True)

    def test_name_that_is_taken_is_told_and_left_alone(self, lab: Lab) -> None:
        lab.kubectl("create", "quota", "berth-quota", "--hard", "pods=3")
        limit_actions.store(lab.row, {limits.Key(limits.Kind.QUOTA, "pods"): 20})
        somebody = lab.member()
        assert lab.status().state == NamespaceStatus.State.CONFLICT
        assert "A ResourceQuota berth-quota is there that Berth did not make." in lab.status().error_message
        assert self.hard(lab) == {"pods": "3"}
        assert lab.stands(somebody) == State.ACTIVE


class TestDrift:
    """What operators decide about objects that others made or changed, end to end."""

    @pytest.fixture
    def operator(self, db: None) -> User:
        return factories.PersonFactory.create(level=Level.ADMIN, is_superuser=True)

    def line(self, lab: Lab, name: str) -> SeenBinding:
        return SeenBinding.objects.get(namespace=lab.row, name=name)

    def test_binding_made_by_hand_is_adopted(self, lab: Lab, operator: User) -> None:
        person = lab.person()
        subject = person.identities.get().subject
        lab.kubectl("create", "rolebinding", "sneaky", "--clusterrole=berth:editor", f"--user={subject}")
        sweeping.sweep(lab.row.cluster)
        row = self.line(lab, "sneaky")
        assert (row.kind, row.written_by.startswith("kubectl")) == ("beside", True)
        made = drift.adopt(row=row, role=Role.VIEWER, reason="From the workshop.", by=operator)
        assert not made.is_condemned
        reconciliation.reconcile(lab.row.pk)
        assert lab.stands(person) == State.ACTIVE
        assert {"sneaky", lab.binding(person, "viewer")} <= set(lab.bindings())
        lab.kubectl("delete", "rolebinding", "sneaky")
        sweeping.sweep(lab.row.cluster)
        assert not SeenBinding.objects.filter(namespace=lab.row).exists()
        assert [lab.can(person, verb, "pods") for verb in ("get", "create")] == [True, False]

    def copied(self, lab: Lab, person: User, role: str) -> str:
        """Make a binding that says of itself that this Berth made it."""
        made = lab.bindings()[lab.binding(lab.admin, "admin")]
        name = lab.binding(person, role)
        kept = {"labels": made["metadata"]["labels"], "annotations": made["metadata"]["annotations"]}
        copy = {
            "apiVersion": made["apiVersion"],
            "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": lab.row.name, **kept},
            "roleRef": {**made["roleRef"], "name": f"berth:{role}"},
            "subjects": [{**made["subjects"][0], "name": person.identities.get().subject}],
        }
        lab.create(copy)
        return name

    def test_orphan_is_reverted(self, lab: Lab, operator: User) -> None:
        person = lab.person()
        name = self.copied(lab, person, "editor")
        assert lab.can(person, "create", "pods")
        reconciliation.reconcile(lab.row.pk)
        row = self.line(lab, name)
        assert row.kind == "orphan"
        assert lab.can(person, "create", "pods")
        drift.revert(row=row, reason="Nobody knows where it comes from.", by=operator)
        reconciliation.reconcile(lab.row.pk)
        assert name not in lab.bindings()
        assert not lab.can(person, "create", "pods")
        assert not SeenBinding.objects.filter(namespace=lab.row).exists()

    def test_orphan_of_the_same_right_is_adopted_and_replaced(self, lab: Lab, operator: User) -> None:
        person = lab.person()
        name = self.copied(lab, person, "editor")
        reconciliation.reconcile(lab.row.pk)
        before = lab.bindings()[name]["metadata"]["uid"]
        made = drift.adopt(row=self.line(lab, name), role=Role.EDITOR, reason="She works here.", by=operator)
        assert made.is_condemned
        reconciliation.reconcile(lab.row.pk)
        assert lab.stands(person) == State.ACTIVE
        assert lab.bindings()[name]["metadata"]["uid"] != before

    def test_namespace_made_anew_goes_on_once_it_is_confirmed_and_labelled(
        self, lab: Lab, operator: User
    ) -> None:
        lab.outside.kubectl("delete", "namespace", lab.row.name)
        lab.outside.kubectl("create", "namespace", lab.row.name)
        reconciliation.reconcile(lab.row.pk)
        assert lab.status().error_code == "replaced"
        uid = lab.outside.kubectl("get", "namespace", lab.row.name, "--output", "jsonpath={.metadata.uid}")
        drift.confirm(namespace=lab.row, uid=uid, reason="We rebuilt it.", by=operator)
        reconciliation.reconcile(lab.row.pk)
        assert lab.status().error_code == "unlabelled"
        lab.outside.kubectl(*differences.label_command(lab.row).split()[1:])
        reconciliation.reconcile(lab.row.pk)
        assert (lab.status().state, lab.status().cluster_uid) == ("ready", uid)
        assert lab.stands(lab.admin) == State.ACTIVE

    def test_namespace_that_is_gone_is_made_again_once_that_is_confirmed(
        self, lab: Lab, operator: User
    ) -> None:
        lab.outside.kubectl("delete", "namespace", lab.row.name)
        reconciliation.reconcile(lab.row.pk)
        assert lab.status().error_code == "missing"
        drift.confirm(
            namespace=lab.row, uid=lab.status().cluster_uid, reason="It went by mistake.", by=operator
        )
        reconciliation.reconcile(lab.row.pk)
        assert lab.status().state == "ready"
        assert lab.stands(lab.admin) == State.ACTIVE

    def test_limits_are_asked_about_adopted_and_reverted(
        self, lab: Lab, operator: User, settings: Settings
    ) -> None:
        settings.LIMITS_DRIFT = "ask"
        key = limits.Key(limits.Kind.QUOTA, "pods")
        limit_actions.decide(
            namespace=lab.row, amounts={key: 20}, version=lab.row.limits_version, by=operator
        )
        reconciliation.reconcile(lab.row.pk)
        shown = ("get", "resourcequota", "berth-quota", "--output", "jsonpath={.spec.hard.pods}")
        assert lab.kubectl(*shown) == "20"

        def change(pods: str) -> SeenKeys:
            patch = json.dumps({"spec": {"hard": {"pods": pods}}})
            lab.kubectl("patch", "resourcequota", "berth-quota", "--patch", patch)
            assert lab.row.pk not in sweeping.sweep(lab.row.cluster).differing
            reconciliation.reconcile(lab.row.pk)
            assert lab.kubectl(*shown) == pods
            return SeenKeys.objects.get(namespace=lab.row)

        row = change("50")
        assert row.keys == [["", "pods", "20", "50"]]
        assert row.written_by.startswith("kubectl")
        drift.adopt_limits(row=row, reason="They need it.", by=operator)
        reconciliation.reconcile(lab.row.pk)
        assert lab.kubectl(*shown) == "50"
        assert Limit.objects.get(namespace=lab.row, resource="pods").amount == 50
        drift.revert_limits(row=change("500"), reason="Too many.", by=operator)
        reconciliation.reconcile(lab.row.pk)
        assert lab.kubectl(*shown) == "50"
        assert not SeenKeys.objects.filter(namespace=lab.row).exists()


@pytest.mark.parametrize(
    "name", ["n" * 300, "sneaky\0", "sneaky\x1b[1A; $(id)"], ids=["long", "nul", "escape"]
)
def test_binding_of_any_name_that_the_api_server_takes_is_told(lab: Lab, name: str) -> None:
    """Whoever may write bindings with kubectl chooses it: no name ends a pass, or the sweep of the whole cluster."""
    lab.create(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": lab.row.name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}],
        }
    )
    reconciliation.reconcile(lab.row.pk)
    told = SeenBinding.objects.get(namespace=lab.row)
    assert (told.name + told.role + told.users[0]).isprintable()
    sweeping.sweep(lab.row.cluster)
    assert SeenBinding.objects.get(namespace=lab.row) == told
