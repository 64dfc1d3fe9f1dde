"""Namespaces, who is in them, what was asked for, and what the cluster was seen to have.

`Namespace` with its memberships is the *spec*: only actions write it, and each change that the cluster must follow adds
one to `generation` in the same transaction. `NamespaceStatus` and `Grant` are the *status*: only reconciliation writes
them. Membership rows are never deleted: an ended one is the tombstone that allows its bindings to be removed.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import models
from django.db.models.functions import Lower, Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.audience import Audience
from accounts.days import last_before
from accounts.models import Identity, Level, User
from accounts.wishes import EXPIRES_AFTER
from clusters.models import Cluster
from clusters.names import LIMITS, QUOTA
from namespaces import limits
from namespaces.access import Role


class Visibility(models.TextChoices):
    """Who may know that a namespace exists."""

    LISTED = "listed", _("everybody: listed in the public directory")
    UNLISTED = "unlisted", _("whoever has its address: not listed, and not in search engines")
    MEMBERS = "members", _("its members only")


PARTS = (
    "title", "description", "pi_name", "institution", "field", "software", "publications", "institutions",
)  # fmt: skip
"""The parts of a page that are written for an audience; `institutions` are those of the members."""


def _audience() -> models.CharField:
    return models.CharField(
        max_length=10, choices=Audience, default=Audience.PUBLIC, db_default=Audience.PUBLIC
    )


def _for_audiences() -> models.Q:
    condition = models.Q()
    for part in PARTS:
        condition &= models.Q((f"{part}_to__in", Audience.values))
    return condition


REACHABLE = (Visibility.LISTED, Visibility.UNLISTED)


class Namespace(models.Model):
    """A namespace of a cluster and its page. Keys are (cluster, name) and the uid in its status, never a bare name.

    `ror` is the id of the institution, where its name is that of one organisation (`organisations`).
    Each of PARTS has its audience in the column with `_to`. `shown_version` counts the changes of what the directory
    says of it, also by what becomes of its people.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, related_name="namespaces")
    name = models.CharField(max_length=63)
    title = models.CharField(max_length=120, blank=True)
    description = models.TextField(max_length=4000, blank=True)
    pi_name = models.CharField(max_length=200, blank=True)
    institution = models.CharField(max_length=200, blank=True)
    ror = models.CharField(max_length=9, blank=True, default="", db_default="")
    field = models.CharField(max_length=120, blank=True)
    visibility = models.CharField(max_length=10, choices=Visibility, default=Visibility.LISTED)
    generation = models.PositiveBigIntegerField(default=1)
    changed_at = models.DateTimeField(db_default=Now())
    title_to = _audience()
    description_to = _audience()
    pi_name_to = _audience()
    institution_to = _audience()
    field_to = _audience()
    software_to = _audience()
    publications_to = _audience()
    institutions_to = _audience()
    page_version = models.PositiveIntegerField(default=1)
    shown_version = models.PositiveIntegerField(default=1, db_default=1)
    limits_version = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("name", "cluster")
        constraints = (
            models.UniqueConstraint(fields=("cluster", "name"), name="namespaces_namespace_cluster_name"),
            models.CheckConstraint(
                name="namespaces_namespace_visibility", condition=models.Q(visibility__in=Visibility.values)
            ),
            models.CheckConstraint(name="namespaces_namespace_audiences", condition=_for_audiences()),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("namespace", args=(self.cluster.name, self.name))

    @property
    def audit_text(self) -> str:
        return f"{self.cluster.name}/{self.name}"

    @property
    def is_reachable(self) -> bool:
        """Whether everybody who has the address may open the page."""
        return self.visibility in REACHABLE

    @property
    def logo_digest(self) -> str:
        """What tells its logo from others; empty where it has none."""
        return Logo.objects.filter(namespace=self).values_list("digest", flat=True).first() or ""

    @property
    def missing_on_page(self) -> list[str]:
        """Return what the page must still say before it is complete, as words."""
        wanted = {"description": _("a description"), "institution": _("an institution"), "pi_name": _("a PI")}
        return [str(words) for name, words in wanted.items() if not getattr(self, name)]


class Logo(models.Model):
    """The logo of a namespace as `logos` made it anew. A row of its own: lists read the digest, never the picture."""

    namespace = models.OneToOneField(
        Namespace, on_delete=models.CASCADE, primary_key=True, related_name="logo"
    )
    digest = models.CharField(max_length=64)
    content = models.BinaryField()

    def __str__(self) -> str:
        return self.digest


class OrganisationQuerySet(models.QuerySet["Organisation"]):
    def active(self) -> OrganisationQuerySet:
        """Organisations that exist today: none that ended, and none that was never to be in the registry."""
        return self.filter(status=Organisation.Status.ACTIVE)


class Organisation(models.Model):
    """An institution as the Research Organization Registry knows it, loaded from its file (`load_organisations`).

    `other_names` has one in each line; `folded` are the words of all names as the search compares them, each with a
    blank before it.
    """

    class Status(models.TextChoices):
        ACTIVE = "active", _("active")
        INACTIVE = "inactive", _("inactive")
        WITHDRAWN = "withdrawn", _("withdrawn")

    ror = models.CharField(max_length=9, primary_key=True)
    name = models.CharField(max_length=300, db_index=True)
    other_names = models.TextField(max_length=2000, blank=True)
    country = models.CharField(max_length=2, blank=True)
    status = models.CharField(max_length=10, choices=Status)
    folded = models.TextField()

    objects = OrganisationQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="namespaces_organisation_status",
                condition=models.Q(status__in=["active", "inactive", "withdrawn"]),
            ),
        )

    def __str__(self) -> str:
        return self.name


