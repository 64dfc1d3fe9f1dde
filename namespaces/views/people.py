"""The people of the platform: for people of level admin, who vouch, and for operators, who set levels."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, F, Max, Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import fresh, policy, sessions
from accounts.actions import people as actions
from accounts.actions import suspensions
from accounts.errors import Refusal
from accounts.forms import LevelForm
from accounts.guards import KnownRequest, login_needed
from accounts.leading_out import leads_to_issuers
from accounts.models import Level, LevelChange, Merge, User
from accounts.views.again import ask_again, showing
from namespaces import inbox, standing
from namespaces.actions.members import without_another_admin
from namespaces.forms import SuspendForm
from namespaces.models import Membership
from namespaces.policy import may_decide, visible_namespaces
from namespaces.views import parameters
from namespaces.views.answers import blame, page

PAGE_SIZE = 50
MOST_SHOWN = 100
_SORTS = {
    "name": ("name", "pk"),
    "seen": (F("seen_at").desc(nulls_last=True), "name", "pk"),
    "new": ("-created_at", "pk"),
}
_SORT_LABELS = {
    "name": gettext_lazy("Name"),
    "seen": gettext_lazy("Last seen"),
    "new": gettext_lazy("Newest"),
}
_DEFAULTS: dict[str, Any] = {"q": "", "level": "", "sort": "name", "page": 1}
_PARAMETERS = {
    "q": parameters.text(),
    "level": parameters.one_of(Level.values),
    "sort": parameters.one_of(_SORTS),
    "page": parameters.page_number,
}


@login_needed
@require_safe
def people(request: KnownRequest) -> HttpResponse:
    """Search the people."""
    _may_see_or_404(request.user)
    given = _DEFAULTS | parameters.read(request.GET, _PARAMETERS)
    pages = Paginator(
        _search(request.user, **{name: given[name] for name in ("q", "level", "sort")}), PAGE_SIZE
    )
    if given["page"] > pages.num_pages:
        raise BadRequest(
            _("The parameter “page” goes from 1 to %(pages)d here.") % {"pages": pages.num_pages}
        )
    context = {
        "given": given,
        "found": pages.page(given["page"]),
        "merges": _merges(request.user),
        "levels": [
            (label, _address(given, level=value), given["level"] == value) for value, label in _levels()
        ],
        "sorts": [
            (label, _address(given, sort=name), given["sort"] == name) for name, label in _SORT_LABELS.items()
        ],
        "previous": _address(given, page=given["page"] - 1) if given["page"] > 1 else "",
        "next": _address(given, page=given["page"] + 1) if given["page"] < pages.num_pages else "",
    }
    return page(request, "namespaces/people.html", context)


@leads_to_issuers
@login_needed
@require_safe
def person(request: KnownRequest, person_id: UUID) -> HttpResponse:
    """Show one person."""
    return _person(request, _person_or_404(request.user, person_id))


@leads_to_issuers
@login_needed
@require_POST
def vouch(request: KnownRequest, person_id: UUID) -> HttpResponse:
    """Make a guest a user, and answer for it."""
    found = _person_or_404(request.user, person_id)
    try:
        actions.vouch(person=found, by=request.user)
    except Refusal as refusal:
        return _person(request, found, refusal=refusal)
    messages.success(request, _("%(person)s is a user now: you vouched for them.") % {"person": found})
    return redirect("person", person_id)


@leads_to_issuers
@login_needed
@require_POST
def level(request: KnownRequest, person_id: UUID) -> HttpResponse:
    """Set somebody's level."""
    found = _person_or_404(request.user, person_id)
    form = LevelForm(request.POST)
    if not form.is_valid():
        return _person(request, found, form=form)
    if policy.may_set_level(request.user, found) and fresh.identity(request, fresh.FOR_ACTS) is None:
        return ask_again(request, "person", person_id)
    try:
        actions.set_level(person=found, level=Level(form.cleaned_data["level"]), by=request.user)
    except Refusal as refusal:
        return _person(request, found, form=form, refusal=refusal)
    texts = {"person": found, "level": found.get_level_display()}
    messages.success(request, _("The level of %(person)s is %(level)s now.") % texts)
    return redirect("person", person_id)


@leads_to_issuers
@login_needed
@require_http_methods(["GET", "HEAD", "POST"])
def suspend(request: KnownRequest, person_id: UUID) -> HttpResponse:
    """Show what a suspension will do, and suspend."""
    found = _person_or_404(request.user, person_id)
    if not policy.may_suspend(request.user, found):
        raise PermissionDenied(_("Only operators suspend people, and nobody themselves."))
    if found.suspension and request.method != "POST":
        return redirect("person", person_id)
    form = SuspendForm(request.POST) if request.method == "POST" else SuspendForm()
    refusal = None
    if form.is_bound and form.is_valid() and fresh.identity(request, fresh.FOR_ACTS) is None:
        return ask_again(request, "person_suspend", person_id)
    if form.is_bound and form.is_valid():
        try:
            suspensions.suspend(person=found, **form.cleaned_data, by=request.user)
        except Refusal as error:
            refusal = error
            blame(form, error)
        else:
            messages.success(request, _("%(person)s is suspended.") % {"person": found})
            return redirect("person", person_id)
    context = {
        "person": found,
        "form": form,
        "memberships": Membership.objects.current()
        .filter(person=found)
        .select_related("namespace__cluster")
        .order_by("namespace__name"),
        "orphans": without_another_admin(found),
        "sessions": sessions.of(found).count(),
        **showing(request, reverse("person_suspend", args=[found.pk])),
    }
    return page(request, "namespaces/suspend.html", context, refusal=refusal, invalid=bool(form.errors))


