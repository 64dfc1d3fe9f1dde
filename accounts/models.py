"""People and their identities. Nothing here knows of namespaces or clusters."""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Length, Now
from django.utils.translation import gettext_lazy as _

from accounts import devices
from accounts.audience import Audience
from accounts.indexes import LatestFirst
from accounts.wishes import EXPIRES_AFTER

if TYPE_CHECKING:
    from accounts.sessions import SessionStore

SUBJECT_MAX_LENGTH = 255
ISSUER_MAX_LENGTH = 255

models.CharField.register_lookup(Length)


class Level(models.TextChoices):
    """What a person is on the platform; each level includes those before it."""

    GUEST = "guest", _("guest")
    USER = "user", _("user")
    ADMIN = "admin", _("admin")

    @property
    def rank(self) -> int:
        return list(Level).index(self)

    @property
    def following(self) -> Level | None:
        """The level after this one, which its holder may ask for; None after the highest."""
        return next((level for level in Level if level.rank == self.rank + 1), None)


class PersonManager(BaseUserManager["User"]):
    """People are made by `accounts.actions.people`; there are no passwords to set here."""

    def operators(self) -> models.QuerySet[User]:
        """Return everybody who runs the platform now."""
        return self.filter(is_superuser=True, is_active=True)


class User(AbstractBaseUser):
    """A person. `is_superuser` marks an operator, which is not a level. `merged_into` is the account that took over
    everything of this one, which stays, empty, for what refers to it. `last_seen_at` is the last login with any of the
    identities, `warned_at` when they were last told that it was long ago. `deleted_at` is when everything that told who
    this was had been taken out. `named_to` is who reads the name where this person is admin of a namespace.

    Name, e-mail and institution are for display and for writing to; they identify nobody and grant nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200, blank=True)
    email = models.EmailField(max_length=254, blank=True)
    institution = models.CharField(max_length=200, blank=True)
    level = models.CharField(max_length=10, choices=Level, default=Level.GUEST)
    is_superuser = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_seen_at = models.DateTimeField(null=True, blank=True, editable=False)
    merged_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="merged"
    )
    warned_at = models.DateTimeField(null=True, blank=True, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    named_to = models.CharField(
        max_length=10, choices=Audience, default=Audience.SIGNED_IN, db_default=Audience.SIGNED_IN
    )

    objects = PersonManager()

    USERNAME_FIELD = "id"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        indexes = (
            models.Index(fields=("name", "id"), name="accounts_user_name_id"),
            models.Index(fields=("created_at", "id"), name="accounts_user_created"),
            LatestFirst(fields=("-last_seen_at", "-id"), name="accounts_user_seen"),
        )
        constraints = (
            models.CheckConstraint(name="accounts_user_level", condition=models.Q(level__in=Level.values)),
            models.CheckConstraint(
                name="accounts_user_merged",
                condition=models.Q(merged_into=None) | models.Q(is_active=False, is_superuser=False),
            ),
            models.CheckConstraint(
                name="accounts_user_named_to", condition=models.Q(named_to__in=Audience.values)
            ),
        )

    def __str__(self) -> str:
        """Return the name. Never the address: this is what pages and messages show to others."""
        if self.deleted_at is not None:
            return _("Deleted person %(id)s") % {"id": str(self.pk)[:8]}
        return self.name or str(_("Person without a name"))

    @property
    def is_operator(self) -> bool:
        """Whether this person runs the platform."""
        return self.is_superuser and self.is_active

    @property
    def is_guest(self) -> bool:
        return self.level == Level.GUEST

    @property
    def suspension(self) -> Suspension | None:
        """The suspension that keeps this person out now, if any."""
        return self.suspensions.current().first()

    @property
    def deletion(self) -> Deletion | None:
        """What became of the wish that this account be deleted, if there is one that was not withdrawn."""
        return self.deletions.exclude(state=Deletion.State.WITHDRAWN).first()

    @property
    def is_leaving(self) -> bool:
        """Whether an operator has begun to delete this account, or it is done: nobody comes back from that."""
        deletion = self.deletion
        return deletion is not None and deletion.state != Deletion.State.ASKED


class Identity(models.Model):
    """One (issuer, subject) pair of an identity provider, compared byte by byte; a person may have several.

    Issuer, subject and person never change once stored (see `accounts.triggers`), but that an account which is merged
    into another hands its identities over, and that a pseudonym takes the place of the subject of somebody who is
    deleted. The subject is what Kubernetes knows this person by.
    """

    class State(models.TextChoices):
        ACTIVE = "active", _("active")
        RETIRED = "retired", _("retired")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="identities")
    issuer = models.CharField(max_length=ISSUER_MAX_LENGTH)
    subject = models.CharField(max_length=SUBJECT_MAX_LENGTH)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    entity_id = models.CharField(max_length=255, blank=True)
    institution = models.CharField(max_length=200, blank=True)
    name = models.CharField(max_length=200, blank=True)
    email = models.EmailField(max_length=254, blank=True)
    email_verified = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_login_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("identity")
        verbose_name_plural = _("identities")
        indexes = (models.Index(fields=("subject",), name="accounts_identity_subj"),)
        constraints = (
            models.UniqueConstraint(fields=("issuer", "subject"), name="accounts_identity_issuer_subject"),
            models.CheckConstraint(
                name="accounts_identity_state", condition=models.Q(state__in=("active", "retired"))
            ),
            models.CheckConstraint(
                name="accounts_identity_subject", condition=models.Q(subject__length__gte=1)
            ),
        )

    def __str__(self) -> str:
        return self.subject

    @property
    def audit_text(self) -> str:
        """A hash: audit rows carry no names of people."""
        return account_uid(self.issuer, self.subject)[:16]

    @property
    def pseudonym(self) -> str:
        """What takes the place of the subject; with a space, which no login can have in it."""
        return f"deleted {self.pk.hex}"


class MergeQuerySet(models.QuerySet["Merge"]):
    def open(self) -> MergeQuerySet:
        """Narrow to those that can still be decided, by the clock of the database."""
        return self.filter(state=Merge.State.PENDING, asked_at__gt=Now() - EXPIRES_AFTER)


class Merge(models.Model):
    """Somebody showed an identity of another account to be theirs, and asks that the two become one.

    `shown` is that identity, `shown_with` the one of the account that stays; both were shown anew within ten minutes.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("pending")
        DONE = "done", _("done")
        DENIED = "denied", _("denied")
        WITHDRAWN = "withdrawn", _("withdrawn")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kept = models.ForeignKey(User, on_delete=models.PROTECT, related_name="merges")
    emptied = models.ForeignKey(User, on_delete=models.PROTECT, related_name="merges_away")
    shown = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")
    shown_with = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    asked_at = models.DateTimeField(db_default=Now(), editable=False)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    note = models.TextField(max_length=2000, blank=True)

    objects = MergeQuerySet.as_manager()

    class Meta:
        verbose_name = _("merge of two accounts")
        verbose_name_plural = _("merges of two accounts")
        ordering = ("asked_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("kept", "emptied"),
                condition=models.Q(state="pending"),
                name="accounts_merge_one_pending",
            ),
            models.CheckConstraint(
                name="accounts_merge_state",
                condition=models.Q(state__in=("pending", "done", "denied", "withdrawn")),
            ),
            models.CheckConstraint(name="accounts_merge_two", condition=~models.Q(kept=models.F("emptied"))),
        )

    def __str__(self) -> str:
        return str(self.get_state_display())

    @property
    def audit_text(self) -> str:
        return f"{self.emptied_id} into {self.kept_id}"