class Software(models.Model):
    """One piece of software that the people of a namespace work with."""

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="software")
    name = models.CharField(max_length=60)

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "software"
        constraints = (
            models.UniqueConstraint(fields=("namespace", "name"), name="namespaces_software_namespace_name"),
        )

    def __str__(self) -> str:
        return self.name


class Publication(models.Model):
    """A publication that came out of the work in a namespace.

    `link` is an http(s) address, a DOI as https://doi.org/…; `authors` are names with semicolons between them, of each
    the family name first.
    """

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="publications")
    title = models.CharField(max_length=300)
    link = models.CharField(max_length=500, blank=True)
    year = models.PositiveSmallIntegerField(null=True, blank=True)
    authors = models.CharField(max_length=1000, blank=True, default="", db_default="")

    class Meta:
        ordering = (models.F("year").desc(nulls_last=True), "title")
        constraints = (
            models.UniqueConstraint(
                fields=("namespace", "title"), name="namespaces_publication_namespace_title"
            ),
        )

    def __str__(self) -> str:
        return self.title


class SearchDocument(models.Model):
    """What one audience finds a namespace by: words, in four columns that count less and less (`search`).

    Rows are added and removed, never changed. Beside the columns PostgreSQL has one of its own, and SQLite a table that
    triggers keep: whoever changes this table on SQLite makes them anew.
    """

    TEXTS = ("heading", "people", "papers", "text")

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="documents")
    audience = models.CharField(max_length=10, choices=Audience)
    heading = models.TextField()
    people = models.TextField()
    papers = models.TextField()
    text = models.TextField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("namespace", "audience"), name="namespaces_searchdocument_namespace_audience"
            ),
            models.CheckConstraint(
                name="namespaces_searchdocument_audience", condition=models.Q(audience__in=Audience.values)
            ),
        )

    def __str__(self) -> str:
        return f"{self.heading} ({self.audience})"


