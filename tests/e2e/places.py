"""Every address of Berth: which pages there are, and which kinds of people see them.

The list is held against the URLconf, so that a new page cannot be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from clusters.roles import binding_name
from localcluster.admin_api import AdminApi
from localcluster.people import ALEX, BEN, FAHIM, HOU_I, OLGA, DemoPerson
from tests.benchmarks.people import log_in
from tests.e2e import rows
from tests.e2e.newcomers import GRETA, LENA, SAMI
from tests.stack import Stack

PEOPLE: dict[str, DemoPerson | None] = {
    "anonymous": None,
    "guest": GRETA,
    "member": BEN,
    "namespace-admin": HOU_I,
    "operator": OLGA,
}
EVERYBODY = tuple(PEOPLE)
KNOWN = EVERYBODY[1:]
_OF = {"member": "oulib"}  # whose page a kind of person looks at; avis-fire otherwise


@dataclass(frozen=True)
class Place:
    """A page as some kinds of people see it. `path` may name what is only known when the portal runs."""

    name: str
    path: str
    title: str
    people: tuple[str, ...] = KNOWN
    status: int = 200


NAMESPACE = "/namespaces/nautilus/{namespace}/"
ADMINS = ("namespace-admin", "operator")

PLACES = (
    Place("home", "/", "start", EVERYBODY),
    Place("directory", "/namespaces/", "directory", EVERYBODY),
    Place("directory", "/namespaces/?q=tensorflow&sort=newest", "directory-search", ("anonymous", "member")),
    Place("directory", "/namespaces/?q=nothing+fits", "directory-empty", ("anonymous",)),
    Place("directory", "/namespaces/?page=99", "not-understood", ("anonymous", "member"), 400),
    Place("namespace", NAMESPACE, "namespace", EVERYBODY),
    Place("namespace", "/namespaces/nautilus/no-such-place/", "not-found", EVERYBODY, 404),
    Place("join", NAMESPACE + "join/", "join", ("guest",)),
    Place("leave", NAMESPACE + "leave/", "leave", ("member", "namespace-admin")),
    Place("hand_over", NAMESPACE + "leave/hand-over/", "hand-over", ("namespace-admin",)),
    Place("successor", NAMESPACE + "successor/", "successor", ("namespace-admin",)),
    Place("members", NAMESPACE + "members/", "members", ADMINS),
    Place("member_add", NAMESPACE + "members/add/?q=holm", "add-member", ADMINS),
    Place("member_add", NAMESPACE + "members/add/?q=nobody+at+all", "add-member-empty", ("namespace-admin",)),
    Place("member_add_many", NAMESPACE + "members/add/many/", "add-many", ("namespace-admin",)),
    Place("write", NAMESPACE + "members/write/", "write", ADMINS),
    Place("invite", NAMESPACE + "members/invite/", "invite", ("namespace-admin",)),
    Place("course", NAMESPACE + "members/course/", "course", ADMINS),
    Place("invitation_made", NAMESPACE + "members/invitations/{invitation}/", "invitation", ADMINS),
    Place(
        "invitation_made", NAMESPACE + "members/invitations/{course}/", "course-made", ("namespace-admin",)
    ),
    Place("course_end", NAMESPACE + "members/invitations/{course}/end/", "course-end", ("namespace-admin",)),
    Place("invitation", "{course_link}", "course-link", ("anonymous", "guest", "member")),
    Place("invitation", "{invitation_link}", "invitation-link", ("anonymous", "member")),
    Place("invitation", "{old_link}", "invitation-over", ("anonymous",)),
    Place("member_until", NAMESPACE + "members/{membership}/until/", "member-until", ("namespace-admin",)),
    Place("member_remove", NAMESPACE + "members/{membership}/remove/", "remove-member", ADMINS),
    Place("settings", NAMESPACE + "settings/", "edit-page", ADMINS),
    Place("logo_change", NAMESPACE + "settings/logo/", "logo", ("namespace-admin",)),
    Place("limits", NAMESPACE + "settings/limits/?profile=standard", "limits", ("operator",)),
    Place("limits", NAMESPACE + "settings/limits/", "limits-not-allowed", ("namespace-admin",), 403),
    Place("namespace_requests", NAMESPACE + "requests/", "namespace-requests", ADMINS),
    Place("drift", "/drift/", "drift", ("operator",)),
    Place("drift_adopt", "/drift/bindings/{binding}/adopt/", "drift-adopt", ("operator",)),
    Place("drift_revert", "/drift/bindings/{binding}/revert/", "drift-revert-by-hand", ("operator",)),
    Place("drift_revert", "/drift/bindings/{taken}/revert/", "drift-revert", ("operator",)),
    Place("drift_leave", "/drift/bindings/{binding}/leave/", "drift-leave", ("operator",)),
    Place("drift_limits_adopt", "/drift/limits/{keys}/adopt/", "drift-limits-adopt", ("operator",)),
    Place("drift_limits_revert", "/drift/limits/{keys}/revert/", "drift-limits-revert", ("operator",)),
    Place("drift_limits_leave", "/drift/limits/{keys}/leave/", "drift-limits-leave", ("operator",)),
    Place("drift_confirm", "/drift/namespaces/{rebuilt}/confirm/", "drift-confirm", ("operator",)),
    Place("drift", "/drift/", "drift-not-allowed", ("namespace-admin",), 403),
    Place("manage", "/manage/", "manage"),
    Place("create", "/manage/create/", "create", ("operator",)),
    Place("create", "/manage/create/", "not-allowed", ("guest", "namespace-admin"), 403),
    Place("namespace_ask", "/manage/ask/", "ask-for-a-namespace", ("member",)),
    Place("requests", "/requests/", "requests"),
    Place("request", "/requests/{guests_request}/", "request-pending", ("guest", *ADMINS)),
    Place("request", "/requests/{denied_request}/", "request-denied", ("guest",)),
    Place("request", "/requests/{users_request}/", "request-of-a-user", ("member", *ADMINS)),
    Place("request", "/requests/{promotion}/", "request-for-a-level", ("operator",)),
    Place("absence", "/requests/absence/", "absence", ("namespace-admin",)),
    Place("request", "/requests/{wished_namespace}/", "request-for-a-namespace", ("operator",)),
    Place("request", "/requests/{takeover}/", "request-takeover", ADMINS),
    Place("request", "/requests/{takeover}/?successor={heir}", "request-takeover-chosen", ("operator",)),
    Place("promotion", "/requests/promotion/", "ask-for-a-level", ("guest", "member", "operator")),
    Place("config", "/config/", "config"),
    Place("people", "/users/", "people", ("operator",)),
    Place("people", "/users/?q=nobody+at+all", "people-empty", ("operator",)),
    Place("people", "/users/?state=suspended&sort=seen", "people-suspended", ("operator",)),
    Place("people", "/users/?after=nobody", "people-no-place", ("operator",), 400),
    Place("person", "/users/{guest}/", "person-guest", ("operator",)),
    Place("person", "/users/{user}/", "person-user", ("operator",)),
    Place("merge", "/users/merges/{merge}/", "merge", ("operator",)),
    Place("person", "/users/{suspended}/", "person-suspended", ("operator",)),
    Place("person_suspend", "/users/{user}/suspend/", "suspend", ("operator",)),
    Place("person_delete", "/users/{leaving}/delete/", "delete", ("operator",)),
    Place("person", "/users/{leaving}/", "person-asks-to-be-deleted", ("operator",)),
    Place("profile", "/profile/", "profile"),
    Place("messages", "/messages/", "messages"),
    Place("messages_failing", "/messages/failing/", "messages-failing", ("operator",)),
    Place("deletion", "/profile/deletion/", "deletion", ("guest", "namespace-admin")),
    Place("terms", "/terms/", "terms", ("anonymous", "member", "operator")),
    Place("terms_publish", "/terms/publish/", "terms-publish", ("operator",)),
    Place("identity", "/profile/identities/{identity}/", "identity", ("member",)),
    Place("identity_link", "/profile/identities/link/", "identity-link"),
    Place("identity_retire", "/profile/identities/{identity}/retire/", "identity-retire", ("member",)),
    Place("account_login", "/accounts/login/?next=/manage/", "login", ("anonymous",)),
    Place("account_logout", "/accounts/logout/", "logout", ("member",)),
    Place("mfa_index", "/accounts/second-factor/", "second-factor"),
    Place("break_glass", "/accounts/break-glass/", "break-glass", ("anonymous",)),
    Place("account_inactive", "/accounts/inactive/", "inactive", ("anonymous",), 403),
    Place("socialaccount_login_cancelled", "/accounts/cancelled/", "login-cancelled", ("anonymous",)),
    Place(
        "openid_connect_callback",
        "/accounts/oidc/cilogon/login/callback/?code=stale&state=stale",
        "login-failed",
        ("anonymous",),
        400,
    ),
)

# Addresses that answer with something else than a page.
NO_PAGES = {
    "theme": "takes the choice of light or dark, and leads back",
    "messages_seen": "takes a form, and leads to the messages",
    "messages_mails": "takes a form, and leads to the messages",
    "message_again": "takes a form, and leads to the mails that fail",
    "logo": "a picture",
    "organisations": "the choices of a field",
    "bibtex": "a file",
    "publications": "takes a form, and gives the page that edits back with more in it",
    "name_check": "a part of the page that creates a namespace",
    "drift_take_back": "takes a form, and leads to the drift",
    "member_role": "takes a form, and leads to the members",
    "request_approve": "takes a form, and leads to the request",
    "request_deny": "takes a form, and leads to the request",
    **dict.fromkeys(("member_extend", "member_restore"), "takes a form, and leads to the members"),
    **dict.fromkeys(("request_remind", "request_undo"), "takes a form, and leads to the request"),
    "absence_end": "takes a form, and leads to the requests",
    **dict.fromkeys(("invitation_renew", "invitation_withdraw"), "takes a form, and leads to the invitation"),
    "request_withdraw": "takes a form, and leads to the request",
    "config_download": "gives a file",
    "person_level": "takes a form, and leads to the person",
    "person_vouch": "takes a form, and leads to the person",
    "merge_approve": "takes a form, and leads to the person",
    "merge_deny": "takes a form, and leads to the merge",
    "merge_withdraw": "takes a form, and leads to the profile",
    "terms_accept": "takes a form, and leads on",
    "identity_confirm": "asks after two logins: test_identities.py",
    **dict.fromkeys(
        (
            *("mfa_activate_totp", "mfa_deactivate_totp", "mfa_add_webauthn", "mfa_remove_webauthn"),
            *("mfa_view_recovery_codes", "mfa_reauthenticate", "mfa_reauthenticate_webauthn"),
        ),
        "for somebody who has just shown who they are, or has a second factor: test_second_factor.py",
    ),
    "mfa_generate_recovery_codes": "takes a form, and leads to the codes",
    "show_again": "leads to the identity provider",
    "session_end": "takes a form, and leads to the profile",
    "named_to": "takes a form, and leads to the profile",
    "sessions_end": "takes a form, and leads to the profile",
    "person_operator": "takes a form, and leads to the person",
    "deletion_withdraw": "takes a form, and leads to the profile",
    "person_lift": "takes a form, and leads to the person",
    "openid_connect_login": "leads to the identity provider",
    "socialaccount_connections": "leads to the profile",
    "feed": "for programs",
    "directory_json": "for programs",
    "sitemap": "for search engines",
    "robots": "for search engines",
    "livez": "answers probes",
    "readyz": "answers probes",
}


def names_in_urlconf() -> set[str]:
    """Return the names of all addresses."""
    return set(_names(get_resolver().url_patterns))


def _names(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _names(pattern.url_patterns)
        else:
            yield pattern.name or str(pattern.pattern)


def visits() -> list[object]:
    """Return every page with every kind of person who sees it, as parameters of a test."""
    return [
        pytest.param(place, kind, id=f"{place.title}-{kind}") for place in PLACES for kind in place.people
    ]


@dataclass(frozen=True)
class Scenery:
    """What is needed beside the demonstration's data so that every page has something to show."""

    values: dict[str, str]

    def path(self, place: Place, kind: str) -> str:
        """Return the address of the page for this kind of person."""
        return place.path.format(namespace=_OF.get(kind, "avis-fire"), **self.values)


