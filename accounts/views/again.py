"""Show again who you are: what pages ask for before an act that a stolen session must not be enough for."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.forms import IssuerForm
from accounts.guards import KnownRequest, login_needed
from accounts.issuers import Issuer
from accounts.models import Identity
from accounts.provider import further
from accounts.provider.further import Purpose
from accounts.submissions import repeatable


@repeatable
@never_cache
@login_needed
@require_POST
def show_again(request: KnownRequest) -> HttpResponse:
    """Send the reader to their issuer, and from there back to the page that asked."""
    form = IssuerForm(request.POST)
    if not form.is_valid():
        raise BadRequest(_("The field “issuer” names no identity provider."))
    return further.begin(request, form.cleaned_data["issuer"], Purpose.SHOW_AGAIN, form.cleaned_data["next"])


def own_issuers(request: KnownRequest) -> list[Issuer]:
    """Return the issuers with which the reader can show who they are: those of their active identities."""
    own = request.user.identities.filter(state=Identity.State.ACTIVE).values_list("issuer", flat=True)
    mine = set(own)
    return [issuer for issuer in settings.ISSUERS if issuer.issuer in mine]
