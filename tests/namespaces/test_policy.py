"""Who may do what in a namespace: product.md section 3 as one table, asserted for everybody and every permission."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from django.contrib.auth.models import AnonymousUser

from accounts.models import Level, User
from accounts.policy import Reader
from namespaces import policy
from namespaces.access import Permission, Role
from namespaces.models import Namespace, Visibility
from tests import factories

P = Permission
PAGE = {P.SEE_PAGE}
ASK = PAGE | {P.ASK_TO_JOIN}
MEMBER = ASK | {P.SEE_PEOPLE, P.SEE_LIMITS, P.LEAVE}
MANAGE = {P.MANAGE_MEMBERS, P.DECIDE_REQUESTS, P.EDIT_PAGE, P.SEE_DRIFT}
OPERATE = MANAGE | {P.SEE_LIMITS, P.DECIDE_LIMITS, P.DECIDE_DRIFT}
NOTHING: set[Permission] = set()


def _member(role: Role, **person: object) -> Callable[[Namespace], Reader]:
    def make(namespace: Namespace) -> Reader:
        made: User = factories.PersonFactory.create(**person)
        factories.MembershipFactory.create(namespace=namespace, person=made, role=role)
        return made

    return make


def _ended(role: Role) -> Callable[[Namespace], Reader]:
    def make(namespace: Namespace) -> Reader:
        made: User = factories.PersonFactory.create()
        factories.MembershipFactory.create(
            namespace=namespace, person=made, role=role, ended_at="2026-01-01T00:00:00Z"
        )
        return made

    return make


def _elsewhere(namespace: Namespace) -> Reader:
    made: User = factories.PersonFactory.create()
    factories.MembershipFactory.create(
        namespace=factories.NamespaceFactory.create(cluster=namespace.cluster), person=made, role=Role.ADMIN
    )
    return made


def _stranger(**person: object) -> Callable[[Namespace], Reader]:
    return lambda _namespace: factories.PersonFactory.create(**person)


# Kind of reader -> how to make one, what they may in a listed namespace, what in a hidden one.
MATRIX: dict[str, tuple[Callable[[Namespace], Reader], set[Permission], set[Permission]]] = {
    "anonymous": (lambda _namespace: AnonymousUser(), PAGE, NOTHING),
    "guest": (_stranger(level=Level.GUEST), ASK, NOTHING),
    "user": (_stranger(), ASK, NOTHING),
    "level admin": (_stranger(level=Level.ADMIN), ASK, NOTHING),
    "viewer": (_member(Role.VIEWER), MEMBER, MEMBER),
    "editor": (_member(Role.EDITOR), MEMBER, MEMBER),
    "admin": (_member(Role.ADMIN), MEMBER | MANAGE, MEMBER | MANAGE),
    "admin elsewhere": (_elsewhere, ASK, NOTHING),
    "guest who is viewer": (_member(Role.VIEWER, level=Level.GUEST), ASK, NOTHING),
    "guest who is admin": (_member(Role.ADMIN, level=Level.GUEST), ASK, NOTHING),
    "ex-editor": (_ended(Role.EDITOR), ASK, NOTHING),
    "ex-admin": (_ended(Role.ADMIN), ASK, NOTHING),
    "operator": (
        _stranger(level=Level.ADMIN, is_superuser=True),
        ASK | {P.SEE_PEOPLE} | OPERATE, ASK | {P.SEE_PEOPLE} | OPERATE,
    ),
    "operator who is viewer": (_member(Role.VIEWER, is_superuser=True), MEMBER | OPERATE, MEMBER | OPERATE),
    "inactive user": (_stranger(is_active=False), PAGE, NOTHING),
    "inactive editor": (_member(Role.EDITOR, is_active=False), PAGE, NOTHING),
    "inactive admin": (_member(Role.ADMIN, is_active=False), PAGE, NOTHING),
    "inactive operator": (_stranger(level=Level.ADMIN, is_superuser=True, is_active=False), PAGE, NOTHING),
}  # fmt: skip


@pytest.mark.parametrize("visibility", list(Visibility))
@pytest.mark.parametrize("who", MATRIX)
@pytest.mark.django_db
def test_everybody_may_exactly_what_the_table_says(who: str, visibility: Visibility) -> None:
    namespace = factories.NamespaceFactory.create(visibility=visibility)
    make, if_listed, if_hidden = MATRIX[who]
    reader = make(namespace)
    expected = if_hidden if visibility == Visibility.MEMBERS else if_listed
    assert policy.permissions(reader, namespace) == expected
    for permission in Permission:
        assert policy.permits(reader, permission, namespace) is (permission in expected), permission


def test_table_speaks_of_every_permission() -> None:
    assert set().union(*(listed for _make, listed, _hidden in MATRIX.values())) == set(Permission)


@pytest.mark.parametrize("who", MATRIX)
@pytest.mark.django_db
def test_role_is_that_of_a_current_membership_with_effect(who: str) -> None:
    namespace = factories.NamespaceFactory.create()
    roles = {
        "viewer": Role.VIEWER, "operator who is viewer": Role.VIEWER, "editor": Role.EDITOR, "admin": Role.ADMIN,
    }  # fmt: skip
    assert policy.role_of(MATRIX[who][0](namespace), namespace) == roles.get(who)


@pytest.mark.parametrize("visibility", list(Visibility))
@pytest.mark.parametrize("who", [name for name in MATRIX if name != "anonymous"])
@pytest.mark.django_db
def test_roles_are_given_by_namespace_admins_and_operators_only(who: str, visibility: Visibility) -> None:
    namespace = factories.NamespaceFactory.create(visibility=visibility)
    reader = MATRIX[who][0](namespace)
    assert isinstance(reader, User)
    for role in Role:
        assert policy.may_grant(reader, role, namespace) is (
            who in {"admin", "operator", "operator who is viewer"}
        )


@pytest.mark.parametrize(("who", "own"), list(product(MATRIX, (False, True))))
@pytest.mark.django_db
def test_requests_are_decided_by_others_who_manage_the_namespace(who: str, own: bool) -> None:
    namespace = factories.NamespaceFactory.create()
    reader = MATRIX[who][0](namespace)
    if own and not isinstance(reader, User):
        assert not policy.may_decide(reader, factories.RequestFactory.create(namespace=namespace))
        return
    request = factories.RequestFactory.create(namespace=namespace, **({"person": reader} if own else {}))
    managers = {"admin", "operator", "operator who is viewer"}
    assert policy.may_decide(reader, request) is (who in managers and not own)


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("who", MATRIX)
@pytest.mark.django_db
def test_only_a_guest_needs_a_voucher_and_not_everybody_is_one(who: str, level: Level) -> None:
    namespace = factories.NamespaceFactory.create()
    request = factories.RequestFactory.create(namespace=namespace, person__level=level)
    may_vouch = who in {"level admin", "operator", "operator who is viewer"}
    assert policy.needs_voucher(MATRIX[who][0](namespace), request) is (
        level == Level.GUEST and not may_vouch
    )
