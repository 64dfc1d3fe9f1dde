"""The reader's own page: who Berth takes them for."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.guards import KnownRequest, login_needed
from accounts.models import Merge
from accounts.terms import before_terms


@before_terms
@login_needed
@require_safe
def profile(request: KnownRequest) -> HttpResponse:
    """Show name, institution, level and identities; all of it comes from the institution, nothing is edited here."""
    identities = request.user.identities.order_by("created_at")
    asked = request.user.merges.exclude(state=Merge.State.WITHDRAWN).select_related("shown", "decided_by")
    return render(request, "accounts/profile.html", {"identities": identities, "merges": asked})