class Limit(models.Model):
    """How much a namespace, or one container in it, may use of a resource. No amount: the limit was taken away.

    A row that once limited something stays: only it allows the key to be removed from the cluster. `amount` counts
    thousandths of a core, bytes or things, as `limits` says of the resource.
    """

    namespace = models.ForeignKey(Namespace, on_delete=models.PROTECT, related_name="limits")
    kind = models.CharField(max_length=16, choices=limits.Kind)
    resource = models.CharField(max_length=253)
    amount = models.BigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ("kind", "resource")
        constraints = (
            models.UniqueConstraint(
                fields=("namespace", "kind", "resource"), name="namespaces_limit_namespace_kind_resource"
            ),
            models.CheckConstraint(
                name="namespaces_limit_kind", condition=models.Q(kind__in=limits.Kind.values)
            ),
            models.CheckConstraint(name="namespaces_limit_resource", condition=~models.Q(resource="")),
            models.CheckConstraint(
                name="namespaces_limit_amount",
                condition=models.Q(amount__isnull=True) | models.Q(amount__range=(0, limits.MOST)),
            ),
        )

    def __str__(self) -> str:
        return f"{self.resource}: {self.key.text(self.amount) or '-'}"

    @property
    def key(self) -> limits.Key:
        return limits.Key(limits.Kind(self.kind), self.resource)


class MembershipQuerySet(models.QuerySet["Membership"]):
    def current(self) -> MembershipQuerySet:
        """Memberships that have not ended."""
        return self.filter(ended_at__isnull=True)

    def with_effect(self) -> MembershipQuerySet:
        """Memberships that give rights: current, of people who are not guests and are not kept out."""
        return self.current().filter(person__is_active=True).exclude(person__level=Level.GUEST)

    def admins(self) -> MembershipQuerySet:
        """Memberships of admins who count."""
        return self.with_effect().filter(role=Role.ADMIN)


