"""Who gets which answer at which address: one table for every address, and the methods that each one takes.

An address that is not in the table fails the test: a new page says here who may open it.
"""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts.models import Merge, Terms
from namespaces.models import DriftDecision, Membership, Namespace, NamespaceStatus, SeenBinding, SeenKeys
from tests import factories
from tests.conftest import Cast
from tests.namespaces.views.conftest import show

pytestmark = pytest.mark.django_db

WHO = ("", "ana", "otto", "eda", "nils", "paula", "olga")
# For each address: the answer to GET for anonymous, guest, outsider, editor, namespace admin, level admin who is also
# an admin of avis-fire, operator. Then the same for an empty POST, the token of the form being right.
ANYBODY, LOGGED_IN = (200,) * 7, (302, *(200,) * 6)
NEVER, LOGGED_IN_LEADS_ON = (405,) * 7, (302,) * 7
NOT_BY_GET, NOT_BY_POST = (302, *(405,) * 6), (302, *(405,) * 6)
FIRE_ADMINS = (302, 403, 403, 403, 200, 200, 200)
OPERATORS = ((302, 403, 403, 403, 403, 403, 200), (302, 403, 403, 403, 403, 403, 400))
PEOPLE = (302, 404, 404, 404, 404, 200, 200)
ANAS = (302, 200, *(404,) * 5)
TABLE = {
    "home": (ANYBODY, NEVER),
    "theme": (NEVER, (400,) * 7),
    "terms": (ANYBODY, NEVER),
    "terms_accept": (NOT_BY_GET, (302, *(400,) * 6)),
    "terms_publish": OPERATORS,
    "profile": (LOGGED_IN, NOT_BY_POST),
    "identity": (ANAS, NOT_BY_POST),
    "identity_link": (LOGGED_IN, (302, *(400,) * 6)),
    "identity_confirm": ((302,) * 7, (302,) * 7),
    "identity_retire": (ANAS, (302, 409, *(404,) * 5)),
    "deletion": (LOGGED_IN, (302, *(400,) * 6)),
    "deletion_withdraw": (NOT_BY_GET, LOGGED_IN_LEADS_ON),
    "session_end": (NOT_BY_GET, (302, *(404,) * 6)),
    "sessions_end": (NOT_BY_GET, LOGGED_IN_LEADS_ON),
    "directory": (ANYBODY, NEVER),
    "namespace": (ANYBODY, NEVER),
    "join": (LOGGED_IN, (302, *(400,) * 6)),
    "leave": ((302, 403, 403, 200, 200, 200, 404), (302, 403, 403, 302, 302, 302, 404)),
    "members": (FIRE_ADMINS, NOT_BY_POST),
    "member_add": (FIRE_ADMINS, (302, 403, 403, 403, 400, 400, 400)),
    "member_role": (NOT_BY_GET, (302, 403, 403, 403, 400, 400, 400)),
    "member_remove": (FIRE_ADMINS, (302, 403, 403, 403, 302, 302, 302)),
    "settings": (FIRE_ADMINS, (302, 403, 403, 403, 400, 400, 400)),
    "limits": ((302, 403, 403, 403, 403, 403, 200), (302, 403, 403, 403, 403, 403, 400)),
    "namespace_requests": (FIRE_ADMINS, NOT_BY_POST),
    "drift": ((302, 403, 403, 403, 403, 403, 200), NOT_BY_POST),
    "drift_adopt": OPERATORS,
    "drift_revert": OPERATORS,
    "drift_leave": OPERATORS,
    "drift_limits_adopt": OPERATORS,
    "drift_limits_revert": OPERATORS,
    "drift_limits_leave": OPERATORS,
    "drift_confirm": OPERATORS,
    "drift_take_back": (NOT_BY_GET, (302, 403, 403, 403, 403, 403, 302)),
    "manage": (LOGGED_IN, NOT_BY_POST),
    "create": ((302, 403, 403, 403, 403, 200, 200), (302, 403, 403, 403, 403, 400, 400)),
    "name_check": (NOT_BY_GET, (302, 403, 403, 403, 403, 200, 200)),
    "requests": (LOGGED_IN, NOT_BY_POST),
    "promotion": (LOGGED_IN, (302, *(400,) * 6)),
    "request": ((302, 404, 200, 404, 200, 200, 200), NOT_BY_POST),
    "request_approve": (NOT_BY_GET, (302, 404, 403, 404, 302, 302, 302)),
    "request_deny": (NOT_BY_GET, (302, 404, 400, 404, 400, 400, 400)),
    "request_withdraw": (NOT_BY_GET, (302, 404, 302, 404, 403, 403, 403)),
    "config": (LOGGED_IN, NOT_BY_POST),
    "config_download": (LOGGED_IN, NOT_BY_POST),
    "merge": ((302, *(404,) * 5, 200), NOT_BY_POST),
    "merge_approve": (NOT_BY_GET, (302, *(404,) * 5, 302)),
    "merge_deny": (NOT_BY_GET, (302, *(404,) * 5, 400)),
    "merge_withdraw": (NOT_BY_GET, (302, 302, *(404,) * 5)),
    "people": (PEOPLE, NOT_BY_POST),
    "person": (PEOPLE, NOT_BY_POST),
    "person_level": (NOT_BY_GET, (302, 404, 404, 404, 404, 400, 400)),
    "person_vouch": (NOT_BY_GET, (302, 404, 404, 404, 404, 302, 302)),
    "person_suspend": ((302, 404, 404, 404, 404, 403, 200), (302, 404, 404, 404, 404, 403, 400)),
    "person_operator": (NOT_BY_GET, (302, 404, 404, 404, 404, 400, 400)),
    "person_lift": (NOT_BY_GET, (302, 404, 404, 404, 404, 403, 409)),
    "person_delete": ((302, 404, 404, 404, 404, 403, 302), (302, 404, 404, 404, 404, 403, 400)),
}
ELSEWHERE = {"livez", "readyz"}  # tests/portal/test_health.py; what begins with accounts/: tests/accounts/


