"""The loopback ports of the demonstration: which variable names which, and whether they can be used."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import combinations

from localcluster.errors import LocalClusterError
from localcluster.layout import Ports
from localcluster.processes import LOOPBACK, PortTaken, check_port
from portal.demonstration_directory import CannotStart

# A run that was killed leaves sockets for a moment; a port that is taken longer belongs to somebody else.
PATIENCE_SECONDS = 2.0
LAST_PORT = 65535
_PURPOSES = {
    "web": "the portal",
    "redis": "Redis, the broker",
    "smtp": "the mail server",
    "oidc_https": "the identity provider (https)",
    "oidc_http": "the login page of the identity provider",
    "api_server": "the Kubernetes API server",
    "etcd": "etcd, the store of the API server",
    "etcd_peer": "etcd, the store of the API server (peers)",
}
VARIABLES = {name: f"BERTH_DEMO_PORT_{name.upper()}" for name in _PURPOSES} | {"web": "BERTH_DEMO_PORT"}


def check(ports: Ports, names: Sequence[str]) -> None:
    """Raise CannotStart if one of these ports is no port, the same as another, taken, or not for us."""
    for name in names:
        port = getattr(ports, name)
        if not 1 <= port <= LAST_PORT:
            raise CannotStart(f"{VARIABLES[name]}={port} is not a port. Choose one of 1 to {LAST_PORT}.")
    for one, other in combinations(names, 2):
        if getattr(ports, one) == getattr(ports, other):
            raise CannotStart(
                f"{VARIABLES[one]} and {VARIABLES[other]} are both {getattr(ports, one)}. "
                "Choose another port for one of them."
            )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (taken := _taken(ports, names)) and time.monotonic() < deadline:
        time.sleep(0.1)
    if taken:
        raise CannotStart(
            "\n".join(
                [
                    f"ports on {LOOPBACK} are taken that the demonstration needs:",
                    *(f"  {getattr(ports, name)}  {_PURPOSES[name]} ({VARIABLES[name]})" for name in taken),
                    "Stop what listens there, or choose another port with the variable in brackets.",
                ]
            )
        )


def is_taken(port: int, purpose: str = "the demonstration") -> bool:
    """Whether somebody listens there. Raises LocalClusterError if nobody may, or not we."""
    try:
        check_port(port, purpose)
    except PortTaken:
        return True
    return False


def _taken(ports: Ports, names: Sequence[str]) -> list[str]:
    taken = []
    for name in names:
        port = getattr(ports, name)
        try:
            if is_taken(port, _PURPOSES[name]):
                taken.append(name)
        except LocalClusterError as error:
            raise CannotStart(f"{VARIABLES[name]}={port}: {error}") from error
    return taken
