"""Requests: the hub, the requests of a namespace, one request, and deciding it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings as conf
from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts import fresh
from accounts.errors import BadInput, Refusal
from accounts.guards import KnownRequest, login_needed
from accounts.leading_out import leads_to_issuers
from accounts.models import Level, User
from accounts.text import mixed_word
from accounts.views.again import ask_again, showing, typed_before
from namespaces import inbox, policy, preview, waiting
from namespaces.access import Permission, Role
from namespaces.actions import absences, takeovers
from namespaces.actions import requests as actions
from namespaces.actions.members import successors_of
from namespaces.forms import ApproveForm, DenyForm, GrantNamespaceForm, StayForm, TakeoverForm
from namespaces.models import Namespace, Request
from namespaces.shortcuts import get_namespace_or_404, get_request_or_404
from namespaces.views import parameters, state
from namespaces.views.answers import blame, page
from namespaces.views.head import head

MOST_SHOWN = 100
_PARAMETERS = {"seen": parameters.text(16), "successor": parameters.text(36)}


@login_needed
@require_safe
def hub(request: KnownRequest) -> HttpResponse:
    """Show what the reader must decide, and where what they asked for lies."""
    asked = list(inbox.asked_by(request.user)[:MOST_SHOWN])
    context = {
        "to_decide": inbox.to_decide(request.user)[:MOST_SHOWN],
        "elsewhere": inbox.elsewhere(request.user)[:MOST_SHOWN],
        "asked": inbox.with_admins(asked, request.user),
        "most_shown": MOST_SHOWN,
        "absence": absences.current(request.user),
        "may_be_away": policy.is_admin_somewhere(request.user),
    }
    return page(request, "namespaces/requests.html", context)


@login_needed
@require_safe
def of_namespace(request: KnownRequest, cluster: str, name: str) -> HttpResponse:
    """Show what was asked of a namespace: what waits, and what was decided."""
    namespace = get_namespace_or_404(request.user, cluster, name, Permission.DECIDE_REQUESTS)
    found = inbox.of_namespace(namespace)
    context = head(request.user, namespace) | {
        "pending": found.open().order_by("created_at")[:MOST_SHOWN],
        "decided": found.exclude(state=Request.State.PENDING).order_by("-decided_at")[:MOST_SHOWN],
        "most_shown": MOST_SHOWN,
    }
    return page(request, "namespaces/namespace_requests.html", context)


@leads_to_issuers
@login_needed
@require_safe
def one(request: KnownRequest, request_id: UUID) -> HttpResponse:
    """Show a request to who asked and to who may decide it; asked by the script, how the asker's access stands."""
    wish = get_request_or_404(request.user, request_id)
    seen = parameters.read(request.GET, _PARAMETERS).get("seen", "")
    if request.htmx:  # type: ignore[attr-defined]
        shown = state.line(wish.person, wish.namespace) if wish.namespace else None
        return state.answer(request, shown, seen, "namespaces/_access_of_asker.html")
    given = typed_before(request, reverse("request_approve", args=[wish.pk]))
    return _one(request, wish, approve_form=_approve_form(wish, request.user, given) if given else None)


@leads_to_issuers
@login_needed
@require_POST
def approve(request: KnownRequest, request_id: UUID) -> HttpResponse:
    """Let the asker in, or give them the level."""
    wish = get_request_or_404(request.user, request_id)
    form = _approve_form(wish, request.user, request.POST)
    if not form.is_valid():
        return _one(request, wish, approve_form=form)
    if _wants_showing(wish) and not fresh.is_shown(request):
        return ask_again(request, wish, keeps=True)
    try:
        changed = form.wanted() if isinstance(form, GrantNamespaceForm) else None
        given = form.cleaned_data
        decided = actions.approve(
            request=wish, note=given.get("note", ""), changed=changed, successor=given.get("successor"),
            by=request.user,
        )  # fmt: skip
    except Refusal as refusal:
        if isinstance(refusal, BadInput):
            blame(form, refusal)
        return _one(request, wish, approve_form=form, refusal=refusal)
    messages.success(request, _approved(decided))
    return redirect(decided)


@leads_to_issuers
@login_needed
@require_POST
def deny(request: KnownRequest, request_id: UUID) -> HttpResponse:
    """Say no, and why."""
    wish = get_request_or_404(request.user, request_id)
    form = _deny_form(wish, request.POST)
    if not form.is_valid():
        return _one(request, wish, deny_form=form)
    try:
        decided = actions.deny(request=wish, note=form.cleaned_data["note"], by=request.user)
    except Refusal as refusal:
        return _one(request, wish, deny_form=form, refusal=refusal)
    messages.success(request, _denied(decided))
    return redirect(decided)


