"""Every address and who gets which answer there: one row each, which a person can read; `answer` says what follows.

A new address needs its row in TABLE, and its place in `tests.portal.grounds` if it is about a thing that no other
address is about. Nothing here asks the product: what it says was decided by people (product.md, section 3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

METHODS, IN_TURN = ("GET", "POST"), ("HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
LOGIN, TERMS = "login", "terms"  # answers that lead there
NOBODY = "nobody"  # the level of who is not logged in
Answers = dict[str, int | str]


@dataclass(frozen=True)
class Kind:
    """A kind of person: the level, and the role in each of three namespaces, of which `quiet` is hidden.

    A role in brackets counts for nothing: of a guest or somebody suspended, or because it has ended.
    """

    level: str
    fire: str = ""
    rip: str = ""
    quiet: str = ""

    def role(self, namespace: str) -> str:
        """Return the role that counts."""
        role = str(getattr(self, namespace, ""))
        return "" if role.startswith("(") else role


KINDS = {
    "anonymous": Kind(NOBODY),
    "guest": Kind("guest", rip="(admin)", quiet="(admin)"),
    "outsider": Kind("user"),
    "viewer": Kind("user", fire="viewer", rip="admin"),
    "editor": Kind("user", fire="editor", quiet="viewer"),
    "namespace admin": Kind("user", fire="admin", rip="viewer"),
    "level admin": Kind("level admin", rip="editor"),
    "former admin": Kind("user", fire="(admin)", rip="viewer", quiet="(admin)"),
    "suspended": Kind(NOBODY, fire="(admin)", rip="(admin)", quiet="(admin)"),
    "without terms": Kind("user", fire="admin", quiet="admin"),
    "operator": Kind("operator", rip="viewer"),
}


class Things:
    """What addresses are about. `names` are the things of that sort; `words` say what somebody is to one of them, None
    if they may not know of it. What is in `gone` does not exist, and that is told to whoever could use it.
    """

    names: tuple[str, ...] = ("",)
    gone: tuple[str, ...] = ()

    def words(self, kind: Kind, thing: str) -> set[str] | None:
        return {kind.level}


class Namespaces(Things):
    """`fire` and `rip` are listed, `quiet` is for its members only. Archived or unmanaged ones do not exist yet."""

    names: tuple[str, ...] = ("fire", "rip", "quiet", "absent")

    def words(self, kind: Kind, thing: str) -> set[str] | None:
        is_known = kind.role("quiet") or kind.level == "operator" if thing == "quiet" else thing != "absent"
        return {kind.level, kind.role(thing)} if is_known else None


class Memberships(Namespaces):
    """In an address of a namespace; `of another` is one of rip in an address of fire."""

    names = ("fire", "rip", "quiet", "absent", "of another", "of nobody")
    gone = ("of another", "of nobody")

    def words(self, kind: Kind, thing: str) -> set[str] | None:
        return super().words(kind, "fire" if thing in self.gone else thing)


class Logos(Namespaces):
    """Pictures in addresses of namespaces; `of another` is none of fire."""

    names = ("fire", "rip", "quiet", "absent", "of another")
    gone = ("of another",)

    def words(self, kind: Kind, thing: str) -> set[str] | None:
        return super().words(kind, "fire" if thing in self.gone else thing)


class Requests(Things):
    """Of the reader, of a user to join each namespace, of a guest to join fire, of a guest to become a user; who takes
    over fire from an admin, and from the reader."""

    names = (
        "own", "fire", "rip", "quiet", "guest to fire", "promotion", "takeover", "from the reader", "absent",
    )  # fmt: skip

    def words(self, kind: Kind, thing: str) -> set[str] | None:
        is_operator = kind.level == "operator"
        if thing == "own":
            return {"asker"}
        if thing == "promotion":
            return {"decider"} if is_operator or kind.level == "level admin" else None
        if thing == "from the reader":
            return None
        if thing == "takeover":
            return {"decider of a takeover"} if is_operator or kind.role("fire") == "admin" else None
        if is_operator and thing != "absent":
            return {"decider"}
        if thing == "guest to fire":
            return {"decider who may not vouch"} if kind.role("fire") == "admin" else None
        return {"decider"} if kind.role(thing) == "admin" else None


class People(Things):
    names = ("self", "guest", "absent")

    def words(self, kind: Kind, thing: str) -> set[str] | None:
        return None if thing == "absent" else {f"{kind.level} themselves" if thing == "self" else kind.level}


class Own(Things):
    """Of whoever has it, and to nobody else's knowledge: identities, sessions."""

    names = ("own", "other", "absent")

    def words(self, kind: Kind, thing: str) -> set[str] | None:
        return {"owner"} if thing == "own" else None