class Membership(models.Model):
    """A person has a role in a namespace, perhaps until a moment. Ended rows stay: they say that an end was decided.

    `invitation` is the one by which they came. `ended_by` is None where it ended because that moment had come, and in
    rows that are older than this column. `successor` is the membership, in the same namespace, of whom an admin has
    named to take over from them.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    namespace = models.ForeignKey(Namespace, on_delete=models.PROTECT, related_name="memberships")
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(db_default=Now())
    added_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    invitation = models.ForeignKey(
        "Invitation", on_delete=models.PROTECT, null=True, blank=True, related_name="memberships"
    )
    ends_at = models.DateTimeField(null=True, blank=True)
    warned_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    successor = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="named_by"
    )

    objects = MembershipQuerySet.as_manager()

    class Meta:
        indexes = (
            models.Index(
                fields=("ends_at",),
                condition=models.Q(ended_at__isnull=True, ends_at__isnull=False),
                name="namespaces_membership_ends",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("namespace", "person"),
                condition=models.Q(ended_at__isnull=True),
                name="namespaces_membership_one_current",
            ),
            models.CheckConstraint(
                name="namespaces_membership_role", condition=models.Q(role__in=Role.values)
            ),
            models.CheckConstraint(
                name="namespaces_membership_successor",
                condition=models.Q(successor=None) | ~models.Q(successor=models.F("id")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_role_display()}"

    @property
    def last_day(self) -> datetime | None:
        """A moment of the last day, where the membership ends on one."""
        return self.ends_at and last_before(self.ends_at)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> InvitationQuerySet:
        """Invitations that can still be accepted, by the clock of the database, but for their places."""
        has_time = models.Q(access_ends_at=None) | models.Q(access_ends_at__gt=Now())
        return self.standing().filter(has_time, accepted_at=None, expires_at__gt=Now())

    def standing(self) -> InvitationQuerySet:
        """Invitations that nobody has taken back."""
        return self.filter(ended_at__isnull=True)


class Invitation(models.Model):
    """Somebody is invited into a namespace by a link, or everybody of a course is: who accepts becomes a member.

    For one person: bound to an `address`, to which the link is sent and which their institution must name as theirs,
    or to whoever accepts first; `person` is who that was. For a course: as many as there are `places`, from the
    `institutions` if any are given (entity ids), until `access_ends_at`, when all who came by it are out again.

    The link is not stored, see `namespaces.links`: a new `serial` makes those before it worthless.
    """

    class Kind(models.TextChoices):
        PERSON = "person", _("for one person")
        COURSE = "course", _("for a course")

    COURSE_ROLES = (Role.VIEWER, Role.EDITOR)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.PERSON)
    namespace = models.ForeignKey(Namespace, on_delete=models.PROTECT, related_name="invitations")
    title = models.CharField(max_length=120, blank=True)
    role = models.CharField(max_length=10, choices=Role)
    address = models.EmailField(max_length=254, blank=True)
    person = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    places = models.PositiveSmallIntegerField(default=1)
    institutions = models.JSONField(default=list, blank=True)
    expires_at = models.DateTimeField()
    access_ends_at = models.DateTimeField(null=True, blank=True)
    serial = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="invitations")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    sent_at = models.DateTimeField(db_default=Now())
    accepted_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "pk")
        indexes = (models.Index(fields=("created_by", "sent_at"), name="namespaces_invitation_sent"),)
        constraints = (
            models.UniqueConstraint(
                "namespace",
                Lower("address"),
                condition=models.Q(ended_at__isnull=True, accepted_at__isnull=True) & ~models.Q(address=""),
                name="namespaces_invitation_one_for_address",
            ),
            models.CheckConstraint(
                name="namespaces_invitation_role", condition=models.Q(role__in=Role.values)
            ),
            models.CheckConstraint(
                name="namespaces_invitation_kind",
                condition=models.Q(kind="person", places=1)
                | models.Q(
                    kind="course", address="", person=None, accepted_at=None, access_ends_at__isnull=False,
                    role__in=("viewer", "editor"),
                ),
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return self.title or self.address or str(self.pk)

    @property
    def is_course(self) -> bool:
        return self.kind == self.Kind.COURSE

    @property
    def is_over(self) -> bool:
        """Whether its time is up, by the clock of this process. Whether it can be accepted, an action asks the
        database."""
        now = timezone.now()
        return self.expires_at <= now or (self.access_ends_at is not None and self.access_ends_at <= now)

    @property
    def last_day(self) -> datetime:
        """A moment of the last day on which it can be accepted."""
        return last_before(self.expires_at)

    @property
    def last_day_of_access(self) -> datetime | None:
        """A moment of the last day of those who accept, if there is one."""
        return self.access_ends_at and last_before(self.access_ends_at)


class Announcement(models.Model):
    """What an admin wrote to the members of a namespace, or to those of one role. The mails themselves are deliveries.

    `recipients` counts the people whom it was sent to.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    namespace = models.ForeignKey(Namespace, on_delete=models.PROTECT, related_name="announcements")
    role = models.CharField(max_length=10, choices=Role, blank=True)
    subject = models.CharField(max_length=150)
    text = models.TextField(max_length=5000)
    recipients = models.PositiveIntegerField()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("-created_at", "pk")
        indexes = (
            models.Index(fields=("namespace", "created_at"), name="namespaces_announcement_place"),
            models.Index(fields=("created_by", "created_at"), name="namespaces_announcement_by"),
        )
        constraints = (
            models.CheckConstraint(
                name="namespaces_announcement_role", condition=models.Q(role__in=("", *Role.values))
            ),
        )

    def __str__(self) -> str:
        return self.subject


class RequestQuerySet(models.QuerySet["Request"]):
    def open(self) -> RequestQuerySet:
        """Requests that wait for a decision, by the clock of the database."""
        return self.filter(is_open())

    def asked(self) -> RequestQuerySet:
        """Requests that people made: not what Berth asks about them."""
        return self.exclude(kind=Request.Kind.TAKEOVER)

    def run_out(self) -> RequestQuerySet:
        """Requests that nobody decided in time, and whose state does not say so yet."""
        return self.filter(state=Request.State.PENDING, created_at__lte=Now() - EXPIRES_AFTER)


class Rung(models.IntegerChoices):
    """How far a request that nobody answers has climbed: who was reminded of it last."""

    NONE = 0, _("nobody was reminded yet")
    DECIDERS = 1, _("those with whom it lies were reminded")
    ADMINS = 2, _("all admins and the PI were reminded")
    OPERATORS = 3, _("it lies with the operators as well")


