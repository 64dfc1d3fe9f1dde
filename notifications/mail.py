"""The channel of e-mail: one mail from one delivery, or from a day's."""

from __future__ import annotations

import smtplib
import uuid
from collections.abc import Sequence
from email.utils import formatdate
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.message import sanitize_address
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import ngettext

from notifications.errors import NotNow, Refused, Unreachable
from notifications.kinds import ALWAYS_AT_ONCE
from notifications.models import Delivery

CLOSING = 421
"""The server ends the conversation, whatever it was asked."""
TOO_BIG = 552


class Mail:
    """A connection to the mail server of the installation, opened with the first mail and kept for the others."""

    def __init__(self) -> None:
        self._connection: Any = None

    def send(self, deliveries: Sequence[Delivery]) -> None:
        """Send one mail that says all of this; they are to one address.

        Raises Refused if the server will never take it, or no mail can be made of it, NotNow if it might later, and
        Unreachable if the trouble is with the server or our settings, and so would be with every other mail.
        """
        if self._connection is None:
            self._open()
        try:
            message = compose(deliveries)
            message.connection = self._connection
            message.send()
        except ValueError as error:  # an address that cannot be written on a mail
            raise Refused(str(error)) from error
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            raise _of(error) from error

    def _open(self) -> None:
        """Reach the server. A setting that cannot be used is no fault of any mail; it may be the password, and so is
        not repeated. Raises Unreachable.
        """
        try:
            sanitize_address(settings.MAIL_FROM, "utf-8")
            self._connection = get_connection()
            self._connection.open()
        except ValueError as error:
            self.close()
            raise Unreachable(f"a setting of mails cannot be used ({type(error).__name__})") from None
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            raise Unreachable(_said(error)) from error

    def close(self) -> None:
        """Leave the server, whatever state the connection is in."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.fail_silently = True
            connection.close()


def compose(deliveries: Sequence[Delivery]) -> EmailMultiAlternatives:
    """Return the mail, as text and as HTML that says the same.

    Its id depends on nothing but the deliveries: a mail that is sent twice, because a worker died before it could write
    down that the server took it, is one mail to whoever reads it.
    """
    with translation.override(settings.LANGUAGE_CODE):
        context = {
            "deliveries": deliveries,
            "base_url": settings.BASE_URL,
            "site_name": settings.SITE_NAME,
            "has_account": any(row.person_id for row in deliveries),
            "may_choose": not {row.kind for row in deliveries} <= ALWAYS_AT_ONCE,
        }
        subject = deliveries[0].subject
        if len(deliveries) > 1:
            text = ngettext("%(number)d message", "%(number)d messages", len(deliveries))
            subject = text % {"number": len(deliveries)}
        # What looks like an encoded word (RFC 2047) would be decoded, into what no name may have in it.
        subject = " ".join(f"[{settings.SITE_NAME}] {subject}".replace("=?", "= ?").split())
        message = EmailMultiAlternatives(
            subject=subject,
            body=render_to_string("notifications/mail.txt", context),
            from_email=settings.MAIL_FROM,
            to=[deliveries[0].address],
            reply_to=[deliveries[0].reply_to] if len(deliveries) == 1 and deliveries[0].reply_to else None,
            headers={
                "Message-ID": f"<{_id(deliveries)}@{urlsplit(settings.BASE_URL).hostname}>",
                "Date": formatdate(deliveries[0].created_at.timestamp()),
                "Auto-Submitted": "auto-generated",  # RFC 3834: no holiday reply comes back
            },
        )
        message.attach_alternative(render_to_string("notifications/mail.html", context), "text/html")
    return message


def _id(deliveries: Sequence[Delivery]) -> uuid.UUID:
    if len(deliveries) == 1:
        return deliveries[0].pk
    return uuid.uuid5(uuid.NAMESPACE_OID, " ".join(sorted(str(delivery.pk) for delivery in deliveries)))


def _of(error: smtplib.SMTPException | OSError) -> Refused | NotNow | Unreachable:
    """Say whose trouble it is (RFC 5321, 4.2.1: 4yz may be tried again, 5yz not). What the server answered may repeat
    the address, and is for operators only.
    """
    code: int
    said: bytes | str
    # Of security (RFC 3463, 3.8). Postfix refuses each recipient so for as long as its settings or ours are wrong.
    is_about_us = False
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()))
        is_about_us = _words(said).startswith("5.7.")
    elif isinstance(error, smtplib.SMTPDataError) or _is_too_big(error):
        code, said = error.smtp_code, error.smtp_error
    elif isinstance(error, smtplib.SMTPServerDisconnected) or not isinstance(error, smtplib.SMTPException):
        # It answered before: it may be this mail, which it may even have taken. If not, the next cannot be begun.
        return NotNow(_said(error))
    else:
        return Unreachable(_said(error))
    text = f"{code} {_words(said)}"
    if code == CLOSING:
        return Unreachable(text)
    return Refused(text) if code >= 500 and not is_about_us else NotNow(text)


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _is_too_big(error: smtplib.SMTPException | OSError) -> TypeGuard[smtplib.SMTPSenderRefused]:
    """Whether the server says so where we told it the size (RFC 1870, 6.1): trouble of this mail and of no other."""
    return isinstance(error, smtplib.SMTPSenderRefused) and error.smtp_code == TOO_BIG


def _words(said: bytes | str) -> str:
    """Return what the server said; PostgreSQL takes no NUL character."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return text.replace("\0", "\ufffd")
