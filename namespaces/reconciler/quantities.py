"""Amounts of CPU, bytes and things, as the API server writes them: compared by value, written in one canonical way.

The grammar is that of the Kubernetes API (reference, common definitions, Quantity). The API server keeps some spellings
and rewrites others (`4000m` becomes `4`, `1e3` pods stay `1e3`), so texts are never compared.
"""

from __future__ import annotations

import re
from enum import StrEnum
from fractions import Fraction

_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40}))"
    r"(?:(?P<suffix>[KMGTPE]i|[numkMGTPE])|[eE](?P<exponent>[+-]?[0-9]{1,3}))?"
)
_POWERS = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL = {suffix: Fraction(10) ** power for suffix, power in _POWERS.items()}
_BINARY = {f"{letter}i": 1024**power for power, letter in enumerate("KMGTPE", start=1)}
SUFFIXES = _DECIMAL | _BINARY

_CPU = {"cpu", "requests.cpu", "limits.cpu"}
_BYTES = {
    *("memory", "requests.memory", "limits.memory", "requests.storage"),
    *("ephemeral-storage", "requests.ephemeral-storage", "limits.ephemeral-storage"),
}
_OF_STORAGE_CLASS = ".storageclass.storage.k8s.io/"


class Family(StrEnum):
    """What is counted: `CPU` in thousandths of a core, `BYTES` in bytes, `COUNT` in things."""

    CPU = "cpu"
    BYTES = "bytes"
    COUNT = "count"


def family(resource: str) -> Family:
    """Return in what a resource of a quota, or of a container, is counted."""
    if resource in _CPU:
        return Family.CPU
    _class, of_storage_class, counted = resource.partition(_OF_STORAGE_CLASS)
    if resource in _BYTES or (of_storage_class and counted == "requests.storage"):
        return Family.BYTES
    return Family.COUNT


def value(text: str) -> Fraction:
    """Return the exact value of a quantity. Raises ValueError if it is none."""
    found = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"no quantity: {text!r:.60}")
    factor = Fraction(SUFFIXES.get(found["suffix"] or "", 1))
    return Fraction(found["number"]) * factor * Fraction(10) ** int(found["exponent"] or 0)


def is_same(one: str, other: str) -> bool:
    """Whether two quantities have the same value; what is none is like nothing else."""
    try:
        return value(one) == value(other)
    except ValueError:
        return False


def write(counted: Family, amount: int) -> str:
    """Return an amount, in the unit of its family, as the shortest exact quantity that people write."""
    if counted == Family.CPU:
        return str(amount // 1000) if amount % 1000 == 0 else f"{amount}m"
    if counted == Family.BYTES and amount:
        for suffix, factor in reversed(_BINARY.items()):
            if amount % factor == 0:
                return f"{amount // factor}{suffix}"
    return str(amount)


def amount(counted: Family, text: str) -> Fraction:
    """Return a quantity in the unit of its family. Raises ValueError if it is none."""
    return value(text) * (1000 if counted == Family.CPU else 1)
