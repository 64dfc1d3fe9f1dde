"""Editing the page of a namespace."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.errors import Refusal, StateConflict
from accounts.guards import KnownRequest, login_needed
from namespaces.access import Permission
from namespaces.actions import namespaces as actions
from namespaces.forms import PageForm, PublicationFormSet, PublicationRows
from namespaces.models import PARTS, Namespace, Visibility
from namespaces.shortcuts import get_namespace_or_404
from namespaces.views.answers import blame, page, start_from_now
from namespaces.views.head import head


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: KnownRequest, cluster: str, name: str) -> HttpResponse:
    """Show the form with what the page says (GET), store what is typed (POST), or only say who would read it."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.EDIT_PAGE)
    if request.method == "POST":
        form, rows = PageForm(request.POST), PublicationFormSet(request.POST, prefix="publications")
        if form.is_valid() and rows.is_valid() and "preview" not in request.POST:
            return _save(request, namespace, form, rows)
    else:
        form, rows = _forms_of(namespace)
    return page(
        request,
        "namespaces/settings.html",
        _context(request, namespace, form, rows),
        invalid=bool(form.errors) or not _is_valid(rows),
    )


def _save(request: KnownRequest, namespace: Namespace, form: PageForm, rows: PublicationRows) -> HttpResponse:
    version = form.cleaned_data["version"]
    try:
        actions.edit_page(
            namespace=namespace, page=form.page(rows.entries()), version=version, by=request.user
        )
    except Refusal as refusal:
        blame(form, refusal)
        if isinstance(refusal, StateConflict):
            namespace.refresh_from_db(fields=["page_version"])
            start_from_now(form, namespace.page_version)
        return page(
            request, "namespaces/settings.html", _context(request, namespace, form, rows), refusal=refusal
        )
    messages.success(request, _("The page says what you wrote."))
    return redirect(namespace)


def _forms_of(namespace: Namespace) -> tuple[PageForm, PublicationRows]:
    """Return the forms filled with what the page says now."""
    names = (*actions.PAGE_FIELDS, *(f"{part}_to" for part in PARTS))
    values = {name: getattr(namespace, name) for name in names}
    software = "\n".join(namespace.software.values_list("name", flat=True))
    rows = list(namespace.publications.values("title", "link", "year"))
    return (
        PageForm(initial=values | {"software": software, "version": namespace.page_version}),
        PublicationFormSet(initial=rows, prefix="publications"),
    )


def _context(
    request: KnownRequest, namespace: Namespace, form: PageForm, rows: PublicationRows
) -> dict[str, Any]:
    visibility = form["visibility"].value()
    return head(request.user, namespace) | {
        "form": form,
        "rows": rows,
        "digest": namespace.logo_digest,
        "readers": form.readers(),
        "is_hidden": visibility == Visibility.MEMBERS,
        "is_listed": visibility == Visibility.LISTED,
    }


def _is_valid(rows: PublicationRows) -> bool:
    return not rows.is_bound or rows.is_valid()
