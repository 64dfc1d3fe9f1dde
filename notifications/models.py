"""What people are told: a row for each event, channel and recipient, and what everybody chose about mails."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from notifications import links
from notifications.kinds import Way


class Channel(models.TextChoices):
    INBOX = "inbox", _("in the page")
    MAIL = "mail", _("by mail")


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def inbox(self) -> DeliveryQuerySet:
        """Narrow to what is shown in the page, newest first."""
        return self.filter(channel=Channel.INBOX).order_by("-created_at", "-pk")

    def unseen(self) -> DeliveryQuerySet:
        return self.filter(channel=Channel.INBOX, seen_at=None)

    def due(self) -> DeliveryQuerySet:
        """Narrow to what a worker should send now, by the clock of the database, longest due first."""
        is_free = models.Q(lease_until=None) | models.Q(lease_until__lt=Now())
        return self.filter(is_free, state=Delivery.State.WAITING, due_at__lte=Now()).order_by("due_at", "pk")

    def failing(self) -> DeliveryQuerySet:
        """Narrow to what was given up, or failed and waits to be tried again: newest trouble first."""
        return self.exclude(error="").exclude(state=Delivery.State.SENT).order_by("-tried_at", "-pk")


class Delivery(models.Model):
    """One thing told to one person in one way. Written in the transaction of what it tells of (`telling`), sent by
    workers (`sending`).

    `event` is what is told: the same one reaches nobody twice. Subject and text are kept as they were said, with the
    address that answers go to if anybody reads them; `link` is a path on this site, to which `links` may add what
    proves that it was sent. `about` and `by` are the other people whom the words name, if they do: what is told of
    somebody goes when they do. A mail keeps its `address`: where it was sent stays true when the person's changes; it
    may be all that is known of the recipient, who has then no `person`. `kind` is one of `kinds.Kind`; a newer version
    may know more.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENT = "sent", _("sent")
        FAILED = "failed", _("given up")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    event = models.CharField(max_length=100)
    kind = models.CharField(max_length=20)
    channel = models.CharField(max_length=10, choices=Channel)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="deliveries"
    )
    about = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    address = models.EmailField(max_length=254, blank=True)
    reply_to = models.EmailField(max_length=254, blank=True, default="", db_default="")
    subject = models.CharField(max_length=300)
    text = models.TextField(blank=True)
    link = models.CharField(max_length=300, blank=True)
    is_digest = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    seen_at = models.DateTimeField(null=True, blank=True)

    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    due_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveSmallIntegerField(default=0)
    tried_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)
    lease_holder = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = (
            models.UniqueConstraint(
                fields=("event", "channel", "person", "address"), name="notifications_delivery_once"
            ),
            models.UniqueConstraint(
                fields=("event", "address"),
                condition=models.Q(person=None),
                name="notifications_delivery_once_to_address",
            ),
            models.CheckConstraint(
                name="notifications_delivery_person",
                condition=models.Q(channel="mail") | ~models.Q(person=None),
            ),
            models.CheckConstraint(
                name="notifications_delivery_channel", condition=models.Q(channel__in=("inbox", "mail"))
            ),
            models.CheckConstraint(
                name="notifications_delivery_state",
                condition=models.Q(state__in=("waiting", "sent", "failed")),
            ),
            models.CheckConstraint(
                name="notifications_delivery_address",
                condition=models.Q(channel="inbox", address="")
                | models.Q(channel="mail") & ~models.Q(address=""),
            ),
        )
        indexes = (
            models.Index(
                fields=("due_at", "id"),
                name="notifications_delivery_due",
                condition=models.Q(state="waiting"),
            ),
            models.Index(fields=("person", "-created_at", "-id"), name="notifications_delivery_inbox"),
            models.Index(
                fields=("person",),
                name="notifications_delivery_unseen",
                condition=models.Q(channel="inbox", seen_at=None),
            ),
        )

    def __str__(self) -> str:
        return self.subject

    @property
    def complete_link(self) -> str:
        """The path that a mail leads to."""
        return links.complete(self.kind, self.link)


class Choice(models.Model):
    """How mails of a kind come to a person, where they chose."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mail_choices"
    )
    kind = models.CharField(max_length=20)
    way = models.CharField(max_length=10, choices=Way)

    class Meta:
        verbose_name = _("choice about mails")
        verbose_name_plural = _("choices about mails")
        constraints = (
            models.UniqueConstraint(fields=("person", "kind"), name="notifications_choice_one"),
            models.CheckConstraint(
                name="notifications_choice_way", condition=models.Q(way__in=("at_once", "daily", "off"))
            ),
        )

    def __str__(self) -> str:
        return str(self.get_way_display())