class Factors(Things):
    """Passkeys of others: whoever has one of their own owes it first (tests/accounts/test_second_factor.py)."""

    names = ("other", "absent")

    def words(self, kind: Kind, thing: str) -> set[str] | None:
        return None


class Merges(Things):
    names = ("own", "other", "absent")
    gone = ("absent",)

    def words(self, kind: Kind, thing: str) -> set[str] | None:
        return {"asker", f"{kind.level} who asked", kind.level} if thing == "own" else {kind.level}


class Lines(Things):
    """What differs in a cluster from what was decided."""

    names = ("there", "gone")
    gone = ("gone",)


class Deliveries(Things):
    """Mails that were given up."""

    names = ("there", "gone")
    gone = ("gone",)


class Issuers(Things):
    names = ("known", "absent")

    def words(self, kind: Kind, thing: str) -> set[str] | None:
        return {kind.level} if thing == "known" else None


class Links(Things):
    """Links of invitations: everybody may open what Berth made."""

    names = ("open", "forged")

    def words(self, kind: Kind, thing: str) -> set[str] | None:
        return {kind.level} if thing == "open" else None


INVITATIONS, LINKS = Memberships(), Links()
NOTHING, NAMESPACES, MEMBERSHIPS, REQUESTS, PEOPLE = (
    Things(),
    Namespaces(),
    Memberships(),
    Requests(),
    People(),
)
IDENTITIES, SESSIONS, MERGES, LINES, ISSUERS, FACTORS = Own(), Own(), Merges(), Lines(), Issuers(), Factors()
DELIVERIES, LOGOS = Deliveries(), Logos()


@dataclass(frozen=True)
class Row:
    """An address: what it is about, and what GET and an empty form answer, by what somebody is to that thing.

    The first word that fits counts; the empty one fits everybody. Without answers the method is not taken. `public`:
    also for who is not logged in. `before_terms`: also for who has not accepted the terms. `gone`: the answer to
    whoever may, about a thing that is not there any more.
    """

    about: Things
    get: Answers = field(default_factory=dict)
    post: Answers = field(default_factory=dict)
    public: bool = False
    before_terms: bool = False
    takes_head: bool = True
    gone: int = 404


def all_(status: int | str) -> Answers:
    """Everybody who may know of the thing."""
    return {"": status}


def only(*words: str, then: int = 200, others: int = 403) -> Answers:
    """Whoever is one of these; the others are told no, or that there is nothing."""
    return {**dict.fromkeys(words, then), "": others}


MEMBERS = ("viewer", "editor", "admin")
MANAGERS = ("admin", "operator")
VOUCHERS = ("level admin", "operator", "level admin themselves", "operator themselves")  # who sees people
READ = only("operator")
FORM = only("operator", then=400)
LINE = Row(LINES, get=READ, post=FORM, gone=409)

