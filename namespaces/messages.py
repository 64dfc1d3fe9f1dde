"""The words of what people are told about namespaces, and whom they reach; said in the transaction of the change."""

from __future__ import annotations

import uuid
from collections import defaultdict

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.messages import to
from accounts.models import Identity, User
from namespaces import inbox
from namespaces.models import Membership, Namespace
from notifications.kinds import Kind
from notifications.telling import Message, tell


def on_identity_changed(sender: type[Identity], identity: Identity, **_kwargs: object) -> None:
    """Tell the other admins of every namespace that somebody is in by which login they come, or do not any more.

    Each of them once, with all the namespaces that they have in common.
    """
    person = identity.person
    in_them = Membership.objects.current().filter(person=person).values("namespace")
    shared: dict[User, list[Namespace]] = defaultdict(list)
    admins = inbox.effective_admins().filter(namespace__in=in_them).exclude(person=person)
    for membership in admins.select_related("namespace__cluster").order_by("namespace__name"):
        shared[membership.person].append(membership.namespace)
    event = str(uuid.uuid4())
    for admin, namespaces in shared.items():
        tell(_identity_changed(identity, namespaces), to([admin]), event=event)


def _identity_changed(identity: Identity, namespaces: list[Namespace]) -> Message:
    names: dict[str, object] = {"person": identity.person, "identity": identity}
    if identity.state == Identity.State.ACTIVE:
        subject = _("%(person)s has a further login") % names
        text = _("%(identity)s is %(person)s as well, and has the same rights in: %(namespaces)s.")
    else:
        subject = _("%(person)s has given up a login") % names
        text = _("%(identity)s is not %(person)s any more, and has no rights left in: %(namespaces)s.")
    names["namespaces"] = ", ".join(namespace.name for namespace in namespaces)
    first = namespaces[0]
    link = reverse("members", args=(first.cluster.name, first.name))
    return Message(Kind.MEMBERS, subject, text % names, link)
