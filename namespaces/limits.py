"""What a namespace may use: which limits there are, and reading what an operator types, strictly.

A limit is a kind (the whole namespace, or each container), a resource and an amount: thousandths of a core, bytes, or
things. Whatever is typed is understood in one way or refused; what the API server would accept and not enforce is
refused, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from namespaces.reconciler.quantities import SUFFIXES, Family, family, value, write
from namespaces.reconciler.spec import LimitSpec

MOST = 2**60
"""The most that any limit can be: 1 EiB, more thousandths of a core than there are."""

MOST_WHOLE = (2**63 - 1) // 1000
"""The most of what the API server counts in whole things or whole bytes: it multiplies them by 1000 (measured)."""

_TYPED = re.compile(r"(?P<whole>0|[1-9][0-9]{0,22})(?:\.(?P<part>[0-9]{1,3}))?(?P<unit>[A-Za-z]{0,3})")
_UNITS = {
    Family.CPU: ("", "m"),
    Family.BYTES: ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "k", "M", "G", "T", "P", "E", ""),
    Family.COUNT: ("",),
}
_LEAST_BYTES = 1 << 20
_DOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+"
_NAME = r"[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?"
_EXTENDED = re.compile(rf"{_DOMAIN}/{_NAME}")
_NOT_EXTENDED = re.compile(r"^requests\.|\.storageclass\.|kubernetes\.io/")
"""Of a name with a slash: no extended resource, nothing would enforce it (Kubernetes, IsExtendedResourceName)."""
_LONGEST, _LONGEST_PART = 253, 63
_COUNTED = re.compile(rf"count/[a-z][a-z0-9]{{0,62}}(\.{_DOMAIN}|\.[a-z][a-z0-9-]{{0,62}})?")
_STORAGE_CLASS = re.compile(
    r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?\.storageclass\.storage\.k8s\.io/(requests\.storage|persistentvolumeclaims)"
)
_PLAIN = {
    *("cpu", "memory", "ephemeral-storage", "pods", "persistentvolumeclaims", "requests.storage"),
    *("requests.cpu", "requests.memory", "requests.ephemeral-storage"),
    *("limits.cpu", "limits.memory", "limits.ephemeral-storage"),
    *("services", "services.loadbalancers", "services.nodeports", "secrets", "configmaps"),
    *("replicationcontrollers", "resourcequotas"),
}
_OF_CONTAINERS = ("cpu", "memory", "ephemeral-storage")


class Kind(models.TextChoices):
    """What a limit is about. Of a container: what it gets if it says nothing, and what it may ask for."""

    QUOTA = "quota", gettext_lazy("the namespace as a whole")
    DEFAULT_REQUEST = "default_request", gettext_lazy("a container that requests nothing")
    DEFAULT = "default", gettext_lazy("a container without a limit")
    MAX = "max", gettext_lazy("a container at most")
    MIN = "min", gettext_lazy("a container at least")


_SECTIONS = {
    Kind.QUOTA: "",
    Kind.DEFAULT_REQUEST: "defaultRequest",
    Kind.DEFAULT: "default",
    Kind.MAX: "max",
    Kind.MIN: "min",
}
"""Where each kind of limit stands: in the quota, or in a part of a LimitRange item."""


@dataclass(frozen=True, order=True)
class Key:
    """Which limit: its kind and its resource."""

    kind: Kind
    resource: str

    def spec(self, amount: int | None) -> LimitSpec:
        """Return where in the cluster this limit stands, and how an amount of it is written there."""
        return LimitSpec(_SECTIONS[self.kind], self.resource, None if amount is None else self.text(amount))

    def text(self, amount: int | None) -> str:
        """Return an amount of this as people and the API server write it; empty for no limit."""
        return "" if amount is None else write(family(self.resource), amount)


Amounts = Mapping[Key, int]


class Misunderstood(ValueError):
    """What was typed cannot be a limit; the message says why, for people."""


def read_key(kind: Kind, typed: str) -> Key:
    """Return the limit that a name stands for. Raises Misunderstood.

    `nvidia.com/gpu` becomes `requests.nvidia.com/gpu`: the API server takes the bare name and enforces nothing.
    """
    name = typed.strip()
    if len(name) > _LONGEST or not name.isascii():
        raise Misunderstood(_("This is not the name of a resource."))
    if kind != Kind.QUOTA:
        is_extended = _EXTENDED.fullmatch(name) and not _NOT_EXTENDED.search(name)
        if name not in _OF_CONTAINERS and not is_extended:
            raise Misunderstood(_("“%(name)s” is no resource of a container.") % {"name": name})
        return _key_that_fits(Key(kind, name))
    if name in _PLAIN or _COUNTED.fullmatch(name) or _STORAGE_CLASS.fullmatch(name):
        return _key_that_fits(Key(kind, name))
    prefix, dot, extended = name.partition(".")
    if dot and prefix == "limits" and _EXTENDED.fullmatch(extended):
        raise Misunderstood(
            _("Nothing would enforce “%(name)s”; write requests.%(resource)s.")
            % {"name": name, "resource": extended}
        )
    bare = extended if dot and prefix == "requests" and _EXTENDED.fullmatch(extended) else name
    if _EXTENDED.fullmatch(bare) and not _NOT_EXTENDED.search(bare):
        return _key_that_fits(Key(kind, f"requests.{bare}"))
    raise Misunderstood(_("“%(name)s” is no resource that a quota can limit.") % {"name": name})


def _key_that_fits(key: Key) -> Key:
    """Return a key whose name the API server takes and we can store. Raises Misunderstood.

    Before the slash it takes 253 characters, behind it 63 (Kubernetes, labels and annotations, syntax).
    """
    *_prefix, name = key.resource.split("/")
    if len(key.resource) > _LONGEST or len(name) > _LONGEST_PART:
        raise Misunderstood(_("This is not the name of a resource."))
    return key


def key_at(section: str, resource: str) -> Key | None:
    """Return the limit that stands there in the cluster, or None where Berth cannot decide one."""
    kind = next((kind for kind, where in _SECTIONS.items() if where == section), None)
    try:
        key = read_key(kind, resource) if kind is not None else None
    except Misunderstood:
        return None
    return key if key is not None and key.resource == resource else None


def amount_of(key: Key, quantity: str) -> int | None:
    """Return a quantity as the API server writes it, in the unit of its family; None where no limit can be that."""
    try:
        exact = value(quantity) * (1000 if family(key.resource) == Family.CPU else 1)
    except ValueError:
        return None
    return int(exact) if exact.denominator == 1 and 0 <= exact <= _most(key) else None


def _most(key: Key) -> int:
    """Return the most that this limit can be."""
    is_whole = family(key.resource) == Family.COUNT or ".storageclass." in key.resource
    return MOST_WHOLE if is_whole else MOST


def read_amount(key: Key, typed: str) -> int:
    """Return the amount that was typed, in the unit of its family. Raises Misunderstood."""
    counted, text = family(key.resource), typed.strip()
    found = _TYPED.fullmatch(text)
    if found is None or found["unit"] not in _UNITS[counted]:
        raise Misunderstood(str(_WANTED[counted]))
    if found["part"] and counted == Family.COUNT:
        raise Misunderstood(str(_WANTED[counted]))
    thousandths = int(found["whole"]) * 1000 + int((found["part"] or "").ljust(3, "0"))
    exact = (
        Fraction(thousandths, 1000) * SUFFIXES.get(found["unit"], 1) * (1000 if counted == Family.CPU else 1)
    )
    if exact.denominator != 1:
        raise Misunderstood(_("This is less than the smallest part: a thousandth of a core, or one byte."))
    if exact > _most(key):
        raise Misunderstood(_("This is more than any cluster has."))
    if counted == Family.BYTES and 0 < exact < _LEAST_BYTES:
        raise Misunderstood(
            _("%(bytes)d bytes are less than one Mi. Write the unit, such as 8Gi.") % {"bytes": int(exact)}
        )
    return int(exact)


_WANTED: dict[Family, Promise] = {
    Family.CPU: gettext_lazy("Write cores, such as 4 or 1.5, or thousandths of a core, such as 500m."),
    Family.BYTES: gettext_lazy("Write bytes with a unit, such as 512Mi or 64Gi."),
    Family.COUNT: gettext_lazy("Write a whole number, such as 20."),
}


def problems(amounts: Amounts) -> list[tuple[Key, str]]:
    """Return what does not fit together, each with the limit that it is said of."""
    found = []
    for key, amount in amounts.items():
        for kind in _MUST_NOT_EXCEED.get(key.kind, ()):
            most = amounts.get(Key(kind, key.resource))
            if most is not None and amount > most:
                words = {"kind": kind.label, "amount": Key(kind, key.resource).text(most)}
                found.append((key, _("More than %(kind)s: %(amount)s.") % words))
    return found


_MUST_NOT_EXCEED = {
    Kind.MIN: (Kind.DEFAULT_REQUEST, Kind.DEFAULT, Kind.MAX),
    Kind.DEFAULT_REQUEST: (Kind.DEFAULT, Kind.MAX),
    Kind.DEFAULT: (Kind.MAX,),
}


def missing_defaults(amounts: Amounts) -> list[Key]:
    """Return the defaults without which a quota refuses every pod that says nothing itself.

    A quota on `requests.cpu` needs each container to request, one on `limits.cpu` each to have a limit; a default limit
    is a default request as well where none is given (Kubernetes, LimitRange).
    """
    needed = []
    for resource in ("cpu", "memory"):
        has_limit = Key(Kind.DEFAULT, resource) in amounts
        if Key(Kind.QUOTA, f"limits.{resource}") in amounts and not has_limit:
            needed.append(Key(Kind.DEFAULT, resource))
        requested = any(Key(Kind.QUOTA, name) in amounts for name in (resource, f"requests.{resource}"))
        if requested and not has_limit and Key(Kind.DEFAULT_REQUEST, resource) not in amounts:
            needed.append(Key(Kind.DEFAULT_REQUEST, resource))
    return needed
