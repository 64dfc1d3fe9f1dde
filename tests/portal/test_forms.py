"""Every form: it does what it is for, takes nothing that is not on it, and nothing from who has lost the right."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.utils import timezone

from accounts.models import Level, User
from audit.models import Event
from namespaces.access import Role
from namespaces.models import Membership
from tests.portal import grounds
from tests.portal.addresses import LOGIN, TABLE
from tests.portal.forms import FORMS
from tests.portal.grounds import Grounds, checksum, seen, undone

pytestmark = pytest.mark.django_db
_MADE = re.compile(
    r"UUID\('[^']+'\)|datetime\.datetime\([^)]*\)|\b[0-9a-f]{64}\b|'id': \d+|'event': '[^']+'"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
every_form = pytest.mark.parametrize("name", FORMS)


def path(place: Grounds, name: str) -> str:
    return place.addresses[name, FORMS[name].thing]


def test_every_address_that_takes_a_form_has_one() -> None:
    assert set(FORMS) == {name for name, row in TABLE.items() if row.post}


@every_form
def test_form_is_done(name: str) -> None:
    form = FORMS[name]
    place = grounds.make(form.kind)
    assert place.send("POST", path(place, name), urlencode(form.filled())).status_code == form.status


# --- Mass assignment -----------------------------------------------------------------------------------------------


def smuggled(fields: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Return every field of every model with a value that somebody would like to have, in the spellings of forms, form
    sets and lookups; but those that the form itself has."""
    values = {"level": "admin", "is_superuser": "1", "is_active": "0", "role": "admin", "state": "approved"}
    own = {*fields, *(name.rpartition("-")[2] for name in fields)}
    for model in apps.get_models():
        for column in model._meta.get_fields():
            value = values.get(column.name, "1")
            names = {column.name, getattr(column, "attname", column.name)} - own
            for name in names:
                yield name, value
                for holder in ("person", "user", "membership_set-0", "form-0", "memberships"):
                    yield f"{holder}-{name}", value
                    yield f"{holder}__{name}", value
                    yield f"{holder}[{name}]", value
                    yield f"{holder}.{name}", value


def told_apart_from_what_is_made_anew(rows: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: sorted(_MADE.sub("?", row) for row in found) for name, found in rows.items()}


@every_form
def test_field_that_is_not_on_the_form_changes_nothing(name: str) -> None:
    form = FORMS[name]
    place = grounds.make(form.kind)
    fields = form.filled()
    more = dict(smuggled(fields))
    names = list(more)
    after = []
    # In parts, because more than a thousand fields are refused as a whole.
    parts = [names[start : start + 900] for start in range(0, len(names), 900)]
    for part in ([], *parts):
        with undone():
            body = urlencode({**{each: more[each] for each in part}, **fields})
            assert place.send("POST", path(place, name), body).status_code == form.status
            after.append(told_apart_from_what_is_made_anew(checksum()))
    assert len(names) > 1000
    assert all(each == after[0] for each in after)


@every_form
def test_json_is_no_form(name: str) -> None:
    form = FORMS[name]
    place = grounds.make(form.kind)
    more = {**dict(smuggled({})), **form.filled()}
    empty = checksum_after(place, name, "", "application/x-www-form-urlencoded")
    assert checksum_after(place, name, json.dumps(more), "application/json") == empty


def checksum_after(place: Grounds, name: str, body: str, kind: str) -> tuple[int, dict[str, list[str]]]:
    with undone():
        answered = place.send("POST", path(place, name), body, content_type=kind)
        return answered.status_code, told_apart_from_what_is_made_anew(checksum())


# --- Lost rights ---------------------------------------------------------------------------------------------------


def lose_membership(person: User) -> None:
    Membership.objects.current().filter(person=person).update(ended_at=timezone.now())


def become(**values: object) -> Callable[[User], None]:
    def change(person: User) -> None:
        User.objects.filter(pk=person.pk).update(**values)

    return change


def look_only(person: User) -> None:
    Membership.objects.current().filter(person=person).update(role=Role.VIEWER)


SUSPENDED, GUEST = become(is_active=False), become(level=Level.GUEST)
WAYS: dict[str, dict[str, Callable[[User], None]]] = {
    "viewer": {"removed": lose_membership, "guest": GUEST, "suspended": SUSPENDED},
    "namespace admin": {
        "removed": lose_membership, "demoted": look_only, "guest": GUEST, "suspended": SUSPENDED,
    },
    "level admin": {"demoted": become(level=Level.USER), "guest": GUEST, "suspended": SUSPENDED},
    "operator": {
        "no operator": become(is_superuser=False, level=Level.USER),
        "level admin": become(is_superuser=False),
        "suspended": SUSPENDED,
    },
}  # fmt: skip


@pytest.mark.parametrize(("kind", "way"), [(kind, way) for kind, ways in WAYS.items() for way in ways])
def test_form_that_was_rendered_before_is_worth_nothing_once_the_right_is_lost(kind: str, way: str) -> None:
    place = grounds.make(kind)
    assert place.person is not None
    forms = {name: form for name, form in FORMS.items() if form.kind == kind and form.right}
    assert forms
    WAYS[kind][way](place.person)
    before = checksum()
    for name, form in forms.items():
        with undone():
            answered = seen(place.send("POST", path(place, name), urlencode(form.filled())))
            assert answered == LOGIN if way == "suspended" else answered in (403, 404), name
            assert checksum() == before, name
            recorded = Event.objects.filter(act="form.refused", actor=place.person.pk, after={"form": name})
            assert recorded.count() == (0 if way == "suspended" else 1), name


def test_every_form_that_takes_a_right_is_tried_without_it() -> None:
    assert {form.kind for form in FORMS.values() if form.right} == set(WAYS)
