"""Who asks for a page."""

from __future__ import annotations

import uuid

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.backends import AuthenticationBackend
from accounts.models import User
from tests.conftest import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_person_of_a_session_is_whole(cast: Cast, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for person in User.objects.all():
        with django_assert_num_queries(1):
            found = AuthenticationBackend().get_user(person.pk)
            assert isinstance(found, User)
            values = {field.attname: getattr(found, field.attname) for field in User._meta.concrete_fields}
        assert found == person
        assert values == {name: getattr(person, name) for name in values}
        assert not found._state.adding


def test_who_is_kept_out_is_nobody_at_once(cast: Cast) -> None:
    backend = AuthenticationBackend()
    assert backend.get_user(cast.nils.pk) == cast.nils
    User.objects.filter(pk=cast.nils.pk).update(is_active=False)
    assert backend.get_user(cast.nils.pk) is None
    assert backend.get_user(cast.eda.pk) == cast.eda


def test_somebody_who_does_not_exist_is_nobody(cast: Cast) -> None:
    assert AuthenticationBackend().get_user(uuid.uuid4()) is None
