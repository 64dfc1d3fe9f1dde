"""A form for every address that takes one, as somebody fills it in who may: what tests bend, replay and overload."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from accounts.models import Terms, User
from namespaces.access import Role
from namespaces.models import PARTS, Namespace
from notifications.models import Delivery

WHY = "We work on the same fires, and Paula knows me."
_PAGE = {
    "title": "Fires", "description": "What we do.", "pi_name": "Alex Pang", "institution": "UC Santa Cruz",
}  # fmt: skip
_ROWS = {
    "publications-TOTAL_FORMS": "1", "publications-INITIAL_FORMS": "0", "publications-0-title": "Plumes",
    "publications-0-link": "https://example.org/plumes", "publications-0-year": "2022",
    "publications-0-authors": "Pang, Alex",
}  # fmt: skip
_READERS = {f"{part}_to": "public" for part in PARTS}
_LEAVE = {"reason": WHY, "until": "{soon}"}
_ADOPT = {"reason": WHY, "role": Role.VIEWER}


@dataclass(frozen=True)
class Form:
    """Who sends it, about which thing, and what is in it. `status` is the answer, `right` whether it takes one that
    can be lost."""

    kind: str
    thing: str = ""
    fields: dict[str, str] | None = None
    status: int = 302
    right: bool = True

    def filled(self) -> dict[str, str]:
        """Return the fields with what only the database knows."""
        known = {
            "soon": str(timezone.localdate() + timedelta(days=30)),
            "otto": str(User.objects.get(name="Otto Brandt").pk),
            "otto_mail": User.objects.get(name="Otto Brandt").email,
            "paula": str(User.objects.get(name="Paula Ilić").pk),
            "message": str(Delivery.objects.get(event="told").pk),
            "logo": Namespace.objects.get(name="avis-fire").logo_digest,
            "terms": str(Terms.objects.latest("pk").pk),
        }
        return {name: value.format(**known) for name, value in (self.fields or {}).items()}


ADMIN = "namespace admin"
FORMS: dict[str, Form] = {
    "theme": Form("outsider", fields={"theme": "dark", "next": "/"}, right=False),
    "account_logout": Form("outsider", right=False),
    "show_again": Form("outsider", fields={"issuer": "cilogon", "next": "/"}, status=503, right=False),
    "openid_connect_login": Form("anonymous", "known", {"next": "/"}, status=503, right=False),
    "terms_accept": Form(
        "without terms", fields={"version": "{terms}", "agree": "on", "next": "/"}, right=False
    ),
    "terms_publish": Form("operator", fields={"text": "Be kind to each other.", "day": ""}),
    "named_to": Form("outsider", fields={"named_to": "public"}, right=False),
    "sessions_end": Form("outsider", right=False),
    "session_end": Form("outsider", "own", right=False),
    "identity_link": Form("outsider", fields={"issuer": "cilogon"}, status=503, right=False),
    "identity_confirm": Form("outsider", fields={"shown": "0"}, right=False),
    "identity_retire": Form("outsider", "own", status=409, right=False),
    # What is right with these is not known beforehand: tests/accounts/test_second_factor.py, test_break_glass.py.
    "break_glass": Form("anonymous", status=404, right=False),
    "mfa_reauthenticate": Form("outsider", right=False),
    "mfa_reauthenticate_webauthn": Form("outsider", right=False),
    "mfa_activate_totp": Form("outsider", fields={"code": "123456"}, status=400, right=False),
    "mfa_deactivate_totp": Form("outsider", status=404, right=False),
    "mfa_add_webauthn": Form("outsider", fields={"name": "phone", "credential": "none"}, status=400, right=False),
    "mfa_remove_webauthn": Form("outsider", "other", status=404, right=False),
    "mfa_generate_recovery_codes": Form("outsider", right=False),
    "deletion": Form("outsider", fields={"sure": "on"}, right=False),
    "deletion_withdraw": Form("outsider", right=False),
    "messages_seen": Form("outsider", fields={"until": "{message}"}, right=False),
    "messages_mails": Form(
        "outsider",
        fields={"members": "off", "requests": "daily", "answers": "daily", "memberships": "off",
                "announcements": "daily"},
        right=False,
    ),
    "message_again": Form("operator", "there"),
    "join": Form("outsider", "fire", {"role": "viewer", "reason": WHY}, right=False),
    "leave": Form("viewer", "fire"),
    "hand_over": Form(ADMIN, "fire", {"successor": "{paula}"}),
    "successor": Form(ADMIN, "fire", {"successor": "{paula}"}),
    "member_add": Form(ADMIN, "fire", {"person": "{otto}", "role": "viewer", "until": ""}),
    "member_add_many": Form(
        ADMIN, "fire",
        {"people": "{otto_mail}", "role": "viewer", "until": "", "together": "on", "save": "1"},
    ),
    "write": Form(ADMIN, "fire", {"role": "", "subject": "Next week", "text": "No water on Monday."}),
    "invite": Form(
        ADMIN, "fire",
        {
            "bound": "address", "address": "lena@example.org", "title": "Lena", "role": "viewer",
            "expires": "{soon}", "until": "",
        },
    ),
    "course": Form(
        ADMIN, "fire",
        {
            "title": "Summer school", "role": "viewer", "places": "30", "expires": "{soon}", "until": "{soon}",
            "others": "urn:mace:incommon:ucsc.edu",
        },
    ),
    "invitation": Form("outsider", "open", right=False),
    "invitation_renew": Form(ADMIN, "fire"),
    "invitation_withdraw": Form(ADMIN, "fire"),
    "course_end": Form(ADMIN, "fire"),
    "member_role": Form(ADMIN, "fire", {"role": "editor"}),
    "member_until": Form(ADMIN, "fire", {"until": "{soon}"}),
    "member_extend": Form(ADMIN, "fire", status=409),
    "member_restore": Form(ADMIN, "fire", status=409),
    "member_remove": Form(ADMIN, "fire"),
    "settings": Form(
        ADMIN, "fire",
        {
            **_PAGE, **_ROWS, **_READERS, "field": "Ecology", "software": "Python", "visibility": "listed",
            "version": "1",
        },
    ),
    "publications": Form(
        ADMIN, "fire", {**_PAGE, **_ROWS, "version": "1", "pasted": "10.1000/xyz"}, status=200, right=False
    ),
    "logo_change": Form(ADMIN, "fire", {"remove": "1", "shown": "{logo}"}),
    "limits": Form("operator", "fire", {"pods": "20", "more": "", "version": "1", "save": "1"}),
    "create": Form("level admin", fields={**_PAGE, "cluster": "nautilus", "name": "river-watch"}),
    "name_check": Form(
        "outsider", fields={"cluster": "nautilus", "name": "river-watch"}, status=200, right=False
    ),
    "namespace_ask": Form(
        "outsider",
        fields={
            "cluster": "nautilus", "name": "river-watch", "reason": WHY, "pi_name": "Alex Pang",
            "institution": "UC Merced", "size": "Ten people, 20 cores.",
        },
        right=False,
    ),
    "promotion": Form(
        "outsider",
        fields={"level": "admin", "institution": "UC Merced", "purpose": WHY, "reason": WHY},
        right=False,
    ),
    "request_approve": Form(ADMIN, "fire", {"approve-note": "Welcome."}),
    "request_deny": Form(ADMIN, "fire", {"deny-note": "Ask Paula."}),
    "request_withdraw": Form("outsider", "own", right=False),
    "request_remind": Form("outsider", "own", status=429, right=False),
    "request_undo": Form(ADMIN, "fire", status=409),
    # Who is no admin finds nobody to choose.
    "absence": Form(ADMIN, fields={"deputy": "{paula}", "until": "{soon}"}, right=False),
    "absence_end": Form(ADMIN, status=409, right=False),
    "person_level": Form("operator", "guest", {"level": "user"}),
    "person_vouch": Form("level admin", "guest"),
    "person_suspend": Form("operator", "guest", {"reason": WHY, "until": ""}),
    "person_operator": Form("operator", "guest", {"operator": "yes", "sure": "on"}, status=409),  # no guest
    "person_delete": Form("operator", "guest", status=400),  # nobody asked for it
    "person_lift": Form("operator", "guest", status=409),
    "merge_approve": Form("operator", "other"),
    "merge_deny": Form("operator", "other", {"deny-note": "These are two people."}),
    "merge_withdraw": Form("outsider", "own", right=False),
    "drift_adopt": Form("operator", "there", _ADOPT, status=409),
    "drift_revert": Form("operator", "there", {"reason": WHY}, status=409),
    "drift_leave": Form("operator", "there", _LEAVE),
    "drift_limits_adopt": Form("operator", "there", {"reason": WHY}),
    "drift_limits_revert": Form("operator", "there", {"reason": WHY}),
    "drift_limits_leave": Form("operator", "there", _LEAVE),
    "drift_confirm": Form("operator", "there", {"reason": WHY, "uid": "3"}),
    "drift_take_back": Form("operator", "there"),
}  # fmt: skip