@pytest.fixture
def addresses(cast: Cast, fire: Namespace) -> dict[str, str]:
    """Return an address for each name: of avis-fire, Vera's membership, Otto's request, Ana."""
    request = factories.RequestFactory.create(namespace=fire, person=cast.otto)
    membership = Membership.objects.get(namespace=fire, person=cast.vera)
    arguments = {
        "namespace": (), "join": (), "leave": (), "members": (), "member_add": (), "settings": (), "limits": (),
        "namespace_requests": (), "member_role": (membership.pk,), "member_remove": (membership.pk,),
    }  # fmt: skip
    merge = Merge.objects.create(
        kept=cast.ana,
        emptied=cast.otto,
        shown=cast.otto.identities.get(),
        shown_with=cast.ana.identities.get(),
    )
    arguments_of_drift = lines_of_drift(fire)
    found = {}
    for name in TABLE:
        args: tuple[object, ...] = arguments_of_drift.get(name, ())
        if name in arguments:
            args = ("nautilus", "avis-fire", *arguments[name])
        elif name.startswith("request") and name != "requests":
            args = (request.pk,)
        elif name.startswith("merge"):
            args = (merge.pk,)
        elif name in ("identity", "identity_retire"):
            args = (cast.ana.identities.get().pk,)
        elif name == "session_end":
            args = ("0" * 32,)  # nobody's
        elif name.startswith("person"):
            args = (cast.ana.pk,)
        found[name] = reverse(name, args=args)
    return found