TABLE: dict[str, Row] = {
    # --- For everybody -------------------------------------------------------------------------------------------
    "home": Row(NOTHING, get=all_(200), public=True),
    "theme": Row(NOTHING, post=all_(400), public=True, before_terms=True),
    "terms": Row(NOTHING, get=all_(200), public=True, before_terms=True),
    "directory": Row(NOTHING, get=all_(200), public=True, before_terms=True),
    "feed": Row(NOTHING, get=all_(200), public=True, before_terms=True),
    "directory_json": Row(NOTHING, get=all_(200), public=True, before_terms=True),
    "sitemap": Row(NOTHING, get=all_(200), public=True, before_terms=True),
    "robots": Row(NOTHING, get=all_(200), public=True, before_terms=True),
    "namespace": Row(NAMESPACES, get=all_(200), public=True),
    "invitation": Row(LINKS, get=all_(200), post={NOBODY: LOGIN, "": 302}, public=True),
    "livez": Row(NOTHING, get=all_(200), public=True, before_terms=True),
    "readyz": Row(NOTHING, get=all_(200), public=True, before_terms=True),
    # --- Login ---------------------------------------------------------------------------------------------------
    # No provider answers in these tests, and no login was begun: 503 and 400 are told in words.
    "account_login": Row(NOTHING, get={NOBODY: 200, "": 302}, public=True, before_terms=True),
    "account_logout": Row(
        NOTHING, get={NOBODY: 302, "": 200}, post=all_(302), public=True, before_terms=True
    ),
    "account_inactive": Row(NOTHING, get=all_(403), public=True, before_terms=True),
    "socialaccount_login_cancelled": Row(NOTHING, get=all_(200), public=True, before_terms=True),
    "socialaccount_connections": Row(NOTHING, get=all_(302), public=True, before_terms=True),
    "show_again": Row(NOTHING, post=all_(400), before_terms=True),
    "openid_connect_login": Row(ISSUERS, get=all_(LOGIN), post=all_(503), public=True, before_terms=True),
    "openid_connect_callback": Row(ISSUERS, get=all_(400), public=True, before_terms=True, takes_head=False),
    "break_glass": Row(
        NOTHING, get=all_(404), post=all_(404), public=True, before_terms=True
    ),  # not switched on
    # --- Second factor: nobody here has one, and everybody has just logged in ---------------------------------------
    "mfa_index": Row(NOTHING, get=all_(200)),
    "mfa_reauthenticate": Row(NOTHING, get=all_(302), post=all_(302)),
    "mfa_reauthenticate_webauthn": Row(NOTHING, get=all_(302), post=all_(302)),
    "mfa_activate_totp": Row(NOTHING, get=all_(200), post=all_(400)),
    "mfa_deactivate_totp": Row(NOTHING, get=all_(404), post=all_(404)),
    "mfa_add_webauthn": Row(NOTHING, get=all_(200), post=all_(400)),
    "mfa_remove_webauthn": Row(FACTORS, get=all_(200), post=all_(302)),
    "mfa_view_recovery_codes": Row(NOTHING, get=all_(404)),
    "mfa_generate_recovery_codes": Row(NOTHING, post=all_(302)),
    # --- The reader's own ----------------------------------------------------------------------------------------
    "terms_accept": Row(NOTHING, post=all_(400), before_terms=True),
    "profile": Row(NOTHING, get=all_(200), before_terms=True),
    "named_to": Row(NOTHING, post=all_(400), before_terms=True),
    "sessions_end": Row(NOTHING, post=all_(302), before_terms=True),
    "session_end": Row(SESSIONS, post=all_(302), before_terms=True),
    "identity": Row(IDENTITIES, get=all_(200)),
    "identity_link": Row(NOTHING, get=all_(200), post=all_(400)),
    "identity_confirm": Row(NOTHING, get=all_(302), post=all_(302)),
    "identity_retire": Row(IDENTITIES, get=all_(200), post=all_(409)),  # their only one
    "deletion": Row(NOTHING, get=all_(200), post=all_(400), before_terms=True),
    "deletion_withdraw": Row(NOTHING, post=all_(302), before_terms=True),
    "messages": Row(NOTHING, get=all_(200)),
    "messages_seen": Row(NOTHING, post=all_(400)),
    "messages_mails": Row(NOTHING, post=all_(400)),
    "config": Row(NOTHING, get=all_(200)),
    "config_download": Row(NOTHING, get=all_(200), takes_head=False),
    # --- A namespace ---------------------------------------------------------------------------------------------
    "join": Row(NAMESPACES, get=all_(200), post=all_(400)),
    "leave": Row(
        NAMESPACES,
        get={**dict.fromkeys(MEMBERS, 200), "operator": 404, "": 403},
        post={**dict.fromkeys(MEMBERS, 302), "operator": 404, "": 403},
    ),
    "hand_over": Row(NAMESPACES, get=only("admin"), post=only("admin", then=400)),
    "successor": Row(NAMESPACES, get=only("admin"), post=only("admin", then=400)),
    "members": Row(NAMESPACES, get=only(*MANAGERS)),
    "member_add": Row(NAMESPACES, get=only(*MANAGERS), post=only(*MANAGERS, then=400)),
    "member_add_many": Row(NAMESPACES, get=only(*MANAGERS), post=only(*MANAGERS, then=400)),
    "write": Row(NAMESPACES, get=only(*MANAGERS), post=only(*MANAGERS, then=400)),
    "invite": Row(NAMESPACES, get=only(*MANAGERS), post=only(*MANAGERS, then=400)),
    "course": Row(NAMESPACES, get=only(*MANAGERS), post=only(*MANAGERS, then=400)),
    "invitation_made": Row(INVITATIONS, get=only(*MANAGERS)),
    "invitation_renew": Row(INVITATIONS, post=only(*MANAGERS, then=302)),
    "invitation_withdraw": Row(INVITATIONS, post=only(*MANAGERS, then=302)),
    "course_end": Row(INVITATIONS, get=only(*MANAGERS), post=only(*MANAGERS, then=302)),
    "member_role": Row(MEMBERSHIPS, post=only(*MANAGERS, then=400)),
    "member_until": Row(MEMBERSHIPS, get=only(*MANAGERS), post=only(*MANAGERS, then=302)),
    "member_extend": Row(MEMBERSHIPS, post=only(*MANAGERS, then=409)),  # it does not end
    "member_restore": Row(MEMBERSHIPS, post=only(*MANAGERS, then=409)),  # they were not removed
    "member_remove": Row(MEMBERSHIPS, get=only(*MANAGERS), post=only(*MANAGERS, then=302)),
    "settings": Row(NAMESPACES, get=only(*MANAGERS), post=only(*MANAGERS, then=400)),
    "publications": Row(NAMESPACES, post=only(*MANAGERS, then=400)),
    "logo_change": Row(NAMESPACES, get=only(*MANAGERS), post=only(*MANAGERS, then=400)),
    "bibtex": Row(NAMESPACES, get=all_(200), public=True),
    "logo": Row(LOGOS, get=all_(200), public=True, before_terms=True),
    "limits": Row(NAMESPACES, get=only("operator"), post=only("operator", then=400)),
    "namespace_requests": Row(NAMESPACES, get=only(*MANAGERS)),
    "manage": Row(NOTHING, get=all_(200)),
    "create": Row(
        NOTHING, get=only("level admin", "operator"), post=only("level admin", "operator", then=400)
    ),
    "namespace_ask": Row(
        NOTHING,
        get=only("user", "level admin", "operator"),
        post=only("user", "level admin", "operator", then=400),
    ),
    "organisations": Row(NOTHING, get=all_(200)),
    "name_check": Row(NOTHING, post=only("user", "level admin", "operator")),
    # --- Requests ------------------------------------------------------------------------------------------------
    "requests": Row(NOTHING, get=all_(200)),
    "absence": Row(NOTHING, get=all_(200), post=all_(400)),
    "absence_end": Row(NOTHING, post=all_(409)),
    "promotion": Row(NOTHING, get=all_(200), post=all_(400)),
    "request": Row(REQUESTS, get=all_(200)),
    "request_approve": Row(
        REQUESTS,
        post={"asker": 403, "decider who may not vouch": 403, "decider of a takeover": 400, "": 302},
    ),
    "request_deny": Row(REQUESTS, post={"decider of a takeover": 302, "": 400}),
    "request_withdraw": Row(REQUESTS, post={"asker": 302, "": 403}),
    "request_remind": Row(REQUESTS, post={"asker": 429, "": 403}),  # they have just asked
    "request_undo": Row(REQUESTS, post={"asker": 403, "": 409}),  # nothing is decided
    # --- People --------------------------------------------------------------------------------------------------
    "people": Row(NOTHING, get=only("level admin", "operator", others=404)),
    "person": Row(PEOPLE, get=only(*VOUCHERS, others=404)),
    "person_level": Row(PEOPLE, post=only(*VOUCHERS, then=400, others=404)),
    "person_vouch": Row(
        PEOPLE, post={"level admin": 302, "operator": 302, **only(*VOUCHERS[2:], then=403, others=404)}
    ),
    "person_suspend": Row(
        PEOPLE,
        get={**only(*VOUCHERS, then=403, others=404), "operator": 200},
        post={**only(*VOUCHERS, then=403, others=404), "operator": 400},
    ),
    "person_operator": Row(PEOPLE, post=only(*VOUCHERS, then=400, others=404)),
    "person_delete": Row(
        PEOPLE,
        get={**only(*VOUCHERS, then=403, others=404), "operator": 302},  # nobody asked for it
        post={**only(*VOUCHERS, then=403, others=404), "operator": 400},
    ),
    "person_lift": Row(PEOPLE, post={**only(*VOUCHERS, then=403, others=404), "operator": 409}),
    "merge": Row(MERGES, get=only("operator", others=404)),
    "merge_approve": Row(MERGES, post={"operator who asked": 403, **only("operator", then=302, others=404)}),
    "merge_deny": Row(MERGES, post=only("operator", then=400, others=404)),
    "merge_withdraw": Row(MERGES, post=only("asker", then=302, others=404)),
    # --- Operators -----------------------------------------------------------------------------------------------
    "terms_publish": Row(NOTHING, get=READ, post=FORM),
    "messages_failing": Row(NOTHING, get=READ),
    "message_again": Row(DELIVERIES, post=only("operator", then=302)),
    "drift": Row(NOTHING, get=READ),
    "drift_adopt": LINE,
    "drift_revert": LINE,
    "drift_leave": LINE,
    "drift_limits_adopt": LINE,
    "drift_limits_revert": LINE,
    "drift_limits_leave": LINE,
    "drift_confirm": Row(LINES, get=READ, post=FORM),
    "drift_take_back": Row(LINES, post=only("operator", then=302)),
}


