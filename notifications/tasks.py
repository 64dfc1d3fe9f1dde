"""The Celery task that sends messages, and the knock that spares them the wait."""

from __future__ import annotations

import structlog
from celery import shared_task
from kombu.exceptions import OperationalError

from notifications import MESSAGES, sending

logger = structlog.get_logger(__name__)


@shared_task
def send_due() -> None:
    """Send what is due."""
    sending.send_due()


def knock() -> None:
    """Tell the workers to look now. A message that is lost with the broker only costs the wait for the next look."""
    try:
        send_due.apply_async(queue=MESSAGES)
    except OperationalError as error:
        logger.warning("knock lost; the next look will find the messages", error=str(error))