@leads_to_issuers
@login_needed
@require_POST
def lift(request: KnownRequest, person_id: UUID) -> HttpResponse:
    """Lift a suspension."""
    found = _person_or_404(request.user, person_id)
    if policy.may_suspend(request.user, found) and fresh.identity(request, fresh.FOR_ACTS) is None:
        return ask_again(request, "person", person_id)
    try:
        suspensions.lift(person=found, by=request.user)
    except Refusal as refusal:
        return _person(request, found, refusal=refusal)
    messages.success(request, _("%(person)s is not suspended any more.") % {"person": found})
    return redirect("person", person_id)


def _may_see_or_404(reader: User) -> None:
    if not policy.may_see_people(reader):
        raise Http404


def _person_or_404(reader: User, person_id: UUID) -> User:
    _may_see_or_404(reader)
    return get_object_or_404(User, pk=person_id)


def _search(reader: User, *, q: str, level: str, sort: str) -> QuerySet[User]:
    """Return people with when they were last seen, and in how many of the namespaces that the reader may know of."""
    found = User.objects.filter(level=level) if level else User.objects.all()
    for word in q.split():
        matches = Q(name__icontains=word) | Q(institution__icontains=word)
        found = found.filter(
            matches | Q(email__iexact=word) | Q(pk__in=User.objects.filter(identities__subject=word))
        )
    known = Q(
        memberships__ended_at=None,
        memberships__namespace__in=visible_namespaces(reader).order_by().values("pk"),
    )
    return found.annotate(
        seen_at=Max("identities__last_login_at"), namespaces=Count("memberships", filter=known, distinct=True)
    ).order_by(*_SORTS[sort])


def _merges(reader: User) -> list[Merge]:
    """Return the accounts that wait to be merged, for operators."""
    if not policy.is_operator(reader):
        return []
    pending = Merge.objects.open().exclude(Q(kept=reader) | Q(emptied=reader))
    return list(pending.select_related("kept", "shown"))


def _levels() -> list[tuple[str, Any]]:
    return [("", gettext_lazy("All")), *Level.choices]


def _address(given: dict[str, Any], **changes: Any) -> str:
    values = {**given, "page": 1, **changes}
    differing = {name: value for name, value in values.items() if value != _DEFAULTS[name]}
    return f"{reverse('people')}?{urlencode(differing)}" if differing else reverse("people")


def _person(
    request: KnownRequest, found: User, *, form: LevelForm | None = None, refusal: Refusal | None = None
) -> HttpResponse:
    visible = visible_namespaces(request.user)
    memberships = list(
        Membership.objects.current()
        .filter(person=found, namespace__in=visible.order_by().values("pk"))
        .select_related("namespace__cluster")
        .order_by("namespace__name")
    )
    stands = standing.of_person(found, [membership.namespace for membership in memberships])
    asked_level = inbox.open_promotion(found)
    context = {
        "person": found,
        "identities": found.identities.order_by("created_at"),
        "memberships": [(membership, stands[membership.namespace_id]) for membership in memberships],
        "waiting": inbox.asked_by(found).open().filter(namespace__in=visible.order_by().values("pk")),
        "promotion": asked_level if asked_level and may_decide(request.user, asked_level) else None,
        "may_vouch": found.is_guest
        and found.is_active
        and policy.may_vouch(request.user)
        and found.pk != request.user.pk,
        "may_set_level": policy.may_set_level(request.user, found) and found.merged_into_id is None,
        "may_suspend": policy.may_suspend(request.user, found),
        "suspension": found.suspension,
        **showing(request, reverse("person", args=[found.pk])),
        "form": form or LevelForm(initial={"level": found.level}),
        **(_history(found) if request.user.is_operator else {}),
    }
    return page(
        request, "namespaces/person.html", context, refusal=refusal, invalid=bool(form and form.errors)
    )


def _history(found: User) -> dict[str, Any]:
    """Return what operators see of how levels came about: somebody's own, and whom they vouched for."""
    vouched = LevelChange.objects.filter(by=found, act=LevelChange.Act.VOUCHED)
    return {
        "level_changes": found.level_changes.select_related("by")[:MOST_SHOWN],
        "vouched_for": vouched.select_related("person")[:MOST_SHOWN],
        "most_shown": MOST_SHOWN,
    }