@login_needed
@require_POST
def withdraw(request: KnownRequest, request_id: UUID) -> HttpResponse:
    """Take one's own request back."""
    wish = get_request_or_404(request.user, request_id)
    try:
        decided = actions.withdraw(request=wish, by=request.user)
    except Refusal as refusal:
        return _one(request, wish, refusal=refusal)
    messages.success(request, _("You withdrew your request."))
    return redirect(decided)


@login_needed
@require_POST
def remind(request: KnownRequest, request_id: UUID) -> HttpResponse:
    """Remind whoever one's own request lies with."""
    wish = get_request_or_404(request.user, request_id)
    try:
        actions.remind(request=wish, by=request.user)
    except Refusal as refusal:
        return _one(request, wish, refusal=refusal)
    messages.success(request, _("They were reminded."))
    return redirect(wish)


@login_needed
@require_POST
def undo(request: KnownRequest, request_id: UUID) -> HttpResponse:
    """Take a decision back."""
    wish = get_request_or_404(request.user, request_id)
    try:
        reopened = actions.undo(request=wish, by=request.user)
    except Refusal as refusal:
        return _one(request, wish, refusal=refusal)
    messages.success(request, _("The decision was taken back. The request waits again."))
    return redirect(reopened)


def _wants_showing(wish: Request) -> bool:
    """Whether a stolen session must not be enough to approve this: it gives level admin."""
    return wish.level == Level.ADMIN


def _one(
    request: KnownRequest,
    wish: Request,
    *,
    approve_form: Form | None = None,
    deny_form: Form | None = None,
    refusal: Refusal | None = None,
) -> HttpResponse:
    """Show the request as it is now, whatever it was when somebody tried to decide it."""
    wish = get_request_or_404(request.user, wish.pk)
    invalid = any(form is not None and form.errors for form in (approve_form, deny_form))
    context: dict[str, Any] = {
        "wish": wish,
        "identities": wish.person.identities.filter(state="active").order_by("created_at"),
        "is_own": wish.person_id == request.user.pk,
    }
    if wish.is_pending:
        context |= _while_waiting(wish)
    elif policy.may_take_back(request.user, wish):
        context["may_undo"] = actions.can_be_undone(wish, timezone.now())
    if context["is_own"] and wish.state == Request.State.DENIED:
        context["pause"] = waiting.pause_until(
            request.user, namespace=wish.namespace, level=wish.level, name=wish.name
        )
    if wish.is_pending and policy.may_decide(request.user, wish):
        context |= {
            "may_decide": True,
            "wants_showing": _wants_showing(wish),
            **showing(request, wish.get_absolute_url()),
            "is_alike": policy.looks_alike(request.user, wish.person),
            "mixed": mixed_word(wish.person.name),
            "approve_form": approve_form or _approve_form(wish, request.user),
            "deny_form": deny_form or _deny_form(wish),
        }
    if wish.is_for_namespace:
        template, more = "namespaces/namespace_request.html", _of_wished_namespace(request, wish)
    elif wish.namespace is None:
        template, more = "namespaces/promotion_request.html", _of_promotion(request, wish)
    elif wish.is_takeover:
        template, more = "namespaces/takeover.html", _of_takeover(request, wish, wish.namespace)
    else:
        template, more = "namespaces/request.html", _of_join(request, wish, wish.namespace)
    return page(request, template, context | more, refusal=refusal, invalid=invalid)


def _while_waiting(wish: Request) -> dict[str, Any]:
    """Return what is said of a request that waits: how long that takes as a rule, and when others may be reminded."""
    now = timezone.now()
    usual, reminder = waiting.usual(wish), waiting.next_reminder(wish)
    return {
        "usual": usual and timesince(now - max(usual, timedelta(hours=1)), now, depth=1),
        "reminder": None if reminder <= now else reminder,
    }


def _approved(decided: Request) -> str:
    """Return what the one who approved did."""
    if decided.is_takeover:
        texts: dict[str, object] = {"heir": decided.successor, "namespace": decided.namespace}
        return _("%(heir)s takes over as an admin of %(namespace)s.") % texts
    if decided.is_for_namespace:
        texts = {"person": decided.person, "namespace": decided.namespace}
        return _("You approved: %(namespace)s is made, and %(person)s is its admin.") % texts
    if decided.is_promotion:
        texts = {"person": decided.person, "level": decided.get_level_display()}
        return _("You approved: the level of %(person)s is %(level)s now.") % texts
    texts = {"person": decided.person, "role": decided.get_role_display(), "namespace": decided.namespace}
    return _("You approved: %(person)s becomes %(role)s in %(namespace)s.") % texts


