"""Editing the page of a namespace."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.errors import Refusal, StateConflict
from accounts.guards import KnownRequest, login_needed
from accounts.submissions import repeatable
from namespaces import crossref, dois
from namespaces.access import Permission
from namespaces.actions import namespaces as actions
from namespaces.forms import (
    PUBLICATIONS_MAX_COUNT,
    PageForm,
    PastedForm,
    PublicationForm,
    PublicationFormSet,
    PublicationRows,
)
from namespaces.models import PARTS, Namespace, Visibility
from namespaces.shortcuts import get_namespace_or_404
from namespaces.views.answers import blame, page, start_from_now
from namespaces.views.head import head

_TEMPLATE = "namespaces/settings.html"
_ROWS = "publications"
Row = dict[str, Any]


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: KnownRequest, cluster: str, name: str) -> HttpResponse:
    """Show the form with what the page says (GET), store what is typed (POST), or only say who would read it."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.EDIT_PAGE)
    pasted = PastedForm(initial={"pasted": request.POST.get("pasted", "")})
    if request.method == "POST":
        form, rows = PageForm(request.POST), PublicationFormSet(request.POST, prefix=_ROWS)
        if "preview" not in request.POST:
            if request.POST.get("pasted", "").strip():
                pasted = PastedForm(request.POST)
                if pasted.is_valid() and _not_listed(pasted, _typed_rows(request.POST)):
                    pasted.add_error(
                        "pasted", _("This is not added yet: look it up first, or empty the field.")
                    )
            if form.is_valid() and rows.is_valid() and not (pasted.is_bound and pasted.errors):
                return _save(request, namespace, form, rows)
    else:
        form, rows = _forms_of(namespace)
    return page(
        request,
        _TEMPLATE,
        _context(request, namespace, form, rows) | {"pasted": pasted},
        invalid=bool(form.errors or pasted.errors) or not _is_valid(rows),
    )


@repeatable
@login_needed
@require_POST
def publications(request: KnownRequest, cluster: str, name: str) -> HttpResponse:
    """Give the form back with a row more for each DOI in what was pasted. Nothing is stored.

    Crossref may take seconds: that is why this is no part of saving, which is a transaction.
    """
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.EDIT_PAGE)
    form, rows, pasted = _typed(request.POST), _typed_rows(request.POST), PastedForm(request.POST)
    added = _look_up(rows, pasted) if pasted.is_valid() else []
    if len(rows) + len(added) > PUBLICATIONS_MAX_COUNT:
        added = []
        pasted.add_error("pasted", _("At most %(limit)d publications.") % {"limit": PUBLICATIONS_MAX_COUNT})
    filled = PublicationFormSet(initial=[*rows, *added], prefix=_ROWS)
    context = _context(request, namespace, form, filled)
    return page(
        request,
        _TEMPLATE,
        context | {"pasted": pasted if pasted.errors else PastedForm(), "added": len(added)},
        invalid=bool(pasted.errors) and not added,
    )


def _look_up(rows: list[Row], pasted: PastedForm) -> list[Row]:
    """Return a row for each DOI that has none; what is not known of one is said at the field."""
    wanted = _not_listed(pasted, rows)
    if not wanted:
        pasted.add_error("pasted", _("All of these are listed below already."))
    found = crossref.look_up(wanted) if crossref.is_on() else {}
    added = []
    for doi in wanted:
        row: Row = {"link": dois.address_of(doi)}
        work = found.get(doi)
        if isinstance(work, crossref.Work):
            row |= {"title": work.title, "authors": work.authors, "year": work.year}
        elif work is not None:
            said = {"doi": doi, "reason": work}
            pasted.add_error("pasted", _("%(doi)s: %(reason)s. Fill in its title below.") % said)
        added.append(row)
    return added


def _not_listed(pasted: PastedForm, rows: list[Row]) -> list[str]:
    """Return those of the DOIs that were pasted to which no row leads."""
    known = {dois.alone(row["link"]).casefold() for row in rows}
    return [doi for doi in pasted.cleaned_data["pasted"] if doi.casefold() not in known]


def _typed(data: QueryDict) -> PageForm:
    """Return the form with what was typed, unjudged."""
    return PageForm(initial={name: data[name] for name in PageForm.base_fields if name in data})


def _typed_rows(data: QueryDict) -> list[Row]:
    """Return the rows that say something, as they were typed."""
    try:
        count = int(data.get(f"{_ROWS}-TOTAL_FORMS", ""))
    except ValueError:
        count = 0
    rows = (
        {name: data.get(f"{_ROWS}-{number}-{name}", "") for name in PublicationForm.base_fields}
        for number in range(min(max(count, 0), PUBLICATIONS_MAX_COUNT))
    )
    return [row for row in rows if any(value.strip() for value in row.values())]


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
        return page(request, _TEMPLATE, _context(request, namespace, form, rows), refusal=refusal)
    messages.success(request, _("The page says what you wrote."))
    return redirect(namespace)


def _forms_of(namespace: Namespace) -> tuple[PageForm, PublicationRows]:
    """Return the forms filled with what the page says now."""
    names = (*actions.PAGE_FIELDS, *(f"{part}_to" for part in PARTS))
    values = {name: getattr(namespace, name) for name in names}
    software = "\n".join(namespace.software.values_list("name", flat=True))
    rows = list(namespace.publications.values("title", "link", "year", "authors"))
    return (
        PageForm(initial=values | {"software": software, "version": namespace.page_version}),
        PublicationFormSet(initial=rows, prefix=_ROWS),
    )


def _context(
    request: KnownRequest, namespace: Namespace, form: PageForm, rows: PublicationRows
) -> dict[str, Any]:
    visibility = form["visibility"].value()
    return head(request.user, namespace) | {
        "form": form,
        "rows": rows,
        "pasted": PastedForm(),
        "asks_crossref": crossref.is_on(),
        "digest": namespace.logo_digest,
        "readers": form.readers(),
        "is_hidden": visibility == Visibility.MEMBERS,
        "is_listed": visibility == Visibility.LISTED,
    }


def _is_valid(rows: PublicationRows) -> bool:
    return not rows.is_bound or rows.is_valid()
