"""Making the attempts of `clusters.forbidden_acts` on a real cluster, and judging what came back.

Only a refusal that says which fence it comes from is one: authorisation, or an admission policy by its name. No
answer, "not found" and "bad request" all come from behind a fence that let the request pass, or from nowhere. Nothing
here knows Django or the Kubernetes library.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from clusters.api import ClusterError
from clusters.attempts import RBAC, Attempt
from clusters.ground import Ground, NothingThere
from clusters.raw import Answer, RawCluster

_POLICY = re.compile(r"ValidatingAdmissionPolicy '([^']+)'")
_UNHELD = "not currently held"  # what nobody may give away: RBAC again
_REFUSALS = (403, 422)


class Verdict(StrEnum):
    """How an attempt ended."""

    DENIED = "denied"
    NOT_DENIED = "not denied"
    UNANSWERED = "unanswered"
    """Neither allowed nor refused by a fence: it proves nothing, and counts as a failure."""
    NOT_MADE = "not made"


@dataclass(frozen=True)
class Outcome:
    """One attempt, how it ended, and what denied it or why it proves nothing."""

    attempt: Attempt
    verdict: Verdict
    detail: str


def attack(attempts: Iterable[Attempt], ground: Ground, cluster: RawCluster) -> Iterator[Outcome]:
    """Make attempts one after the other, as the holder of the credential of `cluster`."""
    for attempt in attempts:
        try:
            request = attempt.request(ground)
        except NothingThere as lack:
            yield Outcome(attempt, Verdict.NOT_MADE, str(lack))
            continue
        try:
            yield Outcome(attempt, *judge(cluster.exchange(request)))
        except ClusterError as error:
            yield Outcome(attempt, Verdict.UNANSWERED, error.message)


def judge(answer: Answer) -> tuple[Verdict, str]:
    """Return what an answer says about the fences: which one denied (`RBAC`, or the name of a policy), or what else."""
    if 200 <= answer.status <= 299:
        return Verdict.NOT_DENIED, f"HTTP {answer.status}"
    if answer.status in _REFUSALS and isinstance(answer.body, dict) and answer.body.get("kind") == "Status":
        fence = _fence(answer)
        if fence:
            return Verdict.DENIED, fence
    return Verdict.UNANSWERED, f"HTTP {answer.status}: {answer.message}"


def _fence(answer: Answer) -> str | None:
    policy = _POLICY.search(answer.message)
    if policy:
        return policy[1]
    # "User … cannot list resource …" (k8s.io/apiserver, responsewriters.Forbidden); a namespace that ends, a quota
    # and a webhook answer 403 as well, in other words.
    is_authorisation = answer.status == 403 and (" cannot " in answer.message or _UNHELD in answer.message)
    return RBAC if is_authorisation else None
