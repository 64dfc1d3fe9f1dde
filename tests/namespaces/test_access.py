"""The words and the one table."""

from __future__ import annotations

import pytest

from namespaces.access import ANYBODY, BY_ROLE, LOGGED_IN, OPERATOR, Permission, Role


def test_each_role_includes_those_before_it() -> None:
    viewer, editor, admin = (BY_ROLE[role] for role in (Role.VIEWER, Role.EDITOR, Role.ADMIN))
    assert viewer <= editor <= admin


def test_who_is_in_may_at_least_what_everybody_may() -> None:
    assert ANYBODY <= LOGGED_IN
    assert all(permissions >= ANYBODY for permissions in BY_ROLE.values())


def test_operator_may_whatever_an_admin_may_but_leave_and_alone_decides_limits_and_drift() -> None:
    alone = {Permission.DECIDE_LIMITS, Permission.DECIDE_DRIFT}
    assert BY_ROLE[Role.ADMIN] - {Permission.LEAVE} | alone == OPERATOR


@pytest.mark.parametrize("role", list(Role))
def test_every_role_is_told_in_words(role: Role) -> None:
    assert role.can
    assert str(role.label) == role.value


def test_slugs_of_roles_are_stable() -> None:
    """They stand in the database, in names of bindings and in the cluster's ClusterRoles."""
    assert [role.value for role in Role] == ["viewer", "editor", "admin"]
