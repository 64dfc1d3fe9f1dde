"""Who asks for a page: Django looks with each request, so the question is put together once (`accounts.prepared`)."""

from __future__ import annotations

from uuid import UUID

from allauth.account import auth_backends

from accounts.models import User
from accounts.prepared import Prepared, columns, from_row


class AuthenticationBackend(auth_backends.AuthenticationBackend):
    """allauth's, which knows no password here."""

    def get_user(self, user_id: UUID) -> User | None:
        """Return the person of a session, None for who may not log in now."""
        for row in _person.rows(key=user_id):
            person = from_row(User, row)
            return person if self.user_can_authenticate(person) else None
        return None


_person = Prepared(lambda key: User.objects.filter(pk=key).values_list(*columns(User)))
