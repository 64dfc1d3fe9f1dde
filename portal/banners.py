"""The banners of the frame: clusters that Berth cannot reach, or that are still being built; for operators, a
break-glass operator, mails that wait, and memberships that nobody ended.

What the workers saw is in the database. A control plane that runs on this machine also writes down how far it has
come, and that is more honest than "unreachable" while it is being built.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from accounts.models import BreakGlass
from accounts.prepared import Prepared
from clusters.config import ClusterConfig, ConfigError
from clusters.models import Cluster, ClusterStatus
from clusters.registry import configured_clusters
from namespaces.models import Membership
from notifications.models import Delivery


@dataclass(frozen=True)
class Banner:
    """A sentence for everybody, or for those who run this, and since when it holds."""

    text: str
    since: datetime | None = None
    detail: str = ""
    is_trouble: bool = True


MAILS_LATE_AFTER = timedelta(minutes=30)
"""Some servers take a mail from somebody new only after a quarter of an hour."""
ENDS_LATE_AFTER = timedelta(minutes=10)
TOLD_FOR = timedelta(days=7)
"""So long operators read that a break-glass operator was made, used or ended."""


def told_of_break_glass() -> QuerySet[BreakGlass]:
    """Return the break-glass operators that there are or were lately."""
    lately = Now() - TOLD_FOR
    told = Q(is_current=True) | Q(ended_at__gt=lately) | Q(used_at__gt=lately)
    return BreakGlass.objects.filter(told).order_by("made_at")


def break_glass_banners() -> list[Banner]:
    """Return a banner for each break-glass operator that there is or was lately, in one query. For operators only."""
    return [_of_break_glass(found) for found in told_of_break_glass()]


def _of_break_glass(found: BreakGlass) -> Banner:
    if found.ended_at and found.used_at:
        text, since = _("A break-glass operator had logged in, and was ended."), found.used_at
    elif found.ended_at:
        text, since = _("A break-glass operator was ended. Nobody had logged in with it."), found.ended_at
    elif found.used_at:
        text, since = _("A break-glass operator has logged in, with a password of this site."), found.used_at
    else:
        text, since = _("There is a break-glass operator. Nobody has logged in with it."), found.made_at
    return Banner(text, since, is_trouble=not found.ended_at or bool(found.used_at))


def overdue() -> QuerySet[Membership]:
    """Return the memberships whose end has come and that no worker has ended, the longest due first."""
    past = Now() - ENDS_LATE_AFTER
    return Membership.objects.current().filter(ends_at__lt=past).order_by("ends_at")


def overdue_banners() -> list[Banner]:
    """Return a banner if memberships should have ended by themselves and did not, in one query. For operators only."""
    first = overdue().values_list("ends_at", flat=True).first()
    if first is None:
        return []
    return [Banner(_("Memberships should have ended and did not. No worker ends them."), first)]


def late_mails() -> QuerySet[Delivery]:
    """Return the mails that wait and should have gone, the oldest first."""
    past = Now() - MAILS_LATE_AFTER
    late = Q(due_at__lt=past) | ~Q(error="") & Q(is_digest=False, created_at__lt=past)
    return Delivery.objects.filter(late, state=Delivery.State.WAITING).order_by("created_at")


def mail_banners() -> list[Banner]:
    """Return a banner if mails wait that should have gone, in one query. For operators only."""
    if not settings.MAIL_FROM:
        return []
    waiting = late_mails().first()
    if waiting is None:
        return []
    detail = waiting.error or _("No worker sends them.")
    return [Banner(_("Mails wait that should have been sent."), waiting.created_at, detail)]


def cluster_banners() -> list[Banner]:
    """Return a banner for each cluster that cannot do what it is asked now, in one query."""
    try:
        configs = configured_clusters()
    except ConfigError:
        configs = {}
    seen = _seen.rows(tuple(configs))
    banners = (_banner(title, configs[name], state, since) for name, title, state, since in seen)
    return [banner for banner in banners if banner is not None]


_seen = Prepared(
    lambda names: Cluster.objects.filter(name__in=names).values_list(
        "name", "title", "status__state", "status__since"
    )
)


def _banner(title: str, config: ClusterConfig, state: str | None, since: datetime | None) -> Banner | None:
    """Return what there is to say of a cluster; no state is that of one which no worker knows yet."""
    local = _local_banner(title, config.status_file) if config.status_file else None
    if local or state is None or state == ClusterStatus.State.REACHABLE:
        return local
    State = ClusterStatus.State
    names = {"cluster": title}
    if state == State.UNKNOWN:
        return Banner(_("%(cluster)s has not been contacted yet.") % names, is_trouble=False)
    if state == State.UNREACHABLE:
        return Banner(
            _("%(cluster)s does not answer. What is decided meanwhile takes effect by itself when it does.")
            % names,
            since,
        )
    if state == State.REFUSED:
        return Banner(_("%(cluster)s refuses Berth, so nothing can be changed in it.") % names, since)
    if state == State.QUARANTINED:
        return Banner(
            _(
                "%(cluster)s has seen a later state of Berth than this one, which was restored from a backup."
                " Nothing is changed in it until an operator has decided about each difference."
            )
            % names,
            since,
        )
    return Banner(_("%(cluster)s is not the cluster it was, so Berth changes nothing in it.") % names, since)


def _local_banner(cluster: str, path: Path) -> Banner | None:
    """Return what the control plane on this machine says of itself, None where it is ready or says nothing."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        state, detail, since = said["state"], str(said["detail"]), parse_datetime(said["since"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    texts = {
        "building": _(
            "%(cluster)s is still being built. What is decided meanwhile takes effect by itself later."
        ),
        "starting": _(
            "%(cluster)s is starting. What is decided meanwhile takes effect by itself in a moment."
        ),
        "stopped": _("%(cluster)s is stopped. What is decided meanwhile takes effect when it runs again."),
        "failed": _("%(cluster)s could not be started."),
    }
    if state not in texts:
        return None
    return Banner(
        texts[state] % {"cluster": cluster}, since, detail, is_trouble=state in {"stopped", "failed"}
    )
