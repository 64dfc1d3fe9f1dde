"""Writing to the members of a namespace."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts.errors import Refusal
from accounts.guards import KnownRequest, login_needed
from namespaces.access import Permission, Role
from namespaces.actions import announcements as actions
from namespaces.forms import AnnouncementForm
from namespaces.models import Namespace
from namespaces.shortcuts import get_namespace_or_404
from namespaces.views.answers import blame, page
from namespaces.views.head import head

SHOWN = 20


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def write(request: KnownRequest, cluster: str, name: str) -> HttpResponse:
    """Show what was written to the members, and write to them (POST)."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.MANAGE_MEMBERS)
    form = AnnouncementForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _shown(request, namespace, form)
    given = form.cleaned_data
    try:
        made = actions.announce(
            namespace=namespace, subject=given["subject"], text=given["text"],
            role=Role(given["role"]) if given["role"] else None, by=request.user,
        )  # fmt: skip
    except Refusal as refusal:
        blame(form, refusal)
        return _shown(request, namespace, form, refusal)
    words = ngettext("It goes to %(number)d person.", "It goes to %(number)d people.", made.recipients)
    messages.success(request, words % {"number": made.recipients})
    return redirect("write", cluster, name)


def _shown(
    request: KnownRequest, namespace: Namespace, form: AnnouncementForm, refusal: Refusal | None = None
) -> HttpResponse:
    context = head(request.user, namespace) | {
        "form": form,
        "readers": actions.readers(namespace, None, by=request.user).count(),
        "earlier": namespace.announcements.select_related("created_by")[:SHOWN],
    }
    invalid = form.is_bound and not form.is_valid()
    return page(request, "namespaces/write.html", context, refusal=refusal, invalid=invalid)