class Sign(models.TextChoices):
    """Why an admin of a namespace may be gone, as the middle of a sentence about them."""

    SUSPENDED = "suspended", _("is suspended")
    GUEST = "guest", _("is a guest now")
    RETIRED = "retired", _("has no login left that this cluster knows")
    AWAY = "away", _("has not logged in for long")


class Request(models.Model):
    """A wish that somebody else decides. It carries what it was about and how it ended.

    To join: namespace and role. A promotion: the level and, for level admin, institution and purpose. A namespace of
    one's own: cluster, name, PI, institution and size; once approved, the namespace that was made, perhaps under
    another name. A takeover is asked by Berth: who follows `person`, an admin who may be gone, in the namespace; with
    `sign`, why it is asked, and `successor`, who was chosen.
    """

    EXPIRES_AFTER = EXPIRES_AFTER

    class Kind(models.TextChoices):
        JOIN = "join", _("join a namespace")
        PROMOTION = "promotion", _("get a level")
        NAMESPACE = "namespace", _("get a namespace")
        TAKEOVER = "takeover", _("take over from an admin")

    class State(models.TextChoices):
        PENDING = "pending", _("pending")
        APPROVED = "approved", _("approved")
        DENIED = "denied", _("denied")
        WITHDRAWN = "withdrawn", _("withdrawn")
        EXPIRED = "expired", _("expired")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.JOIN)
    state = models.CharField(max_length=12, choices=State, default=State.PENDING)
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="requests")
    namespace = models.ForeignKey(
        Namespace, on_delete=models.PROTECT, null=True, blank=True, related_name="requests"
    )
    role = models.CharField(max_length=10, choices=Role, blank=True)
    level = models.CharField(max_length=10, choices=Level, blank=True, default="", db_default="")
    institution = models.CharField(max_length=200, blank=True, default="", db_default="")
    purpose = models.TextField(max_length=2000, blank=True, default="", db_default="")
    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=63, blank=True, default="", db_default="")
    pi_name = models.CharField(max_length=200, blank=True, default="", db_default="")
    size = models.TextField(max_length=1000, blank=True, default="", db_default="")
    sign = models.CharField(max_length=10, choices=Sign, blank=True, default="", db_default="")
    successor = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.TextField(max_length=2000)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    note = models.TextField(max_length=2000, blank=True)
    rung = models.PositiveSmallIntegerField(choices=Rung, default=Rung.NONE, db_default=0)
    reminded_at = models.DateTimeField(null=True, blank=True)

    objects = RequestQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("namespace", "person"),
                condition=models.Q(state="pending") & ~models.Q(kind="takeover"),
                name="namespaces_request_one_pending",
            ),
            models.UniqueConstraint(
                fields=("namespace", "person"),
                condition=models.Q(state="pending", kind="takeover"),
                name="namespaces_request_one_takeover",
            ),
            models.UniqueConstraint(
                fields=("person",),
                condition=models.Q(state="pending", kind="promotion"),
                name="namespaces_request_one_promotion",
            ),
            models.UniqueConstraint(
                fields=("person",),
                condition=models.Q(state="pending", kind="namespace"),
                name="namespaces_request_one_namespace",
            ),
            models.CheckConstraint(
                name="namespaces_request_kind",
                condition=models.Q(kind="join", namespace__isnull=False, level="")
                | models.Q(kind="promotion", namespace__isnull=True, level__in=("user", "admin"))
                | models.Q(kind="namespace", level="", cluster__isnull=False) & ~models.Q(name="")
                | models.Q(kind="takeover", namespace__isnull=False, level=""),
            ),
            models.CheckConstraint(
                name="namespaces_request_state",
                condition=models.Q(state__in=("pending", "approved", "denied", "withdrawn", "expired")),
            ),
            models.CheckConstraint(
                name="namespaces_request_role",
                condition=models.Q(kind="join", role__in=Role.values)
                | models.Q(kind__in=("promotion", "namespace", "takeover"), role=""),
            ),
            models.CheckConstraint(
                name="namespaces_request_sign",
                condition=models.Q(kind="takeover", sign__in=Sign.values)
                | ~models.Q(kind="takeover") & models.Q(sign="", successor=None),
            ),
            models.CheckConstraint(
                name="namespaces_request_purpose",
                condition=(models.Q(level="admin") & ~models.Q(institution="") & ~models.Q(purpose=""))
                | (models.Q(kind="namespace", purpose="") & ~models.Q(institution="") & ~models.Q(pi_name=""))
                | (
                    ~models.Q(level="admin")
                    & ~models.Q(kind="namespace")
                    & models.Q(institution="", purpose="")
                ),
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.state_label})"

    def get_absolute_url(self) -> str:
        return reverse("request", args=(self.pk,))

    @property
    def expires_at(self) -> datetime:
        """When a request that nobody decides is over."""
        return self.created_at + EXPIRES_AFTER

    @property
    def state_now(self) -> str:
        """The state as pages show it: what has run out is expired, whether or not a worker has written so yet.

        By the clock of this process. Whether something may be done, an action asks the database.
        """
        if self.state == self.State.PENDING and self.expires_at <= timezone.now():
            return self.State.EXPIRED
        return self.state

    @property
    def state_label(self) -> str:
        return str(dict(self.State.choices).get(self.state_now, self.state))

    @property
    def is_pending(self) -> bool:
        return self.state_now == self.State.PENDING

    @property
    def is_promotion(self) -> bool:
        return self.kind == self.Kind.PROMOTION

    @property
    def is_for_namespace(self) -> bool:
        return self.kind == self.Kind.NAMESPACE

    @property
    def is_takeover(self) -> bool:
        return self.kind == self.Kind.TAKEOVER

    @property
    def what(self) -> str:
        """What was asked for, in a word: the namespace, the level, or the name wished for."""
        if self.is_promotion:
            return str(self.get_level_display())
        return str(self.namespace or self.name)

    @property
    def ended_at(self) -> datetime:
        """When it was decided, withdrawn, or over."""
        return self.decided_at or self.expires_at


