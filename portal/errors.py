"""The pages for what went wrong: in the frame where that is safe, always with a way on and the id of the request."""

from __future__ import annotations

import sys

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.db import InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

READ_ONLY = "25006"  # read_only_sql_transaction, in the table of error codes of PostgreSQL


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A request that cannot be understood; `BadRequest` carries words for the reader, other reasons are not told."""
    if isinstance(exception, RequestDataTooBig):
        most = {"size": filesizeformat(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)}
        reason = _("What was sent is larger than %(size)s. Nothing was changed.") % most
        return render(request, "errors/400.html", {"reason": reason}, status=413)
    reason = str(exception) if isinstance(exception, BadRequest) else ""
    return render(request, "errors/400.html", {"reason": reason}, status=400)


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Something the reader may see, but not do."""
    return render(request, "errors/403.html", {"reason": str(exception)}, status=403)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Nothing here, or nothing that this reader may know of: the same page, byte by byte."""
    return render(request, "errors/404.html", status=404)


def handler429(request: HttpRequest) -> HttpResponse:
    """Too many requests; also used by the login pages."""
    response = render(request, "429.html", status=429)
    response.headers["Retry-After"] = "300"
    return response


def handler500(request: HttpRequest) -> HttpResponse:
    """A fault of ours. The page uses neither the database nor the session; a database that cannot serve is a 503."""
    error = sys.exc_info()[1]
    is_read_only = _is_read_only(error)
    is_away = is_read_only or isinstance(error, (OperationalError, InterfaceError))
    status = 503 if is_away else 500
    context = {
        "request_id": getattr(request, "request_id", ""),
        "site_name": settings.SITE_NAME,
        "is_read_only": is_read_only,
        "was_form": request.method == "POST",
    }
    body = render_to_string(f"errors/{status}.html", context)
    return HttpResponse(body, status=status, headers={"Retry-After": "30"} if is_away else None)


def _is_read_only(error: BaseException | None) -> bool:
    """Whether PostgreSQL refused a write because it takes none, as a standby does."""
    return isinstance(error, InternalError) and getattr(error.__cause__, "sqlstate", "") == READ_ONLY


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without the token of this session: somebody else's, or one from before the login."""
    return render(request, "errors/csrf.html", status=403)
