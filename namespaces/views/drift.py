"""What differs between the decisions and the clusters, for operators, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.errors import Refusal, StateConflict
from accounts.guards import KnownRequest, login_needed
from accounts.policy import is_operator
from clusters.models import ClusterStatus
from namespaces import drift, duties, epoch
from namespaces.access import Role
from namespaces.actions import drift as actions
from namespaces.drift_form import AdoptForm, ConfirmForm, LeaveForm, ReasonForm, role_of
from namespaces.models import DriftDecision, NamespaceStatus, SeenBinding, SeenKeys
from namespaces.views.answers import blame, page

_FORM = "namespaces/drift_form.html"
_A_WHILE = timedelta(days=90)


@login_needed
@require_safe
def overview(request: KnownRequest) -> HttpResponse:
    """Show who has access beside Berth, what could not be made as decided, and how old this is."""
    _operators_only(request)
    return _show(request)


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def adopt(request: KnownRequest, row_id: int) -> HttpResponse:
    """Make the person whom a binding names a member."""
    row = _binding(request, row_id)
    if row is None:
        return _gone(request)
    initial = {"role": role_of(row.role)}
    form = AdoptForm(request.POST) if request.method == "POST" else AdoptForm(initial=initial)

    def act() -> HttpResponse:
        role, reason = Role(form.cleaned_data["role"]), form.cleaned_data["reason"]
        made = actions.adopt(row=row, role=role, reason=reason, by=request.user)
        texts = {"person": made.membership.person, "role": role.label, "binding": row.name}
        if made.is_condemned:
            messages.success(request, _("%(person)s becomes %(role)s; Berth takes %(binding)s away.") % texts)
            return redirect("drift")
        messages.success(
            request, _("%(person)s becomes %(role)s. What is left is to take %(binding)s away.") % texts
        )
        return redirect("drift_revert", row.pk)

    return _answer(request, "adopt", form, act, drift.line(row))


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def revert(request: KnownRequest, row_id: int) -> HttpResponse:
    """Let Berth delete a binding, or say how somebody else can."""
    row = _binding(request, row_id)
    if row is None:
        return _gone(request)
    return _reasoned(
        request,
        "revert",
        drift.line(row),
        lambda reason: actions.revert(row=row, reason=reason, by=request.user),
        _("Berth takes %(binding)s away.") % {"binding": row.name},
    )


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: KnownRequest, row_id: int) -> HttpResponse:
    """Leave a binding alone for a while."""
    row = _binding(request, row_id)
    return _gone(request) if row is None else _leave(request, row, drift.line(row))


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def adopt_limits(request: KnownRequest, row_id: int) -> HttpResponse:
    """Decide the limits as somebody wrote them into the cluster."""
    row = _keys(request, row_id)
    if row is None:
        return _gone(request)
    return _reasoned(
        request,
        "adopt",
        drift.KeysLine(row),
        lambda reason: actions.adopt_limits(row=row, reason=reason, by=request.user),
        _("The limits of %(namespace)s are decided as the cluster has them.") % {"namespace": row.namespace},
    )


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def revert_limits(request: KnownRequest, row_id: int) -> HttpResponse:
    """Make the limits as they were decided."""
    row = _keys(request, row_id)
    if row is None:
        return _gone(request)
    return _reasoned(
        request,
        "revert",
        drift.KeysLine(row),
        lambda reason: actions.revert_limits(row=row, reason=reason, by=request.user),
        _("Berth makes the limits of %(namespace)s as they were decided.") % {"namespace": row.namespace},
    )


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def leave_limits(request: KnownRequest, row_id: int) -> HttpResponse:
    """Leave what others wrote into our limits alone for a while."""
    row = _keys(request, row_id)
    return _gone(request) if row is None else _leave(request, row, drift.KeysLine(row))


@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: KnownRequest, namespace_id: UUID) -> HttpResponse:
    """Let Berth go on in a namespace that was made anew, or make one again that was deleted."""
    _operators_only(request)
    statuses = NamespaceStatus.objects.select_related("namespace__cluster")
    status = get_object_or_404(statuses, pk=namespace_id)
    uid = drift.uid_to_confirm(status)
    form = ConfirmForm(request.POST) if request.method == "POST" else ConfirmForm(initial={"uid": uid})

    def act() -> HttpResponse:
        given = form.cleaned_data
        actions.confirm(namespace=status.namespace, uid=given["uid"], reason=given["reason"], by=request.user)
        messages.success(request, _("Berth goes on with %(namespace)s.") % {"namespace": status.namespace})
        return redirect("drift")

    if status.error_code not in drift.CONFIRMABLE:
        return _gone(request)
    return _answer(request, "confirm", form, act, drift.Trouble(status, None))


@login_needed
@require_POST
def take_back(request: KnownRequest, decision_id: int) -> HttpResponse:
    """End a decision: the line is open again."""
    _operators_only(request)
    decision = get_object_or_404(DriftDecision.objects.select_related("namespace__cluster"), pk=decision_id)
    try:
        actions.take_back(decision=decision, by=request.user)
    except Refusal as refusal:
        return _show(request, refusal=refusal)
    messages.success(request, _("The decision about %(name)s is taken back.") % {"name": decision.name})
    return redirect("drift")


def _reasoned(
    request: KnownRequest,
    what: str,
    line: drift.Line | drift.KeysLine,
    do: Callable[[str], object],
    done: str,
) -> HttpResponse:
    """Answer a form that asks for nothing but the reason."""
    form = ReasonForm(request.POST if request.method == "POST" else None)

    def act() -> HttpResponse:
        do(form.cleaned_data["reason"])
        messages.success(request, done)
        return redirect("drift")

    return _answer(request, what, form, act, line)


def _leave(
    request: KnownRequest, row: SeenBinding | SeenKeys, line: drift.Line | drift.KeysLine
) -> HttpResponse:
    initial = {"until": timezone.localdate() + _A_WHILE}
    form = LeaveForm(request.POST) if request.method == "POST" else LeaveForm(initial=initial)

    def act() -> HttpResponse:
        given = form.cleaned_data
        actions.leave(row=row, reason=given["reason"], until=given["until"], by=request.user)
        messages.success(request, _("%(name)s is left alone for now.") % {"name": row.name})
        return redirect("drift")

    return _answer(request, "leave", form, act, line)


def _answer(
    request: KnownRequest, what: str, form: forms.Form, act: Callable[[], HttpResponse], line: Any
) -> HttpResponse:
    """Show the form, or do what it says. What was refused is shown again with what was typed, and why."""
    context = {"what": what, "form": form, "line": line}
    if request.method != "POST":
        return page(request, _FORM, context)
    if not form.is_valid():
        return page(request, _FORM, context, invalid=True)
    try:
        return act()
    except Refusal as refusal:
        blame(form, refusal)
        return page(request, _FORM, context, refusal=refusal)


def _show(request: KnownRequest, *, refusal: Refusal | None = None) -> HttpResponse:
    lines = drift.open_bindings()
    clusters = list(ClusterStatus.objects.select_related("cluster").order_by("cluster__name"))
    to_decide = {
        "keys": drift.open_keys(),
        "trouble": drift.in_trouble(),
        "residual": list(drift.residual()[: drift.MOST_LINES]),
    }
    late = duties.late()
    newer = epoch.reason()
    held_back = late or newer or any(status.unexplained or status.barred for status in clusters)
    context = {
        **{kind.value: [line for line in lines if line.kind == kind] for kind in SeenBinding.Kind},
        **to_decide,
        "repaired": drift.repaired(),
        "decided": drift.decided(),
        "clusters": clusters,
        "late": late,
        "newer": newer,
        "is_quiet": not (held_back or lines or any(to_decide.values())),
        "are_more": len(lines) > drift.MOST_LINES,
        "most": drift.MOST_LINES,
    }
    return page(request, "namespaces/drift.html", context, refusal=refusal)


def _gone(request: KnownRequest) -> HttpResponse:
    """What somebody saw is not there any more: nothing happens, and the page says so."""
    words = _("What is in the cluster has changed meanwhile, and nothing was decided. Look at it again.")
    return _show(request, refusal=StateConflict(words))


def _operators_only(request: KnownRequest) -> None:
    if not is_operator(request.user):
        raise PermissionDenied(_("Operators see what differs; admins of a namespace see it on its page."))


def _binding(request: KnownRequest, row_id: int) -> SeenBinding | None:
    _operators_only(request)
    return SeenBinding.objects.select_related("namespace__cluster").filter(pk=row_id).first()


def _keys(request: KnownRequest, row_id: int) -> SeenKeys | None:
    _operators_only(request)
    return SeenKeys.objects.select_related("namespace__cluster").filter(pk=row_id).first()
