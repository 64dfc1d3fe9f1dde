"""The people of the platform: for people of level admin, who vouch, and for operators, who set levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import fresh, policy, sessions
from accounts.actions import dormancy, suspensions
from accounts.actions import people as actions
from accounts.errors import Refusal
from accounts.forms import LevelForm, OperatorForm
from accounts.guards import KnownRequest, login_needed
from accounts.leading_out import leads_to_issuers
from accounts.models import Deletion, Identity, Level, LevelChange, Merge, User
from accounts.prepared import Prepared
from accounts.views.again import ask_again, showing, typed_before
from namespaces import departures, inbox, standing, timeline
from namespaces.actions import succession
from namespaces.forms import SuccessorsForm, SuspendForm
from namespaces.models import Membership
from namespaces.policy import may_decide, visible_namespaces
from namespaces.roster import memberships_of
from namespaces.views import keyset, parameters
from namespaces.views.answers import blame, page

PAGE_SIZE = 25
MOST_COUNTED = 1000
MOST_SHOWN = 100
_ANYBODY = UUID(int=0)
_ORDERS = {
    "name": keyset.Order("name", keyset.Text()),
    "seen": keyset.Order("last_seen_at", keyset.Moment(), descends=True),
    "new": keyset.Order("created_at", keyset.Moment(), descends=True, is_fixed=True),
}
_SORT_LABELS = {
    "name": gettext_lazy("Name"),
    "seen": gettext_lazy("Last seen"),
    "new": gettext_lazy("Newest"),
}
_STATES = {
    "": gettext_lazy("All"),
    "dormant": gettext_lazy("Dormant"),
    "suspended": gettext_lazy("Suspended"),
}
_RUNNING = Deletion.objects.filter(person=OuterRef("pk"), state=Deletion.State.RUNNING)
# Who was not merged is nearly everybody. Asked otherwise, SQLite takes the index of those who were, and sorts all.
_PEOPLE = User.objects.exclude(merged_into__isnull=False).filter(deleted_at=None)
_DEFAULTS = {"q": "", "level": "", "state": "", "sort": "name", "after": "", "before": ""}
_PARAMETERS = {
    "q": parameters.text(),
    "level": parameters.one_of(Level.values),
    "state": parameters.one_of([state for state in _STATES if state]),
    "sort": parameters.one_of(_ORDERS),
    "after": parameters.as_given,
    "before": parameters.as_given,
}


@login_needed
@require_safe
def people(request: KnownRequest) -> HttpResponse:
    """Search the people."""
    _may_see_or_404(request.user)
    given: dict[str, str] = _DEFAULTS | parameters.read(request.GET, _PARAMETERS)
    found = _search(given["q"], level=given["level"], state=given["state"])
    place = {name: given[name] for name in ("after", "before")}
    told = found.annotate(leaves=Exists(_RUNNING))
    shown = keyset.page(told, _ORDERS[given["sort"]], PAGE_SIZE, **place)
    is_whole = not (given["after"] or given["before"] or shown.after)
    merges, deletions = _waiting(request.user)
    context = {
        "given": given,
        "total": len(shown.rows) if is_whole else found.order_by()[: MOST_COUNTED + 1].count(),
        "most_counted": MOST_COUNTED,
        "dormant_days": settings.DORMANT_DAYS,
        "rows": _rows(shown.rows, request.user),
        "merges": merges,
        "deletions": deletions,
        "levels": _choices(given, "level", dict(_levels())),
        "states": _choices(given, "state", _STATES),
        "sorts": _choices(given, "sort", _SORT_LABELS),
        "previous": shown.before and _address(given, before=shown.before),
        "next": shown.after and _address(given, after=shown.after),
    }
    return page(request, "namespaces/people.html", context)


@leads_to_issuers
@login_needed
@require_safe
def person(request: KnownRequest, person_id: UUID) -> HttpResponse:
    """Show one person."""
    found = _person_or_404(request.user, person_id)
    given = typed_before(request, reverse("person_level", args=[found.pk]))
    if given is None:
        return _person(request, found)
    successors = SuccessorsForm(given, person=found, by=request.user)
    return _person(request, found, form=LevelForm(given), successors=successors)


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
    successors = SuccessorsForm(request.POST, person=found, by=request.user)
    if not form.is_valid() or not successors.is_valid():
        return _person(request, found, form=form, successors=successors)
    if policy.may_set_level(request.user, found) and not fresh.is_shown(request):
        return ask_again(request, "person", person_id, keeps=True)
    try:
        succession.set_level(
            person=found,
            level=Level(form.cleaned_data["level"]),
            by=request.user,
            successors=successors.successors(),
        )
    except Refusal as refusal:
        return _person(request, found, form=form, successors=successors, refusal=refusal)
    texts = {"person": found, "level": found.get_level_display()}
    messages.success(request, _("The level of %(person)s is %(level)s now.") % texts)
    return redirect("person", person_id)


@leads_to_issuers
@login_needed
@require_POST
def operator(request: KnownRequest, person_id: UUID) -> HttpResponse:
    """Make somebody an operator, or end that."""
    found = _person_or_404(request.user, person_id)
    form = OperatorForm(request.POST)
    if not form.is_valid():
        return _person(request, found, operator_form=form)
    if policy.may_set_operator(request.user, found) and not fresh.is_shown(request):
        return ask_again(request, "person", person_id)
    is_operator = form.cleaned_data["operator"] == "yes"
    try:
        actions.set_operator(person=found, is_operator=is_operator, by=request.user)
    except Refusal as refusal:
        return _person(request, found, refusal=refusal)
    words = _("%(person)s is an operator now.") if is_operator else _("%(person)s is no operator any more.")
    messages.success(request, words % {"person": found})
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
    here = reverse("person_suspend", args=[found.pk])
    given = request.POST if request.method == "POST" else typed_before(request, here)
    form, successors = SuspendForm(given), SuccessorsForm(given, person=found, by=request.user)
    refusal = None
    is_valid = request.method == "POST" and form.is_valid() and successors.is_valid()
    if is_valid and not fresh.is_shown(request):
        return ask_again(request, "person_suspend", person_id, keeps=True)
    if is_valid:
        chosen = successors.successors()
        try:
            succession.suspend(person=found, **form.cleaned_data, by=request.user, successors=chosen)
        except Refusal as error:
            refusal = error
            blame(form, error)
        else:
            messages.success(request, _("%(person)s is suspended.") % {"person": found})
            return redirect("person", person_id)
    context = {
        "person": found,
        "form": form,
        "memberships": memberships_of(found),
        "successors": successors,
        "sessions": sessions.of(found).count(),
        **showing(request, here),
    }
    invalid = bool(form.errors or successors.errors)
    return page(request, "namespaces/suspend.html", context, refusal=refusal, invalid=invalid)


@leads_to_issuers
@login_needed
@require_POST
def lift(request: KnownRequest, person_id: UUID) -> HttpResponse:
    """Lift a suspension."""
    found = _person_or_404(request.user, person_id)
    if policy.may_suspend(request.user, found) and not fresh.is_shown(request):
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


def _search(q: str, *, level: str, state: str) -> QuerySet[User]:
    """Return the people in whom every word is found. Who was merged is found as the account that has the identity."""
    found = _PEOPLE.all()
    if level:
        found = found.filter(level=level)
    if state == "dormant":
        found = found.filter(pk__in=dormancy.dormant(settings.DORMANT_DAYS))
    elif state == "suspended":
        found = found.filter(is_active=False)
    words = q.split()
    if not words:
        return found
    # Asked first: as a part of the search it would be looked up for every person.
    owners = dict(Identity.objects.filter(subject__in=words).values_list("subject", "person"))
    # PostgreSQL takes its time over upper case, so it is asked for once.
    found = found.alias(words=Concat("name", Value(" "), "institution"))
    for word in words:
        matches = Q(words__icontains=word)
        if "@" in word:
            matches |= Q(email__iexact=word)
        if word in owners:
            matches |= Q(pk=owners[word])
        found = found.filter(matches)
    return found


def _rows(people: Sequence[User], reader: User) -> list[tuple[str, str, str, str, datetime | None, str]]:
    """Return what the list says of each: address, name, institution, level, last seen, and in how many namespaces.

    Said here because a template takes several times as long to say it, and a page has many rows.
    """
    keys = {f"person_{number}": each.pk for number, each in enumerate(people)}
    namespaces = dict(_namespaces.rows(reader=reader, **keys))
    address = reverse("person", args=[_ANYBODY])
    levels = {value: str(label) for value, label in Level.choices}
    return [
        (
            address.replace(str(_ANYBODY), str(each.pk)),
            str(each),
            each.institution,
            " · ".join([levels.get(each.level, each.level), *_marks(each)]),
            each.last_seen_at,
            str(namespaces.get(each.pk, 0)),
        )
        for each in people
    ]


def _marks(person: User) -> Iterator[str]:
    """Yield what is said of somebody in the list beside their level."""
    if person.is_superuser:
        yield _("operator")
    if person.leaves:  # type: ignore[attr-defined]
        yield _("being deleted")
    elif not person.is_active:
        yield _("suspended")


def _ask_for_namespaces(reader: User, **people: UUID) -> QuerySet[Membership, Any]:
    """Return in how many of the namespaces that the reader may know of each of these people is."""
    visible = visible_namespaces(reader).order_by().values("pk")
    memberships = Membership.objects.current().filter(person__in=people.values(), namespace__in=visible)
    return memberships.order_by().values_list("person").annotate(Count("namespace", distinct=True))


def _waiting(reader: User) -> tuple[list[Merge], list[Deletion]]:
    """Return what waits for an operator; nothing for others. In one query where nothing waits, as a rule."""
    if not policy.is_operator(reader):
        return [], []
    ((merges, deletions),) = _waits.rows(reader=reader)
    return list(_merges(reader)) if merges else [], list(_deletions(reader)) if deletions else []


def _ask_what_waits(reader: User) -> QuerySet[User, Any]:
    return User.objects.filter(pk=reader.pk).values_list(Exists(_merges(reader)), Exists(_deletions(reader)))


def _merges(reader: User) -> QuerySet[Merge]:
    """Return the accounts that wait to be merged."""
    pending = Merge.objects.open().exclude(Q(kept=reader) | Q(emptied=reader))
    return pending.select_related("kept", "shown")


def _deletions(reader: User) -> QuerySet[Deletion]:
    """Return the accounts that wait for an operator to delete them, and those that wait for the cluster."""
    states = (Deletion.State.ASKED, Deletion.State.RUNNING)
    return Deletion.objects.filter(state__in=states).exclude(person=reader).select_related("person")


_namespaces = Prepared(_ask_for_namespaces)
_waits = Prepared(_ask_what_waits)


def _levels() -> list[tuple[str, Any]]:
    return [("", gettext_lazy("All")), *Level.choices]


def _choices(given: dict[str, str], name: str, labels: dict[str, Any]) -> list[tuple[Any, str, bool]]:
    """Return the choices of a parameter: label, address, and whether it is the current one."""
    return [
        (label, _address(given, **{name: value}), given[name] == value) for value, label in labels.items()
    ]


def _address(given: dict[str, str], **changes: str) -> str:
    """Return the address of a list that differs in this; it begins with its first page unless a key is given."""
    values = {**given, "after": "", "before": "", **changes}
    differing = {name: value for name, value in values.items() if value != _DEFAULTS[name]}
    return f"{reverse('people')}?{urlencode(differing)}" if differing else reverse("people")


def _person(
    request: KnownRequest,
    found: User,
    *,
    form: LevelForm | None = None,
    operator_form: OperatorForm | None = None,
    successors: SuccessorsForm | None = None,
    refusal: Refusal | None = None,
) -> HttpResponse:
    visible = visible_namespaces(request.user)
    memberships = list(memberships_of(found).filter(namespace__in=visible.order_by().values("pk")))
    stands = standing.of_person(found, [membership.namespace for membership in memberships])
    asked_level = inbox.open_promotion(found)
    deletion = found.deletion
    leaves = deletion is not None and deletion.state != Deletion.State.ASKED
    may_set_level = policy.may_set_level(request.user, found) and found.merged_into_id is None and not leaves
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
        "may_set_operator": policy.may_set_operator(request.user, found)
        and found.is_active
        and not found.is_guest,
        "operator_form": operator_form or OperatorForm(),
        "may_set_level": may_set_level,
        "successors": successors or SuccessorsForm(person=found, by=request.user),
        "may_suspend": policy.may_suspend(request.user, found),
        "suspension": found.suspension,
        "deletion": deletion,
        "leaves": leaves,
        "may_delete": policy.may_delete(request.user, found),
        "left_in": departures.where_left(found)
        if deletion and deletion.state == Deletion.State.RUNNING and policy.is_operator(request.user)
        else [],
        **showing(request, reverse("person", args=[found.pk])),
        "form": form or LevelForm(initial={"level": found.level}),
        **(_history(found) if request.user.is_operator else {}),
    }
    invalid = any(each and each.errors for each in (form, operator_form, successors))
    return page(request, "namespaces/person.html", context, refusal=refusal, invalid=invalid)


def _history(found: User) -> dict[str, Any]:
    """Return what operators see of how levels came about: somebody's own, and whom they vouched for."""
    vouched = LevelChange.objects.filter(by=found, act=LevelChange.Act.VOUCHED)
    return {
        "level_changes": found.level_changes.select_related("by")[:MOST_SHOWN],
        "vouched_for": vouched.select_related("person")[:MOST_SHOWN],
        "most_shown": MOST_SHOWN,
        "timeline": timeline.of_person(found),
        "most_in_timeline": timeline.MOST,
    }
