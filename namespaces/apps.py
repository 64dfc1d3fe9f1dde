"""The namespaces application: who may do what where, and making it so."""

from django.apps import AppConfig

from accounts.signals import (
    account_in_use,
    accounts_merged,
    identity_changed,
    name_changed,
    person_changed,
    person_leaves,
)
from notifications.kinds import Kind
from notifications.links import register


class NamespacesConfig(AppConfig):
    name = "namespaces"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from namespaces import checks, links, messages  # noqa: F401, PLC0415  (models are ready only now)
        from namespaces.actions import absences, invitations, members, merging, requests  # noqa: PLC0415

        register(Kind.INVITATIONS, links.complete)
        person_changed.connect(members.on_person_changed, dispatch_uid="namespaces.members")
        person_changed.connect(requests.on_person_changed, dispatch_uid="namespaces.requests")
        name_changed.connect(members.on_name_changed, dispatch_uid="namespaces.members")
        identity_changed.connect(messages.on_identity_changed, dispatch_uid="namespaces.messages")
        person_leaves.connect(invitations.on_person_leaves, dispatch_uid="namespaces.invitations")
        person_leaves.connect(absences.on_person_leaves, dispatch_uid="namespaces.absences")
        person_leaves.connect(members.on_person_leaves, dispatch_uid="namespaces.members")
        person_leaves.connect(requests.on_person_leaves, dispatch_uid="namespaces.requests")
        accounts_merged.connect(merging.on_accounts_merged, dispatch_uid="namespaces.merging")
        account_in_use.connect(merging.is_in_use, dispatch_uid="namespaces.merging")
