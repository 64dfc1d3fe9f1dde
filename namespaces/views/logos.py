"""The logo of a namespace: the picture, and choosing another."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.errors import Refusal
from accounts.guards import KnownRequest, login_needed
from accounts.policy import is_known
from accounts.terms import before_terms
from namespaces.access import Permission
from namespaces.actions import namespaces as actions
from namespaces.forms import LogoForm
from namespaces.logos import CONTENT_TYPE
from namespaces.models import Logo, Namespace, Visibility
from namespaces.shortcuts import get_namespace_or_404
from namespaces.views.answers import page
from namespaces.views.head import head

_YEAR = 365 * 24 * 3600


@before_terms
@require_safe
def logo(request: HttpRequest, cluster: str, name: str, digest: str) -> HttpResponse:
    """Give the picture to whoever may know of the namespace. Another one has another address."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.SEE_PAGE)
    found = Logo.objects.filter(namespace=namespace, digest=digest).first()
    if found is None:
        raise Http404
    response = HttpResponse(bytes(found.content), content_type=CONTENT_TYPE)
    response.headers["Content-Disposition"] = f'inline; filename="{namespace.name}.webp"'
    if namespace.visibility != Visibility.LISTED:
        response.headers["X-Robots-Tag"] = "noindex"
    if namespace.is_reachable:
        keepers = "private" if is_known(request.user) else "public"
        response.headers["Cache-Control"] = f"{keepers}, max-age={_YEAR}, immutable"
        response.is_kept = True  # type: ignore[attr-defined]
    return response


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: KnownRequest, cluster: str, name: str) -> HttpResponse:
    """Show the logo with a form for another (GET); take that one, or take the logo away (POST)."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.EDIT_PAGE)
    if request.method != "POST":
        return page(request, "namespaces/logo.html", _context(request, namespace, _form(namespace)))
    form = LogoForm(request.POST, request.FILES)
    if "remove" in request.POST:
        return _change(request, namespace, None)
    if not form.is_valid():
        return page(request, "namespaces/logo.html", _context(request, namespace, form), invalid=True)
    return _change(request, namespace, form.cleaned_data["picture"])


def _change(request: KnownRequest, namespace: Namespace, content: bytes | None) -> HttpResponse:
    shown = request.POST.get("shown", "")
    try:
        actions.change_logo(namespace=namespace, content=content, shown=shown, by=request.user)
    except Refusal as refusal:
        context = _context(request, namespace, _form(namespace))
        return page(request, "namespaces/logo.html", context, refusal=refusal)
    messages.success(request, _("The logo is changed.") if content else _("The logo is taken away."))
    return redirect(namespace)


def _form(namespace: Namespace) -> LogoForm:
    return LogoForm(initial={"shown": namespace.logo_digest})


def _context(request: KnownRequest, namespace: Namespace, form: LogoForm) -> dict[str, Any]:
    return head(request.user, namespace) | {"form": form, "digest": namespace.logo_digest}