def lines_of_drift(fire: Namespace) -> dict[str, tuple[object]]:
    """Return the argument of each address about drift: a binding, keys, a namespace, a decision."""
    binding = SeenBinding.objects.create(
        namespace=fire, name="berth-x", role="ClusterRole berth:viewer", uid="1"
    )
    keys = SeenKeys.objects.create(
        namespace=fire, kind="ResourceQuota", uid="2", keys=[["", "pods", "", "3"]]
    )
    NamespaceStatus.objects.create(namespace=fire, state="conflict", error_code="replaced", seen_uid="3")
    decision = DriftDecision.objects.create(
        namespace=fire, kind="RoleBinding", name="other", uid="4", act="revert", reason="Somebody copied it."
    )
    of_bindings = {f"drift_{act}": (binding.pk,) for act in ("adopt", "revert", "leave")}
    of_limits = {f"drift_limits_{act}": (keys.pk,) for act in ("adopt", "revert", "leave")}
    return {**of_bindings, **of_limits, "drift_confirm": (fire.pk,), "drift_take_back": (decision.pk,)}


def names(patterns: list[URLPattern | URLResolver], path: str = "") -> set[str]:
    """Return the names of all addresses but those of login."""
    found: set[str] = set()
    for pattern in patterns:
        here = path + str(pattern.pattern)
        if here.startswith("accounts/"):
            continue
        if isinstance(pattern, URLResolver):
            found |= names(pattern.url_patterns, here)
        else:
            found.add(pattern.name or here)
    return found


def test_every_address_is_in_the_table() -> None:
    assert names(get_resolver().url_patterns) == set(TABLE) | ELSEWHERE


def test_all_forms_are_done_once_but_those_that_decide_nothing() -> None:
    def marked(patterns: list[URLPattern | URLResolver]) -> set[str | None]:
        found: set[str | None] = set()
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                found |= marked(pattern.url_patterns)
            elif getattr(pattern.callback, "is_repeatable", False):
                found.add(pattern.name)
        return found

    names_of_login = {"account_logout", "openid_connect_login", "show_again", "identity_link", "break_glass"}
    assert marked(get_resolver().url_patterns) == {"theme", "name_check"} | names_of_login


@pytest.mark.parametrize("number", range(len(WHO)), ids=[who or "anonymous" for who in WHO])
@pytest.mark.parametrize("name", TABLE)
def test_answer(cast: Cast, addresses: dict[str, str], name: str, number: int) -> None:
    client = Client()
    if WHO[number]:
        client.force_login(getattr(cast, WHO[number]))
        show(client, getattr(cast, WHO[number]))
    by_get, by_post = TABLE[name]
    assert client.get(addresses[name]).status_code == by_get[number]
    assert client.post(addresses[name]).status_code == by_post[number]


BEFORE_TERMS = {"directory", "profile", "session_end", "sessions_end", "terms", "terms_accept", "theme"}


@pytest.mark.parametrize("name", TABLE)
def test_who_has_not_accepted_the_terms_is_led_to_them(
    cast: Cast, addresses: dict[str, str], name: str
) -> None:
    Terms.objects.create(text="Be kind.", binds_from=timezone.now())
    client = Client()
    client.force_login(cast.olga)
    by_get, by_post = client.get(addresses[name]), client.post(addresses[name])
    led = [answer.headers.get("Location", "").startswith("/terms/") for answer in (by_get, by_post)]
    assert led == [name not in BEFORE_TERMS] * 2


@pytest.mark.parametrize("name", TABLE)
def test_form_without_its_token_is_refused_in_the_frame(
    cast: Cast, addresses: dict[str, str], name: str
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.olga)
    answer = client.post(addresses[name])
    assert answer.status_code == 403
    assert "This form is no longer valid" in answer.content.decode()


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
def test_other_methods_are_refused(cast: Cast, addresses: dict[str, str], name: str, method: str) -> None:
    client = Client()
    client.force_login(cast.olga)
    assert getattr(client, method)(addresses[name]).status_code == 405


@pytest.mark.parametrize("name", [name for name, (by_get, _post) in TABLE.items() if by_get[-1] == 200])
def test_page_for_somebody_is_stored_nowhere_and_fenced(
    cast: Cast, addresses: dict[str, str], name: str
) -> None:
    client = Client()
    client.force_login(cast.olga)
    headers = client.get(addresses[name]).headers
    assert headers["Cache-Control"] == "no-store"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