@dataclass(frozen=True)
class Cell:
    """One question: somebody of this kind sends this method to an address that is about this thing."""

    kind: str
    name: str
    thing: str
    method: str

    def __str__(self) -> str:
        about = f" ({self.thing})" if self.thing else ""
        return f"{self.kind}: {self.method} {self.name}{about}"


def cells(kind: str) -> Iterator[Cell]:
    """Return every question of this kind of person. HEAD, which is GET without its page, and the methods that no
    address takes are tried on one thing, each kind of person and each method on another."""
    for name, row in TABLE.items():
        things = row.about.names
        for method in METHODS:
            yield from (Cell(kind, name, thing, method) for thing in things)
        for number, method in enumerate(IN_TURN, list(KINDS).index(kind)):
            yield Cell(kind, name, things[number % len(things)], method)


def answer(cell: Cell) -> int | str:
    """Return the status that the table says, or where the answer leads."""
    row, kind = TABLE[cell.name], KINDS[cell.kind]
    if kind.level == NOBODY and not row.public:
        return LOGIN
    if cell.kind == "without terms" and not row.before_terms:
        return TERMS
    answers = {"GET": row.get, "HEAD": row.get if row.takes_head else {}, "POST": row.post}.get(cell.method)
    if not answers:
        return 405
    words = row.about.words(kind, cell.thing)
    if words is None:
        return 404
    status = next(status for word, status in answers.items() if word in words or not word)
    is_refused = isinstance(status, int) and status in (403, 404)
    return row.gone if cell.thing in row.about.gone and not is_refused else status