def _of_join(request: KnownRequest, wish: Request, namespace: Namespace) -> dict[str, Any]:
    """Return what the page of a request to join says beside what every one says."""
    admins = inbox.admins_of([namespace], request.user)[namespace.pk]
    context: dict[str, Any] = {
        "namespace": namespace,
        "role": wish.get_role_display(),
        "can": Role(wish.role).can if wish.role in Role.values else "",  # a newer version may have others
        "admins": admins,
        "absences": inbox.absences_told(wish, admins or ()) if wish.is_pending else (),
        "may_ask_again": policy.permits(request.user, Permission.ASK_TO_JOIN, namespace),
    }
    if wish.is_pending and policy.may_decide(request.user, wish):
        needs_voucher = policy.needs_voucher(request.user, wish)
        vouchers = inbox.who_may_vouch(namespace) if needs_voucher else []
        return context | {
            "needs_voucher": needs_voucher,
            "vouchers": vouchers,
            "preview": preview.of_request(wish, namespace),
        }
    if wish.state == Request.State.APPROVED:
        context["line"] = state.line(wish.person, namespace)
    return context


def _denied(decided: Request) -> str:
    """Return what the one who denied did."""
    if decided.is_takeover:
        return _("%(person)s stays an admin.") % {"person": decided.person}
    return _("You denied the request of %(person)s.") % {"person": decided.person}


def _of_takeover(request: KnownRequest, wish: Request, namespace: Namespace) -> dict[str, Any]:
    """Return what the page says of who may take over from an admin: the one chosen in the address, else the one named
    by that admin, is shown with what would change."""
    context: dict[str, Any] = {"namespace": namespace, "lies_with": inbox.deciders(wish)}
    if not (wish.is_pending and policy.may_decide(request.user, wish)):
        return context
    asked = parameters.read(request.GET, _PARAMETERS).get("successor")
    named = successors_of(wish.person).filter(namespace=namespace).first()
    initial = {"successor": named and named.person_id}
    form = TakeoverForm({"successor": asked} if asked else None, initial=initial, wish=wish, by=request.user)
    chosen = form.cleaned_data["successor"] if form.is_valid() else None
    if not form.is_bound and named:
        chosen = named.person
    context |= {"choice_form": form, "quiet_days": takeovers.ASKED_AGAIN_AFTER.days}
    if chosen is None:
        return context
    is_admin = policy.role_of(chosen, namespace) == Role.ADMIN
    return context | {
        "chosen": chosen,
        "is_admin": is_admin,
        "can": Role.ADMIN.can,
        "lesser": Role.EDITOR.can,
        "preview": preview.of_takeover(namespace, chosen, wish.person, is_admin=is_admin),
    }


def _deny_form(wish: Request, given: Mapping[str, Any] | None = None) -> Form:
    return (StayForm if wish.is_takeover else DenyForm)(given, prefix="deny")


def _approve_form(wish: Request, by: User, given: Mapping[str, Any] | None = None) -> Form:
    """Return the form that approves this request, filled in with what was asked for where it can be changed."""
    if wish.is_takeover:
        return TakeoverForm(given, prefix="approve", wish=wish, by=by)
    if not wish.is_for_namespace:
        return ApproveForm(given, prefix="approve")
    asked = {"name": wish.name, "pi_name": wish.pi_name, "institution": wish.institution}
    return GrantNamespaceForm(given, prefix="approve", initial=asked)


def _of_wished_namespace(request: KnownRequest, wish: Request) -> dict[str, Any]:
    """Return what the page of a request for a namespace says beside what every one says."""
    context: dict[str, Any] = {"may_ask_again": policy.may_ask_for_namespace(request.user)}
    if wish.is_pending and policy.may_decide(request.user, wish):
        context["preview"] = preview.of_wished_namespace(wish)
    if wish.namespace is not None:
        context["line"] = state.line(wish.person, wish.namespace)
    return context


def _of_promotion(request: KnownRequest, wish: Request) -> dict[str, Any]:
    """Return what the page of a request for a level says beside what every one says."""
    return {
        "taking_effect": preview.of_promotion(wish, request.user),
        "most_namespaces": conf.NAMESPACES_PER_ADMIN,
        "may_ask_again": Level(request.user.level).following == wish.level,
    }
