"""What differs between the decisions and the clusters, for operators."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.guards import KnownRequest, login_needed
from accounts.policy import is_operator
from clusters.models import ClusterStatus
from namespaces import drift as differences
from namespaces.views.answers import page


@login_needed
@require_safe
def drift(request: KnownRequest) -> HttpResponse:
    """Show who has access beside Berth, what could not be made as decided, and how old this is."""
    if not is_operator(request.user):
        raise PermissionDenied(_("Operators see what differs; admins of a namespace see it on its page."))
    context = {
        "beside": differences.beside(),
        "residual": differences.residual(),
        "trouble": differences.in_trouble(),
        "clusters": ClusterStatus.objects.select_related("cluster").order_by("cluster__name"),
    }
    return page(request, "namespaces/drift.html", context)
