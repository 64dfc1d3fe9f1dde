"""What the reader was told, and how mails come to them; for operators, which mails fail."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages as notes
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.guards import KnownRequest, login_needed
from accounts.policy import is_operator
from namespaces.forms import MailsForm
from namespaces.views import keyset, parameters
from namespaces.views.answers import page
from notifications import reading, sending
from notifications.models import Delivery

PAGE_SIZE = 25
_NEWEST = keyset.Order("created_at", keyset.Moment(), descends=True, is_fixed=True)
_PARAMETERS = {"after": parameters.as_given, "before": parameters.as_given}


@login_needed
@require_safe
def messages(request: KnownRequest) -> HttpResponse:
    """Show what the reader was told, newest first, and how mails come."""
    return _messages(request, MailsForm(ways=reading.ways(request.user.pk)))


@login_needed
@require_POST
def seen(request: KnownRequest) -> HttpResponse:
    """Note that the reader has seen everything up to the newest message of the page."""
    try:
        newest = UUID(request.POST.get("until", ""))
    except ValueError:
        raise BadRequest(_("The field “until” names no message.")) from None
    reading.see(request.user.pk, until=get_object_or_404(reading.told(request.user.pk), pk=newest))
    return redirect("messages")


@login_needed
@require_POST
def mails(request: KnownRequest) -> HttpResponse:
    """Let mails come as the reader chooses."""
    form = MailsForm(request.POST, ways=reading.ways(request.user.pk))
    if not form.is_valid():
        return _messages(request, form)
    reading.choose(request.user.pk, form.chosen())
    notes.success(request, _("Your choice counts for what you are told from now on."))
    return redirect("messages")


@login_needed
@require_safe
def failing(request: KnownRequest) -> HttpResponse:
    """Show operators which mails could not be sent."""
    _operators_only(request)
    found = list(Delivery.objects.failing().select_related("person")[: PAGE_SIZE + 1])
    context = {
        "failing": found[:PAGE_SIZE], "has_more": len(found) > PAGE_SIZE, "page_size": PAGE_SIZE,
        "has_mail": bool(settings.MAIL_FROM), "waiting": Delivery.objects.filter(state=Delivery.State.WAITING).count(),
    }  # fmt: skip
    return page(request, "namespaces/messages_failing.html", context)


@login_needed
@require_POST
def again(request: KnownRequest, delivery_id: UUID) -> HttpResponse:
    """Let a mail be sent again now, which was given up or waits for its next attempt."""
    _operators_only(request)
    if sending.try_again(get_object_or_404(Delivery, pk=delivery_id)):
        notes.success(request, _("It is sent again in a moment."))
    else:
        notes.info(request, _("It was sent meanwhile."))
    return redirect("messages_failing")


def _messages(request: KnownRequest, form: MailsForm) -> HttpResponse:
    given = {"after": "", "before": ""} | parameters.read(request.GET, _PARAMETERS)
    shown = keyset.page(reading.told(request.user.pk).order_by(), _NEWEST, PAGE_SIZE, **given)
    context = {
        "shown": shown,
        "form": form,
        "has_mail": bool(settings.MAIL_FROM),
        "shows_failing": is_operator(request.user),
    }
    return page(request, "namespaces/messages.html", context, invalid=bool(form.errors))


def _operators_only(request: KnownRequest) -> None:
    if not is_operator(request.user):
        raise PermissionDenied(_("Which mails fail is for operators to see."))