class Session(AbstractBaseSession):
    """One browser in which somebody is logged in, or nobody is yet: then all but Django's own columns is empty.

    Written by the engine, `accounts.sessions`. Deleting the row ends the session.
    """

    AGENT_MAX_LENGTH: ClassVar[int] = 300

    person = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="sessions")
    identity = models.ForeignKey(
        Identity, on_delete=models.CASCADE, null=True, blank=True, related_name="sessions"
    )
    opened_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField()
    address = models.GenericIPAddressField(null=True, blank=True)
    agent = models.CharField(max_length=AGENT_MAX_LENGTH, blank=True)

    class Meta(AbstractBaseSession.Meta):
        pass

    def __str__(self) -> str:
        """Return the handle. Never the key: whoever has it is that person."""
        return self.handle

    @classmethod
    def get_session_store_class(cls) -> type[SessionStore]:
        from accounts.sessions import SessionStore  # noqa: PLC0415  (the engine needs the model first)

        return SessionStore

    @property
    def handle(self) -> str:
        """What names the session in addresses: the key is a secret."""
        return hashlib.sha256(self.session_key.encode()).hexdigest()[:32]

    @property
    def device(self) -> str:
        return devices.in_words(self.agent)


class SuspensionQuerySet(models.QuerySet["Suspension"]):
    def current(self) -> SuspensionQuerySet:
        """Narrow to those that have not ended."""
        return self.filter(ended_at__isnull=True)


class Suspension(models.Model):
    """Somebody is kept out for a while: while one is current, `User.is_active` is False, and that alone decides.

    Only `accounts.actions.suspensions` writes here. Rows stay when they have ended; `by` is empty for who did not log
    in for long (`accounts.actions.dormancy`), `ended_by` for one that ended by itself.
    """

    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="suspensions")
    reason = models.TextField(max_length=2000)
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)
    until = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    objects = SuspensionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suspension")
        verbose_name_plural = _("suspensions")
        ordering = ("-at",)
        constraints = (
            models.UniqueConstraint(
                fields=("person",),
                condition=models.Q(ended_at__isnull=True),
                name="accounts_suspension_one_current",
            ),
            models.CheckConstraint(
                name="accounts_suspension_ended",
                condition=models.Q(ended_at__isnull=False) | models.Q(ended_by__isnull=True),
            ),
        )

    def __str__(self) -> str:
        return str(self.pk)