# Where everything is that differs from the decisions.
ASTRAY, REBUILT = "bay-drifters", "bay-rebuilt"
RBAC = "rbac.authorization.k8s.io"
_BY_HAND = {
    "apiVersion": f"{RBAC}/v1",
    "kind": "RoleBinding",
    "metadata": {"name": "made-by-hand", "namespace": "avis-fire"},
    "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "berth:viewer"},
    "subjects": [
        {"apiGroup": RBAC, "kind": "User", "name": LENA.subject},
        {"apiGroup": RBAC, "kind": "User", "name": FAHIM.subject},  # who was removed, and is let in by it
        {"apiGroup": RBAC, "kind": "Group", "name": "class-of-2026"},
    ],
}


def binding_by_hand(namespace: str, name: str, subject: str) -> dict[str, object]:
    """Return a RoleBinding that makes one person an editor."""
    return {
        **_BY_HAND,
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "berth:editor"},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": subject}],
    }


def go_astray(stack: Stack) -> None:
    """Make one of everything that operators decide about, beside what `paint` makes."""
    admin = AdminApi(stack.cluster.layout)
    rbac, core = f"/apis/{RBAC}/v1/namespaces/{ASTRAY}/rolebindings", f"/api/v1/namespaces/{ASTRAY}"
    for name in (ASTRAY, REBUILT):
        rows.run(stack, "create", name, OLGA.subject, "listed")
    rows.wait_until_settled(stack)
    issuer = stack.cluster.layout.issuer
    for name, person in (("workshop-2026", ALEX), ("kept-until-spring", FAHIM)):
        admin.expect("POST", rbac, binding_by_hand(ASTRAY, name, person.subject))
    ours = admin.expect("GET", f"{rbac}/{binding_name('admin', issuer, OLGA.subject)}")
    taken = binding_name("viewer", issuer, HOU_I.subject)
    admin.expect("POST", rbac, binding_by_hand(ASTRAY, taken, HOU_I.subject))
    rows.run(stack, "add", ASTRAY, HOU_I.subject, "viewer", OLGA.subject)
    quota = admin.expect("GET", f"{core}/resourcequotas/berth-quota")
    quota["spec"]["hard"] |= {"secrets": "500", "services.loadbalancers": "2"}
    admin.expect("PUT", f"{core}/resourcequotas/berth-quota", quota)
    ours["subjects"][0]["name"] = LENA.subject
    admin.expect("PUT", f"{rbac}/{ours['metadata']['name']}", ours)
    admin.expect("DELETE", f"/api/v1/namespaces/{REBUILT}")
    rows.until(lambda: bool(admin.call("GET", f"/api/v1/namespaces/{REBUILT}")[0] == 404))
    again = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": REBUILT}}
    admin.expect("POST", "/api/v1/namespaces", again)
    rows.run(stack, "replaced", REBUILT)
    rows.run(stack, "repaired", ASTRAY)
    rows.run(stack, "leave", "kept-until-spring", OLGA.subject)