def is_open(prefix: str = "") -> models.Q:
    """Return the condition that a request waits for a decision; `prefix` leads to it from another table."""
    return models.Q(
        **{
            f"{prefix}state": Request.State.PENDING,
            f"{prefix}created_at__gt": Now() - EXPIRES_AFTER,
        }
    )


class AbsenceQuerySet(models.QuerySet["Absence"]):
    def current(self) -> AbsenceQuerySet:
        """Absences that last, by the clock of the database."""
        return self.filter(ended_at__isnull=True, until__gt=Now())


class Absence(models.Model):
    """Somebody is away until a moment, and a deputy decides the requests that wait for them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="absences")
    deputy = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    until = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = AbsenceQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("person",),
                condition=models.Q(ended_at__isnull=True),
                name="namespaces_absence_one_current",
            ),
            models.CheckConstraint(
                name="namespaces_absence_deputy", condition=~models.Q(person=models.F("deputy"))
            ),
        )

    def __str__(self) -> str:
        return f"{self.person}: {self.deputy}"

    @property
    def last_day(self) -> datetime:
        """A moment of the last day, which `until` ends."""
        return last_before(self.until)


class NamespaceStatus(models.Model):
    """What reconciliation last saw of a namespace and when it looks again. Only reconciliation writes here.

    `cluster_uid` is that of the namespace that Berth works in, `seen_uid` that of the one that was last there, whosever
    it is. `limits_version` is that of the limits that were last made in the cluster.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting for the cluster")
        READY = "ready", _("as decided")
        UNREACHABLE = "unreachable", _("the cluster does not answer")
        DEGRADED = "degraded", _("the cluster refuses us")
        CONFLICT = "conflict", _("something in the cluster is in the way")
        MISSING = "missing", _("the namespace is gone from the cluster")

    namespace = models.OneToOneField(
        Namespace, on_delete=models.PROTECT, related_name="status", primary_key=True
    )
    state = models.CharField(max_length=12, choices=State, default=State.WAITING)
    observed_generation = models.PositiveBigIntegerField(default=0)
    attempted_generation = models.PositiveBigIntegerField(default=0)
    cluster_uid = models.CharField(max_length=64, blank=True)
    seen_uid = models.CharField(max_length=64, blank=True)
    limits_version = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=20, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    reconciled_at = models.DateTimeField(null=True, blank=True)
    next_reconcile_at = models.DateTimeField(db_default=Now())
    lease_holder = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "namespace statuses"
        indexes = (models.Index(fields=("next_reconcile_at",), name="namespaces_status_due"),)
        constraints = (
            models.CheckConstraint(
                name="namespaces_status_state",
                condition=models.Q(
                    state__in=("waiting", "ready", "unreachable", "degraded", "conflict", "missing")
                ),
            ),
        )

    def __str__(self) -> str:
        return self.get_state_display()


