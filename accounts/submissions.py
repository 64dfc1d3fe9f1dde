"""A form is done once, however often a browser sends it: after an answer that was lost, by a double click, by going
back.

Django masks the CSRF token anew for each page, so that person, address and everything that was sent, the token
included, are one form that somebody filled in. Who loads the page again and says the same says it once more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import CSRF_TOKEN_LENGTH
from django.utils.deprecation import MiddlewareMixin
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from accounts.models import Submission, User

View = Callable[..., HttpResponse]
V = TypeVar("V", bound=Callable[..., object])
KEPT = timedelta(days=1)


def repeatable(view: V) -> V:
    """Mark a view whose forms may be done again and again: it decides nothing that the database keeps."""
    view.is_repeatable = True  # type: ignore[attr-defined]
    return view


def not_done(response: HttpResponse) -> HttpResponse:
    """Mark an answer that leads on although the form was not done: it may come again as it is."""
    response.was_not_done = True  # type: ignore[attr-defined]
    return response


class SentBefore(Exception):
    """The form was done already, perhaps a moment ago by another request."""


class OncePerForm(MiddlewareMixin):
    """Note a form in the transaction of what it does: both are there, or neither, whatever became of the answer.

    Only an answer that leads on says that something was done. After every other one the same form may come again. The
    innermost middleware: before the view runs, the token was found to be right, and the person is known.
    """

    def process_view(
        self, request: HttpRequest, view: View, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> HttpResponse | None:
        """Run the view here if what was sent is to be done once."""
        if request.method != "POST" or getattr(view, "is_repeatable", False):
            return None
        key = _key(request)
        if key is None or not isinstance(request.user, User):
            return None
        try:
            return _do(key, request.user, lambda: view(request, *args, **kwargs))
        except SentBefore:
            return _answer_again(key, request)


def _key(request: HttpRequest) -> str | None:
    """Return what tells this form from all others, or None where nothing does: scripts send the token of the cookie,
    or one in a header, with whatever they send.

    A hash, because tokens are stored nowhere.
    """
    if len(request.POST.get("csrfmiddlewaretoken", "")) != CSRF_TOKEN_LENGTH:
        return None
    sent = [str(request.user.pk), request.get_full_path(), list(request.POST.lists()), _files(request)]
    return hashlib.sha256(json.dumps(sent).encode()).hexdigest()


def _files(request: HttpRequest) -> list[tuple[str, str]]:
    """Return the name of each file with the hash of its content: pictures chosen one after the other are two forms."""
    found = []
    for name, files in request.FILES.lists():
        for file in files:
            found.append((name, hashlib.sha256(file.read()).hexdigest()))
            file.seek(0)
    return found


def _do(key: str, person: User, view: Callable[[], HttpResponse]) -> HttpResponse:
    """Let the view run with the form noted. Raises SentBefore; waits for whoever is just doing the same form."""
    with transaction.atomic():
        try:
            Submission.objects.create(key=key, person=person)
        except IntegrityError:
            raise SentBefore from None
        response = view()
        noted = Submission.objects.filter(pk=key)
        if response.status_code >= 500:
            transaction.set_rollback(True)
        elif 300 <= response.status_code < 400 and not getattr(response, "was_not_done", False):
            noted.update(location=response.headers["Location"])
            _forget_old(person)
        else:
            noted.delete()
    return response


def _forget_old(person: User) -> None:
    """Delete what is older than a browser repeats. Two who do so at once pass over each other's rows, or each could
    wait for the other."""
    old = Submission.objects.filter(person=person, at__lt=Now() - KEPT)
    Submission.objects.filter(pk__in=old.select_for_update(skip_locked=True).values("pk")).delete()


def _answer_again(key: str, request: HttpRequest) -> HttpResponse:
    """Lead to where the form led, and say that nothing was done anew."""
    done = Submission.objects.get(pk=key)
    when = localtime(done.at)
    texts = {"time": date_format(when, "H:i T"), "day": date_format(when, "j M Y")}
    messages.info(
        request, _("You had sent this form already. It was done once, at %(time)s on %(day)s.") % texts
    )
    return HttpResponseRedirect(done.location)