def paint(stack: Stack) -> Scenery:
    """Make requests in every state, somebody who was removed, access beside Berth, a guest who stays one,
    somebody who is suspended, drift.
    """
    bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/avis-fire/rolebindings"
    AdminApi(stack.cluster.layout).expect("POST", bindings, _BY_HAND)
    for person in (GRETA, BEN, SAMI):
        log_in(stack.url, stack.cluster.layout, person.subject)
    denied = rows.run(stack, "ask", "avis-rip", GRETA.subject, "editor")
    rows.run(stack, "deny", denied, ALEX.subject, "Please ask for avis-fire instead: there the cameras are.")
    rows.run(stack, "add", "avis-fire", FAHIM.subject, "viewer", HOU_I.subject)
    rows.run(stack, "remove", "avis-fire", FAHIM.subject, HOU_I.subject)
    rows.run(stack, "draw", "avis-fire", HOU_I.subject)
    go_astray(stack)
    reason = "Their laptop was stolen, with a session open on it."
    rows.run(stack, "add", "avis-fire", SAMI.subject, "admin", ALEX.subject)
    rows.run(stack, "suspend", SAMI.subject, OLGA.subject, reason)
    rows.run(stack, "fail_mail", BEN.subject, f"550 5.1.1 <{BEN.email}>: no such user here")
    invitation = rows.run(stack, "invite", "avis-fire", "lena.fuchs@ou.example", HOU_I.subject)
    rows.run(
        stack,
        "announce",
        "avis-fire",
        "Cameras are back",
        "They send again since this morning.",
        HOU_I.subject,
    )
    withdrawn = rows.run(stack, "invite", "avis-fire", "", HOU_I.subject)
    rows.run(stack, "withdraw_invitation", withdrawn, HOU_I.subject)
    course = rows.run(stack, "open_course", "avis-fire", "Wildfire summer school", ALEX.subject)
    rows.run(stack, "come_by", "Wildfire summer school", "12")
    return Scenery(
        {
            "invitation": invitation,
            "invitation_link": rows.run(stack, "link", invitation),
            "course": course,
            "course_link": rows.run(stack, "link", course),
            "old_link": rows.run(stack, "link", withdrawn),
            "binding": rows.run(stack, "binding", "workshop-2026"),
            "taken": rows.run(
                stack, "binding", binding_name("viewer", stack.cluster.layout.issuer, HOU_I.subject)
            ),
            "keys": rows.run(stack, "keys", ASTRAY),
            "rebuilt": rows.run(stack, "namespace", REBUILT),
            "guests_request": rows.run(stack, "ask", "avis-fire", GRETA.subject, "editor"),
            "denied_request": denied,
            "users_request": rows.run(stack, "ask", "avis-fire", BEN.subject, "viewer"),
            "promotion": rows.run(stack, "ask_for_level", FAHIM.subject, "admin"),
            "wished_namespace": rows.run(stack, "ask_for_namespace", FAHIM.subject, "bird-counts"),
            "takeover": rows.run(stack, "ask_who_takes_over", "avis-fire", SAMI.subject),
            "heir": rows.run(stack, "person", ALEX.subject),
            "membership": rows.run(stack, "membership", "avis-fire", ALEX.subject),
            "merge": rows.run(stack, "ask_to_merge", GRETA.subject, BEN.subject),
            "identity": rows.run(stack, "identity", BEN.subject),
            "guest": rows.run(stack, "person", GRETA.subject),
            "user": rows.run(stack, "person", HOU_I.subject),
            "leaving": rows.run(stack, "ask_to_be_deleted", ALEX.subject),
            "suspended": rows.run(stack, "person", SAMI.subject),
        }
    )
