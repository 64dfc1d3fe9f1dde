"""The start of a process that serves: it refuses to run with settings that are wrong or unsafe."""

from __future__ import annotations

import sys

import django
import structlog
from django.conf import settings
from django.core import checks
from django.db import DatabaseError, connections

from namespaces import epoch
from portal.checks import is_demonstration
from portal.schema import unapplied_migrations

logger = structlog.get_logger(__name__)


def refuse_unsafe_settings() -> None:
    """Run every system check, and look at the migrations; end the process with the reasons if something is wrong.

    In production warnings count as well. A database that is away is no reason: the process waits for it.
    """
    django.setup()
    production = not is_demonstration()
    found = [*checks.run_checks(include_deployment_checks=production), *_migrations()]
    if not production:
        found += _secret_key()
    gravest = checks.WARNING if production else checks.ERROR
    serious = [message for message in found if message.is_serious(gravest) and not message.is_silenced()]
    if serious:
        # Celery has replaced sys.stderr by its logger, which cuts long lines.
        print("Berth does not start with these settings:", *serious, sep="\n  ", file=sys.__stderr__)
        sys.exit(78)  # EX_CONFIG of sysexits.h


def _secret_key() -> list[checks.CheckMessage]:
    """Judge the key of a demonstration. In production a system check does it, which would be in the way of commands."""
    if settings.SECRET_KEY != settings.INSECURE_SECRET_KEY:
        return []
    hint = "Set BERTH_SECRET_KEY_FILE to a file with at least 50 random characters; `make demo` makes one by itself."
    return [checks.Error("BERTH_SECRET_KEY is not set", hint=hint, id="portal.E002")]


def _migrations() -> list[checks.CheckMessage]:
    try:
        waiting, unknown = unapplied_migrations(), epoch.unknown_migrations()
    except DatabaseError:
        return []
    finally:
        # Nothing that is open here may be inherited by the processes that are forked afterwards.
        for connection in connections.all(initialized_only=True):
            connection.close()
            if hasattr(connection, "close_pool"):
                connection.close_pool()
    messages: list[checks.CheckMessage] = []
    if waiting:
        hint = "Run `manage.py migrate` with this version of Berth before its processes start."
        text = f"the database waits for {len(waiting)} migrations, the first is {waiting[0]}"
        messages.append(checks.Error(text, hint=hint, id="portal.E020"))
    if unknown:
        hint = "Start the version of Berth that made them, or take them back with it: `manage.py migrate APP EARLIER`."
        text = f"the database is newer than this version of Berth: {', '.join(unknown)}"
        if settings.IS_WORKER:
            # It grants nothing then (`namespaces.epoch`), and whoever was removed does not wait for a person.
            logger.error(
                "the database is newer than this version; only ends of rights go on", unknown=unknown
            )
        else:
            messages.append(checks.Error(text, hint=hint, id="portal.E021"))
    return messages