class SeenLimits(models.Model):
    """A ResourceQuota or LimitRange as it was seen in the cluster, Berth's own or not. Only reconciliation writes here.

    `content` is what it says and, of a quota, what is used, as the API server wrote it. Rows change when that does:
    how old the numbers are is told by `NamespaceStatus.reconciled_at` and `ClusterStatus.swept_at`.
    """

    namespace = models.ForeignKey(Namespace, on_delete=models.PROTECT, related_name="seen_limits")
    kind = models.CharField(max_length=20)
    name = models.CharField(max_length=253)
    is_ours = models.BooleanField()
    content = models.JSONField()
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("kind", "name")
        verbose_name_plural = "seen limits"
        constraints = (
            models.UniqueConstraint(
                fields=("namespace", "kind", "name"), name="namespaces_seenlimits_namespace_kind_name"
            ),
            models.CheckConstraint(
                name="namespaces_seenlimits_kind",
                condition=models.Q(kind__in=("ResourceQuota", "LimitRange")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class SeenBinding(models.Model):
    """A RoleBinding that is not as decided and left alone, as it was seen. Only reconciliation writes here.

    `written_by` is the program that wrote it last, `written_at` when, both as the API server says. What changes in the
    cluster is a new row: its key stands for what somebody saw.
    """

    class Kind(models.TextChoices):
        BESIDE = "beside", _("gives rights beside Berth")
        ORPHAN = "orphan", _("says that this Berth made it, and no row knows it")
        CONFLICT = "conflict", _("has the name of a binding of Berth")
        UNEXPLAINED = "unexplained", _("is Berth's, and nobody decided its end")

    namespace = models.ForeignKey(Namespace, on_delete=models.PROTECT, related_name="seen_bindings")
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.BESIDE)
    name = models.CharField(max_length=253)
    role = models.CharField(max_length=300)
    users = models.JSONField(default=list)
    groups = models.JSONField(default=list)
    uid = models.CharField(max_length=64, blank=True)
    written_by = models.CharField(max_length=128, blank=True)
    written_at = models.CharField(max_length=40, blank=True)
    since = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("namespace__name", "name")
        constraints = (
            models.UniqueConstraint(
                fields=("namespace", "name"), name="namespaces_seenbinding_namespace_name"
            ),
            models.CheckConstraint(
                name="namespaces_seenbinding_kind",
                condition=models.Q(kind__in=("beside", "orphan", "conflict", "unexplained")),
            ),
        )

    def __str__(self) -> str:
        return self.name


class SeenKeys(models.Model):
    """What others wrote into Berth's quota or range of limits, as it was seen. Only reconciliation writes here.

    `keys` holds for each its section (empty in a quota), its resource, what was decided and what is there, both empty
    for no limit. What changes in the cluster is a new row.
    """

    namespace = models.ForeignKey(Namespace, on_delete=models.PROTECT, related_name="seen_keys")
    kind = models.CharField(max_length=20)
    uid = models.CharField(max_length=64)
    keys = models.JSONField()
    written_by = models.CharField(max_length=128, blank=True)
    written_at = models.CharField(max_length=40, blank=True)
    since = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("namespace__name", "kind")
        verbose_name_plural = "seen keys"
        constraints = (
            models.UniqueConstraint(fields=("namespace", "kind"), name="namespaces_seenkeys_namespace_kind"),
            models.CheckConstraint(
                name="namespaces_seenkeys_kind", condition=models.Q(kind__in=("ResourceQuota", "LimitRange"))
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind}: {len(self.keys)}"

    @property
    def name(self) -> str:
        return {"ResourceQuota": QUOTA, "LimitRange": LIMITS}[self.kind]


class DriftDecision(models.Model):
    """What somebody decided about one object in a cluster that is not as the rows say. It holds for that uid alone.

    Only `actions.drift` writes here, and reconciliation ends a confirmation that has had its effect. Rows are never
    deleted; one that is taken back has ended.
    """

    class Act(models.TextChoices):
        REVERT = "revert", _("take it away")
        LEAVE = "leave", _("leave it alone")
        CONFIRM = "confirm", _("go on here")

    class Kind(models.TextChoices):
        NAMESPACE = "Namespace"
        ROLE_BINDING = "RoleBinding"
        LIMITS = "Limits"

    namespace = models.ForeignKey(Namespace, on_delete=models.PROTECT, related_name="drift_decisions")
    kind = models.CharField(max_length=20, choices=Kind)
    name = models.CharField(max_length=253)
    uid = models.CharField(max_length=64)
    act = models.CharField(max_length=10, choices=Act)
    reason = models.TextField(max_length=2000)
    until = models.DateField(null=True, blank=True)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-decided_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("namespace", "kind", "uid"),
                condition=models.Q(ended_at__isnull=True),
                name="namespaces_driftdecision_one_current",
            ),
            models.CheckConstraint(
                name="namespaces_driftdecision_act",
                condition=models.Q(act__in=("revert", "leave", "confirm")),
            ),
            models.CheckConstraint(
                name="namespaces_driftdecision_kind",
                condition=models.Q(kind__in=("Namespace", "RoleBinding", "Limits")),
            ),
            models.CheckConstraint(
                name="namespaces_driftdecision_until",
                condition=models.Q(act="leave") | models.Q(until__isnull=True),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.get_act_display()}"

    @property
    def audit_text(self) -> str:
        return f"{self.kind} {self.name}"


class Grant(models.Model):
    """What the cluster holds, or held, for (namespace, identity, role), and the proof of it.

    `operation` is the uuid of the latest create; `unanswered` are those to which nobody has seen the answer: a worker
    that stood still may send one late. A revoked grant stays as a tombstone. Only reconciliation
    writes here.
    """

    MOST_UNANSWERED = 20

    class State(models.TextChoices):
        PENDING = "pending", _("waiting for the cluster")
        ACTIVE = "active", _("active")
        FAILING = "failing", _("not working")
        REVOKING = "revoking", _("being revoked")
        REVOKED = "revoked", _("revoked")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    namespace = models.ForeignKey(Namespace, on_delete=models.PROTECT, related_name="grants")
    identity = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="grants")
    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="grants")
    role = models.CharField(max_length=10, choices=Role)
    username = models.CharField(max_length=320)
    binding_name = models.CharField(max_length=63)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    operation = models.UUIDField(default=uuid.uuid4)
    unanswered = models.JSONField(default=list, blank=True)
    binding_uid = models.CharField(max_length=64, blank=True)
    since = models.DateTimeField(db_default=Now())
    proved_at = models.DateTimeField(null=True, blank=True)
    error_message = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("namespace", "identity", "role"), name="namespaces_grant_namespace_identity_role"
            ),
            models.CheckConstraint(
                name="namespaces_grant_state",
                condition=models.Q(state__in=("pending", "active", "failing", "revoking", "revoked")),
            ),
            models.CheckConstraint(name="namespaces_grant_role", condition=models.Q(role__in=Role.values)),
        )

    def __str__(self) -> str:
        return f"{self.binding_name}: {self.get_state_display()}"

    @property
    def audit_text(self) -> str:
        return self.binding_name
