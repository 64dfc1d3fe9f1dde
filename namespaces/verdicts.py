"""What a pass means for the status of a namespace: in which state it is, in which words, and when to look again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

from clusters.api import ClusterError, Forbidden, Gone, Throttled, Unavailable
from namespaces.models import NamespaceStatus
from namespaces.reconciler.diff import Obstacle
from namespaces.reconciler.reconcile import Granted, Outcome, Revoked, obstacle_words

PROOF_AGE = timedelta(minutes=10)
DEGRADED_WAIT = timedelta(minutes=5)
WAITING_WAIT = timedelta(seconds=30)
BACKOFF_BASE_SECONDS = 5
UNPROVED_BASE_SECONDS = 2
BACKOFF_LIMIT_SECONDS = 60

UNPROVED = "unproved"
"""The slug of a namespace in which everything was done, and the cluster has not confirmed all of it."""

_States = NamespaceStatus.State


@dataclass(frozen=True)
class Verdict:
    """State, slug and words for people, and how long to wait before the next look."""

    state: NamespaceStatus.State
    code: str
    message: str
    wait: timedelta


def of_outcome(outcome: Outcome, *, name: str, attempts: int) -> Verdict:
    """Judge a pass over the namespace `name` that followed so many incomplete ones.

    One item that must wait for minutes does not hold up another that may be mended in seconds.
    """
    if outcome.drift.obstacle is not None:
        return _of_obstacle(outcome.drift.obstacle, name)
    results: list[Granted | Revoked] = [*outcome.granted.values(), *outcome.revoked.values()]
    open_ones = [result for result in results if not result.is_proved and result.error is None]
    residual = [result for result in open_ones if isinstance(result, Revoked)]
    waits = [_wait(error, attempts) for error in outcome.errors]
    if outcome.owes_proofs:
        waits.append(timedelta(0))
    elif len(open_ones) > len(residual):
        waits.append(
            timedelta(seconds=min(UNPROVED_BASE_SECONDS * 2 ** min(attempts, 10), BACKOFF_LIMIT_SECONDS))
        )
    if outcome.errors:
        error = outcome.errors[0]
        return Verdict(_state_of(error), error.code, error.message, min(waits))
    if waits:
        return Verdict(_States.WAITING, UNPROVED, "The cluster has not confirmed everything yet.", min(waits))
    if residual:
        return Verdict(_States.READY, "residual", "", WAITING_WAIT)
    wait = PROOF_AGE * random.uniform(0.9, 1.1)  # noqa: S311 - spreads the load, guards nothing
    return Verdict(_States.READY, "", "", wait)


def of_error(error: ClusterError, *, attempts: int) -> Verdict:
    """Judge a pass that could not even observe, after so many incomplete ones."""
    return Verdict(_state_of(error), error.code, error.message, _wait(error, attempts))


def is_passing(error: ClusterError) -> bool:
    """Whether waiting alone may mend it: nobody has decided against us."""
    return isinstance(error, Unavailable | Throttled | Gone) or _is_terminating(error)


def _of_obstacle(obstacle: Obstacle, name: str) -> Verdict:
    words = obstacle_words(obstacle, name)
    if obstacle == Obstacle.TERMINATING:
        return Verdict(_States.WAITING, str(obstacle), words, WAITING_WAIT)
    state = _States.MISSING if obstacle == Obstacle.MISSING else _States.CONFLICT
    return Verdict(state, str(obstacle), words, DEGRADED_WAIT)


def _is_terminating(error: ClusterError) -> bool:
    return isinstance(error, Forbidden) and error.cause == "NamespaceTerminating"


def _state_of(error: ClusterError) -> NamespaceStatus.State:
    if isinstance(error, Unavailable | Throttled):
        return _States.UNREACHABLE
    if is_passing(error):
        return _States.WAITING
    return _States.CONFLICT if error.code in ("conflict", "foreign", "quarantined") else _States.DEGRADED


def _wait(error: ClusterError, attempts: int) -> timedelta:
    """Return what the server asked for, full-jitter back-off, or minutes where waiting does not mend."""
    if isinstance(error, Throttled):
        return timedelta(seconds=error.retry_after)
    if _is_terminating(error):
        return WAITING_WAIT
    if not is_passing(error):
        return DEGRADED_WAIT
    most = min(BACKOFF_BASE_SECONDS * 2 ** min(attempts, 10), BACKOFF_LIMIT_SECONDS)
    return timedelta(seconds=random.uniform(0, most))  # noqa: S311 - spreads the load, guards nothing
