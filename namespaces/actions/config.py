"""Handing out the kubeconfig."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.errors import StateConflict
from accounts.models import User
from audit.record import record
from clusters import kubeconfig
from namespaces import kit


@transaction.atomic
def download(*, login: kubeconfig.Login, by: User) -> bytes:
    """Return the person's own kubeconfig and record that it was fetched. It holds nothing secret.

    Raises StateConflict when no cluster believes any identity of the person.
    """
    contexts = [context for part in kit.of(by) for context in part.contexts]
    if not contexts:
        raise StateConflict(
            _("None of your identities may be used in a cluster, so there is no file for you yet.")
        )
    record(kit.DOWNLOADED, by=by, about=by, after={"contexts": len(contexts), "login": login})
    return kubeconfig.build(contexts, login=login)