class BreakGlass(models.Model):
    """A break-glass operator, who is made and ended by a command on the server (`accounts.actions.break_glass`).

    `is_current` is True or NULL, so that the database lets there be one at a time.
    """

    person = models.OneToOneField(User, on_delete=models.PROTECT, related_name="break_glass")
    is_current = models.BooleanField(null=True, default=True, unique=True)
    made_at = models.DateTimeField(db_default=Now(), editable=False)
    used_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("break-glass operator")
        verbose_name_plural = _("break-glass operators")
        constraints = (
            models.CheckConstraint(
                name="accounts_breakglass_current",
                condition=models.Q(is_current=True, ended_at=None)
                | models.Q(is_current=None, ended_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return str(self.pk)


class Deletion(models.Model):
    """Somebody asks that their account be deleted; an operator carries it out.

    While it is running, every right of the person is taken away and proved gone; only then names, addresses and
    identities are replaced. Only `accounts.actions.deletions` writes here, and merging withdraws what it makes void.
    """

    class State(models.TextChoices):
        ASKED = "asked", _("asked")
        WITHDRAWN = "withdrawn", _("withdrawn")
        RUNNING = "running", _("waiting for the cluster")
        DONE = "done", _("done")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="deletions")
    state = models.CharField(max_length=10, choices=State, default=State.ASKED)
    asked_at = models.DateTimeField(db_default=Now(), editable=False)
    begun_at = models.DateTimeField(null=True, blank=True)
    begun_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("deletion of an account")
        verbose_name_plural = _("deletions of accounts")
        ordering = ("asked_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("person",),
                condition=models.Q(state__in=("asked", "running", "done")),
                name="accounts_deletion_one",
            ),
            models.CheckConstraint(
                name="accounts_deletion_state",
                condition=models.Q(state__in=("asked", "withdrawn"), begun_at=None, begun_by=None)
                | models.Q(state__in=("running", "done"), begun_at__isnull=False, begun_by__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return str(self.get_state_display())

    @property
    def audit_text(self) -> str:
        return str(self.person_id)


class LevelChange(models.Model):
    """Somebody's level was changed. Written with it in one transaction by `accounts.actions.people`, and never changed
    after that: the database refuses UPDATE and DELETE (see `audit.triggers`).

    `by` is None where a command on the server did it. `request_id` is that of the request it was decided by, if by one:
    nothing here knows what requests are.
    """

    class Act(models.TextChoices):
        VOUCHED = "vouched", _("vouched")
        SET = "set", _("set the level")
        MERGED = "merged", _("merged two accounts")
        FIRST_OPERATOR = "first", _("first operator")

    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="level_changes")
    act = models.CharField(max_length=10, choices=Act)
    before = models.CharField(max_length=10, choices=Level)
    after = models.CharField(max_length=10, choices=Level)
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    request_id = models.UUIDField(null=True, blank=True)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("change of level")
        verbose_name_plural = _("changes of level")
        constraints = (
            models.CheckConstraint(
                name="accounts_levelchange_act",
                condition=models.Q(act__in=("vouched", "set", "merged", "first")),
            ),
            models.CheckConstraint(
                name="accounts_levelchange_levels",
                condition=models.Q(before__in=Level.values, after__in=Level.values)
                & ~models.Q(before=models.F("after")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_before_display()} → {self.get_after_display()}"


class Submission(models.Model):
    """A form that was done: written with it in one transaction by `accounts.submissions`, kept for a day.

    `location` is where the answer led.
    """

    key = models.CharField(primary_key=True, max_length=64)
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)
    location = models.TextField(blank=True)

    class Meta:
        verbose_name = _("submission")
        verbose_name_plural = _("submissions")

    def __str__(self) -> str:
        return self.location


class Terms(models.Model):
    """A version of the terms of use. Its number is its key; what was published once never changes."""

    text = models.TextField(max_length=50_000)
    binds_from = models.DateTimeField()
    published_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    published_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("terms of use")
        verbose_name_plural = _("terms of use")
        ordering = ("-pk",)

    def __str__(self) -> str:
        return str(_("version %(number)d") % {"number": self.pk})


class Acceptance(models.Model):
    """A person accepted a version of the terms, and when."""

    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="acceptances")
    terms = models.ForeignKey(Terms, on_delete=models.PROTECT, related_name="acceptances")
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("acceptance")
        verbose_name_plural = _("acceptances")
        constraints = (
            models.UniqueConstraint(fields=("person", "terms"), name="accounts_acceptance_person_terms"),
        )

    def __str__(self) -> str:
        return str(self.terms)


def account_uid(issuer: str, subject: str) -> str:
    """The key under which allauth keeps an identity: SHA-256 of issuer, NUL, subject, in hex.

    allauth's column holds 191 characters and knows no issuer; the hash fits and covers both.
    """
    return hashlib.sha256(f"{issuer}\0{subject}".encode()).hexdigest()
